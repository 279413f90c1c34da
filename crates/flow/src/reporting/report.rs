//! The last step: what happened is told. Pages hear of it at once; the forge through the outbox, which outlives
//! crashes and the forge's outages.

use crate::{
    Flow, FlowSettings,
    at_forge::{patience, speak},
    reporting::notify,
};
use anyhow::{Error, Result};
use kozmic_edges::{
    broker::Topic,
    clock,
    forge::ForgeError,
    store::{Outgoing, Subject, Way},
};
use kozmic_model::{
    build::Build,
    commit_status::{CommitState, CommitStatus, Culprit, canceled, description, job_description},
    ids::{BuildId, JobId, UserId},
    job::{CanceledBy, Job},
    spec::CONTEXT,
    status::{Status, decisive},
    time::Timestamp,
};
use std::{collections::HashMap, time::Duration};

/// Pause when the database has trouble.
const TROUBLE: Duration = Duration::from_secs(5);

/// Longest pause between two looks into the outbox.
const LOOK: Duration = Duration::from_secs(30);

/// Number of refusals by the forge, over about a day, after which a message is given up. Earlier somebody may yet act:
/// sign in again, say, or bring the commit back.
const REFUSALS: i32 = 150;

/// Next step after a look into the outbox.
enum Next {
    /// Look again at once.
    Look,
    /// Wait for so long, or until something new comes in.
    Wait(Duration),
}

/// Time until which the forge asked a person to be quiet: it limits each person by themselves.
type Quiet = HashMap<UserId, Timestamp>;

/// Sends what the outbox holds for one way out, one after another, the longest due first.
pub(crate) async fn forever(flow: Flow, way: Way) {
    let mut bell = flow.edges.broker.bell(Topic::Outbox);
    let mut quiet = Quiet::new();
    while !flow.stop.is_cancelled() {
        match next(&flow, way, &mut quiet).await {
            Ok(Next::Look) => {}
            Ok(Next::Wait(wait)) => tokio::select! {
                () = bell.rung() => {}
                () = tokio::time::sleep(wait.min(LOOK)) => {}
                () = flow.stop.cancelled() => {}
            },
            Err(fault) => {
                tracing::error!(error = format!("{fault:#}"), "the outbox cannot be worked on");
                flow.pause(TROUBLE).await;
            }
        }
    }
}

/// Sends one message if one is due.
async fn next(flow: &Flow, way: Way, quiet: &mut Quiet) -> Result<Next> {
    let Some(outgoing) = flow.edges.store.outbox().next_outgoing(way).await? else {
        return Ok(Next::Wait(LOOK));
    };
    let ahead = outgoing.not_before.since(clock::now());
    if !ahead.is_zero() {
        return Ok(Next::Wait(ahead));
    }
    let owner = owner(flow, outgoing).await?;
    quiet.retain(|_, until| *until > clock::now());
    if let Some(until) = owner.and_then(|owner| quiet.get(&owner)) {
        return flow.edges.store.outbox().hold_back(outgoing, *until).await.map(|()| Next::Look);
    }
    let told = tokio::select! {
        told = tell(flow, outgoing) => told,
        () = flow.stop.cancelled() => return Ok(Next::Look),
    };
    match told {
        Ok(()) => flow.edges.store.outbox().sent(outgoing).await.map(|()| Next::Look),
        Err(fault) => {
            let until = postpone(flow, outgoing, &fault).await?;
            if let Some(ForgeError::RateLimited { .. }) = fault.downcast_ref() {
                quiet.extend(owner.zip(until));
            }
            Ok(Next::Look)
        }
    }
}

/// Person in whose name the forge is told, as a rule.
async fn owner(flow: &Flow, outgoing: Outgoing) -> Result<Option<UserId>> {
    let build = match outgoing.subject {
        Subject::CommitStatus(build) => build,
        Subject::JobStatus(_) => return flow.edges.store.auto_builder().auto_builder().await,
        Subject::News(_) | Subject::Mail(_) | Subject::MailLink(_) => return Ok(None),
    };
    let Some(build) = flow.edges.store.builds().build_by_id(build).await? else { return Ok(None) };
    Ok(flow.edges.store.projects().project(build.project).await?.map(|project| project.owner))
}

