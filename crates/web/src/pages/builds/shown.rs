//! The job and the attempt whose log is shown: the present attempt, or an earlier one.

use super::super::tail;
use super::made::{Made, Work};
use super::view::{self, Around, PhasePart};
use crate::{app::Shared, attempts, error::WebError, log_text};
use kozmic_edges::{clock, store::IMAGES};
use kozmic_model::{
    job::{Job, PastAttempt},
    kernel_image::image_wish,
    spent::Spent,
    status::Status,
};

/// The job whose log is shown, as it was in the shown attempt.
pub(super) struct Shown {
    pub(super) job: Job,
    /// All attempts, the oldest first; empty if there is only one.
    pub(super) attempts: Vec<AttemptLink>,
    /// True if another attempt followed.
    pub(super) is_past: bool,
    pub(super) phases: Vec<PhasePart>,
    /// The times that this attempt waited and ran.
    pub(super) spent: Spent,
    pub(super) reason: Option<String>,
    pub(super) tail: String,
    /// The work, unless it is a hook's script.
    pub(super) work: Option<Work>,
    /// The artifacts of the present attempt. Those of earlier attempts are unknown.
    pub(super) made: Vec<Made>,
}

/// One attempt of a job, as a link.
pub(super) struct AttemptLink {
    pub(super) number: i32,
    pub(super) status: Status,
    pub(super) is_present: bool,
    pub(super) is_shown: bool,
}

impl Shown {
    /// The facts to show of a job's attempt.
    pub(super) async fn of(
        app: &Shared,
        job: &Job,
        wanted: &attempts::Wanted,
        around: Around<'_>,
        only_live: bool,
    ) -> Result<Self, WebError> {
        let past = app.edges.store.builds().past_attempts(job.id).await?;
        let shown = attempts::as_of(job, &past, wanted).ok_or(WebError::NotFound)?;
        let tail = match only_live {
            true => String::new(),
            false => match log_text::forgotten(app, &shown).await? {
                Some(words) => words,
                None => tail::of(&app.edges.logs.reader(shown.shown_attempt())).await?,
            },
        };
        let phases = PhasePart::of(&shown.phases, shown.status, clock::now());
        let reason = view::reason(&shown, around);
        let is_past = shown.shown_attempt() != job.shown_attempt();
        let made = match is_past {
            true => Vec::new(),
            false => Made::all(app.edges.store.artifacts().artifacts_of_jobs(&[job.id]).await?, &app.face),
        };
        let (attempts, kept) = (links_of(job, &past, &shown), kept_as(app, job).await?);
        let work = Work::of(&job.spec.task).map(|work| work.kept_as(kept));
        let spent = shown.span().spent(around.frame.now);
        Ok(Self { attempts, is_past, phases, spent, reason, tail, work, made, job: shown })
    }

    /// Number of the shown attempt, from 1.
    pub(super) fn number(&self) -> i32 {
        self.job.shown_attempt().number
    }

    /// The query of an address that means this attempt, even if another follows.
    pub(super) fn query(&self) -> String {
        if self.is_past { format!("?attempt={}", self.number()) } else { String::new() }
    }

    /// The address of the log.
    pub(super) fn feed(&self) -> String {
        let Job { project, id, .. } = &self.job;
        let attempt = if self.is_past { format!("/{}", self.number()) } else { String::new() };
        format!("/projects/{project}/jobs/{id}/log/live{attempt}")
    }

    /// True if the job can be canceled.
    pub(super) fn can_be_canceled(&self) -> bool {
        !self.job.status.is_finished() && !self.job.cancel_requested
    }

    /// True if the job can be run again.
    pub(super) fn can_run_again(&self) -> bool {
        self.job.status.is_finished() && !self.is_past
    }
}

/// The name under which a job's container is kept; none if it is not kept.
async fn kept_as(app: &Shared, job: &Job) -> Result<Option<String>, WebError> {
    let store = &app.edges.store;
    let Some(plain) = job.spec.task.product().and_then(|product| product.keep.as_ref()) else {
        return Ok(None);
    };
    let (build, project) =
        (store.builds().build_by_id(job.build).await?, store.projects().project(job.project).await?);
    let Some((build, project)) = build.zip(project) else { return Ok(None) };
    let wish = image_wish(&project.repository.full_name(), &build.git_ref, plain);
    let given = store.artifacts().given_name(IMAGES, &wish).await?;
    Ok(Some(given.unwrap_or_else(|| wish.first().to_owned())))
}

fn links_of(job: &Job, past: &[PastAttempt], shown: &Job) -> Vec<AttemptLink> {
    if past.is_empty() {
        return Vec::new();
    }
    let (present, shown) = (job.shown_attempt().number, shown.shown_attempt().number);
    let earlier = past.iter().map(|attempt| attempts::then(job, attempt));
    let all = earlier.chain([job.clone()]).map(|then| (then.shown_attempt().number, then.status));
    all.map(|(number, status)| AttemptLink {
        number,
        status,
        is_present: number == present,
        is_shown: number == shown,
    })
    .collect()
}
