//! The steps of a random sequence: those that are possible, and their effects.

use super::Chaos;

/// One step. A number is the place of a runner in the list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Push,
    /// A waiting script prints its next part.
    GoOn,
    /// Some script starts, asks or ends; or none does so for a while.
    Wait,
    /// A failure lasts until a script starts, asks or ends, or until the lease is over.
    Outlast,
    KillServer,
    UpdateServer,
    StartServer,
    KillRunner(usize),
    UpdateRunner(usize),
    HaltRunner(usize),
    ContinueRunner(usize),
    StartRunner(usize),
    Cut(usize),
    Freeze(usize),
    Mend(usize),
}

/// The state of a runner's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    Runs,
    Halted,
    Gone,
}

impl Chaos {
    /// The steps that can be next; the more often a step is here, the likelier it is.
    pub(super) fn possible(&self) -> Vec<Step> {
        let mut steps = vec![Step::Wait; 3];
        if self.pushed.len() < self.pushes {
            steps.extend([Step::Push; 2]);
        }
        if self.waiting().next().is_some() {
            steps.extend([Step::GoOn; 4]);
            steps.extend(self.has_failure().then_some(Step::Outlast));
        }
        steps.extend(match self.has_server {
            true => vec![Step::KillServer, Step::UpdateServer],
            false => vec![Step::StartServer; 4],
        });
        for at in 0..self.processes.len() {
            steps.extend(match self.processes[at] {
                Process::Runs => vec![Step::KillRunner(at), Step::UpdateRunner(at), Step::HaltRunner(at)],
                Process::Halted => {
                    vec![Step::ContinueRunner(at), Step::ContinueRunner(at), Step::KillRunner(at)]
                }
                Process::Gone => vec![Step::StartRunner(at); 3],
            });
            steps.extend(match self.is_whole[at] {
                true => vec![Step::Cut(at), Step::Freeze(at)],
                false => vec![Step::Mend(at); 3],
            });
        }
        steps
    }

    fn has_failure(&self) -> bool {
        let runs = self.processes.iter().all(|process| *process == Process::Runs);
        !self.has_server || !runs || !self.is_whole.iter().all(|is_whole| *is_whole)
    }

    /// Notes the effect of a step.
    pub(super) fn note(&mut self, step: Step) {
        match step {
            Step::Push | Step::GoOn | Step::Wait | Step::Outlast => {}
            Step::KillServer => self.has_server = false,
            Step::UpdateServer | Step::StartServer => self.has_server = true,
            Step::KillRunner(at) => self.processes[at] = Process::Gone,
            Step::HaltRunner(at) => self.processes[at] = Process::Halted,
            Step::UpdateRunner(at) | Step::ContinueRunner(at) | Step::StartRunner(at) => {
                self.processes[at] = Process::Runs;
            }
            Step::Cut(at) | Step::Freeze(at) => self.is_whole[at] = false,
            Step::Mend(at) => self.is_whole[at] = true,
        }
    }
}

/// Pseudo-random numbers (SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below the limit.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap_or_default()
    }
}
