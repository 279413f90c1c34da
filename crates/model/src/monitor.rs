//! The monitor's state of an Auto Builder job: one word, in the words of people who wait for an artifact. The monitor
//! only shows jobs and changes nothing.

use crate::{git::GitRef, job::Job, phase::PhaseKind, project::Repository, status::Status};
use std::fmt;

/// The state of a job, as the monitor shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MonitorState {
    /// It waits for a runner.
    Waiting,
    /// A runner took it: its image is pulled, and its container is created.
    Creating,
    /// The commit is fetched and put into the container.
    Initializing,
    /// Its script runs.
    Building,
    /// Its container is committed as an image.
    Committing,
    /// Its artifact is published.
    Uploading,
    /// It ended well.
    Success,
    /// It failed, broke, or was stopped.
    Error,
}

impl MonitorState {
    /// All states, in the order of a job's life.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Creating,
        Self::Initializing,
        Self::Building,
        Self::Committing,
        Self::Uploading,
        Self::Success,
        Self::Error,
    ];

    /// The state of this job.
    pub fn of(job: &Job) -> Self {
        match job.status {
            Status::Held | Status::Enqueued => Self::Waiting,
            Status::Pending => job.phases.last().map_or(Self::Creating, |phase| Self::during(phase.kind)),
            Status::Success => Self::Success,
            Status::Failure | Status::Error | Status::Canceled => Self::Error,
        }
    }

    /// The word in JSON and in style sheets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Creating => "creating",
            Self::Initializing => "initializing",
            Self::Building => "building",
            Self::Committing => "committing",
            Self::Uploading => "uploading",
            Self::Success => "success",
            Self::Error => "error",
        }
    }

    /// The word on pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Creating => "Creating",
            Self::Initializing => "Initializing",
            Self::Building => "Building",
            Self::Committing => "Committing",
            Self::Uploading => "Uploading",
            Self::Success => "Success",
            Self::Error => "Error",
        }
    }

    /// The job status whose icon stands beside the word.
    pub fn status(self) -> Status {
        match self {
            Self::Waiting => Status::Enqueued,
            Self::Creating | Self::Initializing | Self::Building | Self::Committing | Self::Uploading => {
                Status::Pending
            }
            Self::Success => Status::Success,
            Self::Error => Status::Error,
        }
    }

    /// True if the job has ended.
    pub fn is_finished(self) -> bool {
        self.status().is_finished()
    }

    fn during(phase: PhaseKind) -> Self {
        match phase {
            PhaseKind::Pull => Self::Creating,
            PhaseKind::Checkout | PhaseKind::Install | PhaseKind::Check => Self::Initializing,
            PhaseKind::Build => Self::Building,
            PhaseKind::Commit => Self::Committing,
            PhaseKind::Publish => Self::Uploading,
        }
    }
}

impl fmt::Display for MonitorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The monitor's name of a build: `<owner>/<repository>/<branch>`.
pub fn build_name(repository: &Repository, git_ref: &GitRef) -> String {
    format!("{}/{}", repository.full_name(), git_ref.label())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{phase::Phase, samples, time::Timestamp};

    fn job(status: Status, phases: &[PhaseKind]) -> Job {
        let phases = phases.iter().map(|kind| Phase::begin(*kind, Timestamp(2))).collect();
        Job { phases, ..samples::job("a.sh", status) }
    }

    #[test]
    fn a_running_job_is_where_its_last_phase_is() {
        use PhaseKind::{Build, Check, Checkout, Commit, Install, Publish, Pull};
        let state = |phases: &[PhaseKind]| MonitorState::of(&job(Status::Pending, phases)).word();
        assert_eq!(state(&[]), "creating");
        assert_eq!(state(&[Pull]), "creating");
        for phase in [Checkout, Install, Check] {
            assert_eq!(state(&[Pull, phase]), "initializing", "{phase:?}");
        }
        assert_eq!(state(&[Pull, Checkout, Build]), "building");
        assert_eq!(state(&[Checkout, Build, Commit]), "committing");
        assert_eq!(state(&[Checkout, Build, Commit, Publish]), "uploading");
    }

    #[test]
    fn whatever_ended_badly_is_an_error() {
        let state = |status| MonitorState::of(&job(status, &[PhaseKind::Build])).word();
        assert_eq!(state(Status::Enqueued), "waiting");
        assert_eq!(state(Status::Success), "success");
        for status in [Status::Failure, Status::Error, Status::Canceled] {
            assert_eq!(state(status), "error", "{status}");
        }
    }

    #[test]
    fn a_state_is_over_exactly_when_its_job_is() {
        let over = MonitorState::ALL.into_iter().filter(|state| state.is_finished()).collect::<Vec<_>>();
        assert_eq!(over, [MonitorState::Success, MonitorState::Error]);
    }
}