async fn tell(flow: &Flow, outgoing: Outgoing) -> Result<()> {
    match outgoing.subject {
        Subject::CommitStatus(build) => commit_status(flow, build).await,
        Subject::JobStatus(job) => job_status(flow, job).await,
        Subject::News(build) => notify::spread(flow, outgoing, build).await,
        Subject::Mail(mail) => notify::send(flow, mail).await,
        Subject::MailLink(user) => notify::send_link(flow, outgoing, user).await,
    }
}

/// A build whose project was deleted meanwhile is nothing to tell of: nobody may speak for it.
async fn commit_status(flow: &Flow, build: BuildId) -> Result<()> {
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

/// Status that the forge shall show now for the jobs of hooks. It has one place for a commit, however many branches are
/// there: the worst verdict of all of them counts. None if no hook has a job there.
async fn compose(flow: &Flow, build: &Build) -> Result<Option<CommitStatus>> {
    let mut verdicts = Vec::new();
    for build in flow.edges.store.builds().builds_of_commit(build.project, &build.sha).await? {
        verdicts.extend(Verdict::of(flow, build).await?);
    }
    if verdicts.is_empty() {
        // Of hooks it is this build's alone, though its branch is gone.
        verdicts.extend(Verdict::of(flow, build.clone()).await?);
    }
    // The verdict of another branch tells more than one that a newer push left open, or that waits to be approved.
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
        context: CONTEXT.to_owned(),
        state,
        description,
        target_url: build_url(&flow.settings, &build),
    }))
}

/// Verdict on the hooks' jobs of one build.
struct Verdict {
    build: Build,
    status: Status,
    /// The job that decides.
    culprit: Option<Culprit>,
    /// Reason of the cancellation, if it was no person's.
    canceled_by: Option<CanceledBy>,
}

impl Verdict {
    /// None if hooks have no jobs there.
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

    /// Whether nothing is known of the commit by it. A stranger can have any commit held, by a pull request that begins there.
    fn is_left_open(&self) -> bool {
        self.status == Status::Held || self.status == Status::Canceled && self.canceled_by.is_some()
    }
}

/// A job of the Auto Builder has a status of its own, in the Auto Builder's name.
async fn job_status(flow: &Flow, job: JobId) -> Result<()> {
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

/// One name says what the worst of all jobs of that name came to, on each branch that the commit is on: else a job that
/// ends well would hide one that did not.
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

/// The address of a build's page.
pub(crate) fn build_url(settings: &FlowSettings, build: &Build) -> String {
    settings.address(&format!("/projects/{}/builds/{}/", build.project, build.id))
}

/// Notes when to try again; none if that makes no sense.
async fn postpone(flow: &Flow, outgoing: Outgoing, fault: &Error) -> Result<Option<Timestamp>> {
    let words = format!("{fault:#}");
    tracing::warn!(
        subject = ?outgoing.subject,
        tries = outgoing.tries,
        error = words,
        "a message was not sent"
    );
    if (patience::is_refusal(fault) && outgoing.tries >= REFUSALS)
        || notify::is_given_up(fault, outgoing.tries)
    {
        return flow.edges.store.outbox().sent(outgoing).await.map(|()| None);
    }
    let wait = patience::asked_wait(fault).max(backoff(outgoing.tries));
    let until = clock::now().after(wait);
    flow.edges.store.outbox().postpone(outgoing, until, &words).await?;
    Ok(Some(until))
}

/// 1 s, doubled with each try, up to 10 minutes.
fn backoff(tries: i32) -> Duration {
    Duration::from_secs(1_u64 << tries.clamp(0, 20)).min(Duration::from_secs(600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_ever_more_seldom_up_to_ten_minutes() {
        let seconds = [0, 1, 2, 9, 10, 500].map(|tries| backoff(tries).as_secs());
        assert_eq!(seconds, [1, 2, 4, 512, 600, 600]);
    }
}
