//! Facts of jobs on their build's page: the job to show first, the reason for waiting, the times of the phases.

use super::super::{frame::Frame, parts};
use askama::filters::Safe;
use kozmic_model::{
    build::Build,
    ids::{BuildId, JobId, ProjectId},
    job::Job,
    phase::Phase,
    project::Project,
    runner::{JobClass, why_waiting},
    status::Status,
    time::{Timestamp, spoken},
};

/// Everything around the jobs of a page.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) frame: &'a Frame,
    pub(super) project: &'a Project,
    pub(super) build: &'a Build,
}

/// A job's tab.
pub(super) struct JobTab {
    pub(super) project: ProjectId,
    pub(super) build: BuildId,
    pub(super) id: JobId,
    pub(super) title: String,
    pub(super) status: Status,
    pub(super) note: Note,
    pub(super) is_shown: bool,
}

/// The note behind a job's title.
pub(super) enum Note {
    /// The time that it took or has taken so far.
    Time(Safe<String>),
    /// The reason why it waits, in short.
    Waits(String),
    /// It ended without having begun.
    Never,
}

/// The buttons that a person gets for a build.
pub(super) struct Orders {
    /// Number of jobs that would run again.
    pub(super) failed: usize,
    /// True if jobs can be canceled.
    pub(super) can_be_canceled: bool,
    /// True if jobs wait for an approval that this person may give.
    pub(super) can_be_approved: bool,
}

/// A part of the bar that shows the times of the phases.
pub(super) struct PhasePart {
    pub(super) word: &'static str,
    pub(super) time: Safe<String>,
    /// Its share of the whole, from 1 to 10.
    pub(super) share: u64,
    pub(super) lasts: bool,
}

impl JobTab {
    /// The tab of a job, beside the one whose log is shown.
    pub(super) fn of(job: &Job, shown: Option<&Job>, around: Around<'_>) -> Self {
        let note = match (job.started_at, job.status) {
            (Some(start), _) => Note::Time(parts::length(&start, &job.finished_at, &around.frame.now)),
            (None, Status::Held) => Note::Waits("to be approved".to_owned()),
            (None, Status::Enqueued) => Note::Waits(shortly(&reason(job, around).unwrap_or_default())),
            (None, _) => Note::Never,
        };
        Self {
            project: job.project,
            build: job.build,
            id: job.id,
            title: job.spec.title.clone(),
            status: job.status,
            note,
            is_shown: shown.is_some_and(|shown| shown.id == job.id),
        }
    }
}

impl Orders {
    /// The buttons that this person gets for a build of these jobs.
    pub(super) fn of(jobs: &[Job], frame: &Frame) -> Self {
        let bad = |job: &&Job| job.status.is_finished() && job.status != Status::Success;
        let goes_on = |job: &Job| !job.status.is_finished() && !job.cancel_requested;
        match frame.manages() {
            true => Self {
                failed: jobs.iter().filter(bad).count(),
                can_be_canceled: jobs.iter().any(goes_on),
                can_be_approved: jobs.iter().any(|job| job.status == Status::Held),
            },
            false => Self { failed: 0, can_be_canceled: false, can_be_approved: false },
        }
    }
}

impl PhasePart {
    /// The bar of a job: each phase by its share of the whole.
    pub(super) fn of(phases: &[Phase], status: Status, now: Timestamp) -> Vec<Self> {
        let lengths = phases.iter().map(|phase| phase.duration(now).as_millis()).collect::<Vec<_>>();
        let whole = lengths.iter().sum::<u128>().max(1);
        let part = |(phase, length): (&Phase, &u128)| {
            let lasts = phase.finished_at.is_none() && !status.is_finished();
            let tenths = u64::try_from((length * 10).div_ceil(whole)).unwrap_or(10);
            let time = match lasts {
                true => parts::length(&phase.started_at, &None, &now),
                false => Safe(spoken(phase.duration(now))),
            };
            Self { word: phase.kind.word(), time, share: tenths.clamp(1, 10), lasts }
        };
        phases.iter().zip(&lengths).map(part).collect()
    }
}

/// The job to show if none is named: first one that failed, then one that runs.
pub(super) fn telling(jobs: &[Job]) -> Option<&Job> {
    let order =
        [Status::Error, Status::Failure, Status::Pending, Status::Canceled, Status::Held, Status::Enqueued];
    order.iter().find_map(|status| jobs.iter().find(|job| job.status == *status)).or(jobs.first())
}

/// The reason why a job waits or ended badly, in a sentence.
pub(super) fn reason(job: &Job, Around { frame, project, build }: Around<'_>) -> Option<String> {
    match job.status {
        Status::Enqueued => {
            let project = project.repository.full_name();
            let (labels, is_from_fork) = (job.spec.labels.clone(), build.git_ref.is_from_fork());
            Some(why_waiting(&frame.runners, &JobClass { project, labels, is_from_fork }, frame.now))
        }
        Status::Pending if job.cancel_requested => Some("Stops: somebody asked to cancel it.".to_owned()),
        _ => job.reason.clone(),
    }
}

/// The beginning of a sentence, short enough for a tab.
fn shortly(sentence: &str) -> String {
    let end = [": ", ". "].iter().filter_map(|mark| sentence.find(mark)).min().unwrap_or(sentence.len());
    let mut signs = sentence[..end].trim_end_matches('.').chars();
    signs.next().map(|first| first.to_lowercase().chain(signs).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::frame::samples;
    use kozmic_model::phase::PhaseKind;

    #[test]
    fn a_tab_has_the_beginning_of_a_sentence() {
        let engine = "The Docker engine at unix:///run/docker.sock does not answer: there is no such socket";
        assert_eq!(shortly(engine), "the Docker engine at unix:///run/docker.sock does not answer");
        assert_eq!(shortly("Waits for a free runner: 2 of 2 jobs run now."), "waits for a free runner");
        assert_eq!(shortly("Starts in a moment."), "starts in a moment");
    }

    #[test]
    fn the_job_that_went_wrong_is_shown_first() {
        let jobs = [Status::Success, Status::Pending, Status::Failure].map(samples::job);
        assert_eq!(telling(&jobs).unwrap().status, Status::Failure);
        assert_eq!(telling(&jobs[..2]).unwrap().status, Status::Pending);
        assert_eq!(telling(&jobs[..1]).unwrap().status, Status::Success);
        assert!(telling(&[]).is_none());
    }

    #[test]
    fn each_phase_has_its_share_and_none_vanishes() {
        let phase = |kind, from, to: Option<i64>| Phase {
            kind,
            started_at: Timestamp(from),
            finished_at: to.map(Timestamp),
        };
        let phases = [phase(PhaseKind::Checkout, 0, Some(61)), phase(PhaseKind::Build, 61, None)];
        let bar = PhasePart::of(&phases, Status::Pending, Timestamp(64_061));
        assert_eq!(
            bar.iter().map(|part| (part.share, part.lasts)).collect::<Vec<_>>(),
            [(1, false), (10, true)]
        );
        assert_eq!(bar[0].time.0, "61 ms");
        assert!(bar[1].time.0.contains("1:04"));
        assert!(!PhasePart::of(&phases, Status::Error, Timestamp(64_061))[1].lasts);
    }

    #[test]
    fn a_tab_says_shortly_why_its_job_waits() {
        assert_eq!(shortly("Waits for a free runner: 2 of 2 jobs run now."), "waits for a free runner");
        assert_eq!(shortly("Starts in a moment."), "starts in a moment");
        assert_eq!(shortly(""), "");
    }
}
