//! The plans of a test for an engine's calls, faults and holds, and the record of calls.

use crate::verb::Verb;
use tokio::sync::watch;

/// A future call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The call with this number, from 0.
    Call(usize),
    /// The next call of this verb for which nothing else is planned.
    Next(Verb),
}

/// A fault of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The engine refuses the call and does nothing.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The message.
        message: String,
    },
    /// The engine cannot be reached, and does nothing.
    Unreachable,
    /// The engine executes the call, but its answer is lost.
    Lost,
    /// The engine cannot be reached from this call on, until [`ScriptedEngine::come_back`](crate::ScriptedEngine::come_back).
    Away,
    /// The engine restarts instead of an answer.
    Restart(Restart),
    /// The call's stream breaks off with a lost connection: an archive in the middle, output after its first piece. For
    /// calls without a stream, the same as [`Fault::Lost`].
    Cut,
    /// The call's archive ends in the middle, as if it were complete. For calls without one, the same as
    /// [`Fault::Lost`].
    Torn,
}

/// A side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The engine has done nothing yet.
    Question,
    /// The engine has executed the call.
    Answer,
}

/// The state of a held call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HoldState {
    Expected,
    Waiting,
    Open,
}

/// A call that is held until this is dropped or released.
pub struct Held(watch::Sender<HoldState>);

impl Held {
    /// Waits until the call has arrived and waits.
    pub async fn arrived(&self) {
        let mut state = self.0.subscribe();
        let there = state.wait_for(|state| *state == HoldState::Waiting).await;
        there.map(drop).expect("the sender is here");
    }

    /// Lets the call continue.
    pub fn release(self) {}
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_replace(HoldState::Open);
    }
}

/// A call that waits until it is released.
pub(crate) struct Hold {
    side: Side,
    state: watch::Sender<HoldState>,
}

impl Hold {
    async fn pass(&self) {
        let mut state = self.state.subscribe();
        self.state.send_if_modified(|state| {
            let is_shut = *state == HoldState::Expected;
            if is_shut {
                *state = HoldState::Waiting;
            }
            is_shut
        });
        let open = state.wait_for(|state| *state == HoldState::Open).await;
        open.map(drop).expect("the sender is here");
    }
}

/// The record of calls, and the plans for future ones.
#[derive(Default)]
pub(crate) struct Plans {
    calls: Vec<Verb>,
    faults: Vec<(At, Fault)>,
    holds: Vec<(At, Hold)>,
}

impl Plans {
    /// Records a call, and takes out the fault and the hold that are planned for it.
    pub(crate) fn note(&mut self, verb: Verb) -> (Option<Fault>, Option<Hold>) {
        let now = At::Call(self.calls.len());
        self.calls.push(verb);
        (take(&mut self.faults, now, verb), take(&mut self.holds, now, verb))
    }

    /// Plans a fault.
    pub(crate) fn fail(&mut self, at: At, fault: Fault) {
        self.faults.push((at, fault));
    }

    /// Plans a hold on one side of a call.
    pub(crate) fn hold(&mut self, at: At, side: Side) -> Held {
        let state = watch::Sender::new(HoldState::Expected);
        self.holds.push((at, Hold { side, state: state.clone() }));
        Held(state)
    }

    /// The recorded calls in their order.
    pub(crate) fn calls(&self) -> Vec<Verb> {
        self.calls.clone()
    }

    /// Forgets the recorded calls.
    pub(crate) fn forget_calls(&mut self) {
        self.calls.clear();
    }

    /// Number of planned faults that did not happen yet.
    pub(crate) fn faults_left(&self) -> usize {
        self.faults.len()
    }
}

fn take<T>(planned: &mut Vec<(At, T)>, now: At, verb: Verb) -> Option<T> {
    let mine = |at: &At| *at == now || *at == At::Next(verb);
    let place = planned.iter().position(|(at, _)| mine(at))?;
    Some(planned.remove(place).1)
}

/// The fate of the containers when an engine restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// They continue, as with `live-restore`.
    RunsOn,
    /// The engine stopped, so they got SIGTERM, and SIGKILL if they ignored it.
    Stops,
    /// The engine was killed, and ends them by SIGKILL when it is back.
    Kills,
}

/// Waits if a call is held on this side.
pub(crate) async fn pass(hold: Option<&Hold>, side: Side) {
    if let Some(hold) = hold.filter(|hold| hold.side == side) {
        hold.pass().await;
    }
}
