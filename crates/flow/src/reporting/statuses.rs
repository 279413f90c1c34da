//! Commit statuses, which the forge shows for a commit: one for all hooks' jobs, and one for each job of the Auto
//! Builder.

use crate::{Flow, at_forge::speak};
use anyhow::Result;
use kozmic_model::{
    build::Build,
    commit_status::{CommitState, CommitStatus, Culprit, canceled, description, job_description},
    ids::{BuildId, JobId},
    job::{CanceledBy, Job},
    spec,
    status::{Status, decisive},
};

/// Sends the commit status of a build's hooks. If the build's project was removed meanwhile, nothing is sent, because
/// nobody may act for it at the forge.
pub(crate) async fn of_build(flow: &Flow, build: BuildId) -> Result<()> {
    let store = &flow.edges.store;
    let Some(build) = store.builds().build_by_id(build).await? else { return Ok(()) };
    if store.projects().project(build.project).await?.is_none() {
        return Ok(());
    }
    let Some(status) = &compose(flow, &build).await? else { return Ok(()) };
    let forge = flow.edges.forge.as_ref();
    let tell = |token, repository| async move { forge.set_status(&token, &repository, status).await };
    speak::for_project(&flow.edges, build.project, tell).await
}

/// The status of the hooks' jobs that the forge must show now. The forge has one place for a commit, even if several
/// branches are at it: the worst verdict of all these branches counts. None if no hook has a job there.
async fn compose(flow: &Flow, build: &Build) -> Result<Option<CommitStatus>> {
    let mut verdicts = Vec::new();
    for build in flow.edges.store.builds().builds_of_commit(build.project, &build.sha).await? {
        verdicts.extend(Verdict::of(flow, build).await?);
    }
    if verdicts.is_empty() {
        // Only this build has jobs of hooks, although its branch is gone.
        verdicts.extend(Verdict::of(flow, build.clone()).await?);
    }
    // The verdict of another branch says more than a verdict that a newer push left open, or that waits for an
    // approval.
    if !verdicts.iter().all(Verdict::is_left_open) {
        verdicts.retain(|verdict| !verdict.is_left_open());
    }
    let statuses = verdicts.iter().map(|verdict| verdict.status).collect::<Vec<_>>();
    let verdict = decisive(&statuses).map(|index| verdicts.swap_remove(index));
    let Some(Verdict { build, status, culprit, canceled_by }) = verdict else { return Ok(None) };
    let (state, description) = match status {
        Status::Canceled => canceled(build.number, canceled_by),
        status => (status.into(), description(build.number, status, culprit.as_ref())),
    };
    Ok(Some(CommitStatus {
        project: build.project,
        build: build.id,
        sha: build.sha.clone(),
        context: spec::CONTEXT.to_owned(),
        state,
        description,
        target_url: build.url(flow.settings.public_url.as_str()),
    }))
}

/// Verdict on the hooks' jobs of one build.
struct Verdict {
    build: Build,
    status: Status,
    /// The job that decides the status.
    culprit: Option<Culprit>,
    /// Reason of the cancellation, if no person canceled.
    canceled_by: Option<CanceledBy>,
}

impl Verdict {
    /// The verdict on a build; none if hooks have no jobs in it.
    async fn of(flow: &Flow, build: Build) -> Result<Option<Self>> {
        let mut jobs = flow.edges.store.builds().jobs_of(build.id).await?;
        jobs.retain(|job| !job.spec.origin.is_automatic());
        let status = Status::of_build(&jobs.iter().map(|job| job.status).collect::<Vec<_>>());
        let culprit = jobs.iter().find(|job| job.status == status).map(Culprit::of);
        let canceled = jobs.iter().filter(|job| job.status == Status::Canceled);
        let by_nobody = canceled.clone().all(|job| job.canceled_by.is_some());
        let canceled_by = canceled.filter_map(|job| job.canceled_by).next().filter(|_| by_nobody);
        Ok((!jobs.is_empty()).then_some(Self { build, status, culprit, canceled_by }))
    }

    /// True if the verdict says nothing about the commit. A stranger can get any commit held, with a pull request that
    /// begins at it.
    fn is_left_open(&self) -> bool {
        self.status == Status::Held || self.status == Status::Canceled && self.canceled_by.is_some()
    }
}

/// Sends the commit status of a job of the Auto Builder, in the name of the Auto Builder.
pub(crate) async fn of_job(flow: &Flow, job: JobId) -> Result<()> {
    let store = &flow.edges.store;
    let Some(job) = store.builds().job_by_id(job).await? else { return Ok(()) };
    let Some(build) = store.builds().build_by_id(job.build).await? else { return Ok(()) };
    if store.projects().project(build.project).await?.is_none() {
        return Ok(());
    }
    let (forge, status) = (flow.edges.forge.as_ref(), &compose_job(flow, &build, job).await?);
    let tell = |token, repository| async move { forge.set_status(&token, &repository, status).await };
    speak::as_auto_builder(&flow.edges, build.project, tell).await
}

/// The status under a job's name. It is the worst status of all jobs with that name, on each branch that is at the
/// commit. Otherwise a job that succeeds would hide one that failed.
async fn compose_job(flow: &Flow, build: &Build, job: Job) -> Result<CommitStatus> {
    let autobuild = flow.settings.autobuild.as_ref();
    let name = autobuild.and_then(|autobuild| autobuild.status_context.clone());
    let context = |job: &Job| name.clone().unwrap_or_else(|| job.spec.origin.context());
    let mut namesakes = Vec::new();
    for build in flow.edges.store.builds().builds_of_commit(build.project, &build.sha).await? {
        namesakes.extend(flow.edges.store.builds().jobs_of(build.id).await?);
    }
    namesakes.retain(|other| other.spec.origin.is_automatic() && context(other) == context(&job));
    let statuses = namesakes.iter().map(|job| job.status).collect::<Vec<_>>();
    let job = decisive(&statuses).map_or(job, |index| namesakes.swap_remove(index));
    Ok(CommitStatus {
        project: build.project,
        build: job.build,
        sha: build.sha.clone(),
        context: context(&job),
        state: CommitState::of_job(job.status),
        description: job_description(job.status, job.reason.as_deref()),
        target_url: flow.settings.address(&format!("/report/{}", job.id)),
    })
}
