//! Reads and checks the configuration repository, on start and on each push to it, as a job of its own. Keeps webhooks
//! at this repository and at those that it names.

mod readings;
mod check;
mod images;
mod telling;
mod webhooks;

use crate::{
    AutobuildSettings, Flow,
    at_forge::{keys, speak},
    ring, steer,
};
use anyhow::{Context, Result};
use kozmic_edges::{
    clock,
    forge::Head,
    store::{Heard, Planned, ProjectChange},
};
use kozmic_model::{
    build::Build,
    event::{Change, PushedCommit, Trigger},
    git::GitRef,
    ids::RepositoryId,
    interruption::IfInterrupted,
    job::Job,
    project::{Project, Repository},
    spec::{JobSpec, Origin, Task},
};
use kozmic_runner::Runner;
use secrecy::SecretString;
use std::time::Duration;

/// Interval between routine checks of the webhooks.
const LOOK: Duration = Duration::from_secs(4 * 3_600);

/// Pauses before a failed step is tried again, in seconds. The last one is repeated.
const PAUSES: [u64; 5] = [5, 15, 60, 300, 600];

/// Reads the configuration on start and whenever it is pushed, and keeps webhooks right.
pub(crate) async fn forever(flow: Flow, runner: Runner) {
    let Some(settings) = flow.settings.autobuild.clone() else { return };
    tokio::join!(readings::forever(&flow, &settings, &runner), looks(&flow, &settings));
}

/// The job that a push to the configuration repository's default branch makes.
pub(crate) fn job_of(
    settings: &AutobuildSettings,
    repository: &Repository,
    change: &Change,
) -> Option<JobSpec> {
    let name = settings.configuration.as_ref()?;
    let is_meant = name.eq_ignore_ascii_case(&repository.full_name())
        && change.git_ref == GitRef::Branch(repository.default_branch.clone());
    is_meant.then(spec)
}

/// The job that reads and checks the configuration repository.
fn spec() -> JobSpec {
    JobSpec {
        title: "Configuration".to_owned(),
        if_interrupted: IfInterrupted::default(),
        origin: Origin::Configuration,
        labels: kozmic_model::label::Labels::default(),
        task: Task::Configuration,
    }
}

/// Reads the configuration of a build's commit again, if it was read before and is not in force: a branch may be moved
/// back to an earlier commit.
pub(crate) async fn read_again(flow: &Flow, planned: &Planned) -> Result<()> {
    let jobs = flow.edges.store.builds().jobs_of(planned.build.id).await?;
    let is_old = |job: &&Job| job.spec.origin == Origin::Configuration && !planned.jobs.contains(&job.id);
    let Some(job) = jobs.iter().find(is_old) else { return Ok(()) };
    let loaded = flow.edges.store.configuration().configuration().await?;
    if loaded.is_none_or(|loaded| loaded.sha != planned.build.sha) {
        steer::restart(&flow.edges, job.id).await?;
    }
    Ok(())
}

/// On start, plans to read the configuration, and repeats that until a configuration is in force. Then checks the
/// webhooks every few hours.
async fn looks(flow: &Flow, settings: &AutobuildSettings) {
    let mut has_asked = settings.configuration.is_none();
    let mut tries = 0;
    while !flow.stop.is_cancelled() {
        let done = match has_asked && is_read(flow, settings).await {
            false => ask(flow, settings).await.map(|()| has_asked = true),
            true => webhooks::all(flow, settings).await,
        };
        if let Err(fault) = &done {
            tracing::warn!(error = format!("{fault:#}"), "the Auto Builder cannot look at the forge yet");
        } else if let Err(fault) = images::look(flow, settings).await {
            tracing::warn!(error = format!("{fault:#}"), "images of deleted branches are not looked for");
        }
        let is_done = done.is_ok() && is_read(flow, settings).await;
        tries = if is_done { 0 } else { tries + 1 };
        let pause = match tries {
            0 => LOOK,
            tries => Duration::from_secs(PAUSES[PAUSES.len().min(tries) - 1]),
        };
        flow.pause(pause).await;
    }
}

/// True if there is a configuration to judge pushes by. Without one, pushes wait.
async fn is_read(flow: &Flow, settings: &AutobuildSettings) -> bool {
    settings.configuration.is_none()
        || flow.edges.store.configuration().configuration().await.is_ok_and(|it| it.is_some())
}

/// Plans to read the newest commit of the configuration at the forge, even if it was read before.
async fn ask(flow: &Flow, settings: &AutobuildSettings) -> Result<()> {
    let name = settings.configuration.as_deref().unwrap_or_default();
    let (token, repository) = (token(flow).await?, configuration_repository(flow, name).await?);
    let branch = &repository.default_branch;
    let head =
        flow.edges.forge.head(&token, &repository, branch).await.context("ask for the newest commit")?;
    let head = head.with_context(|| format!("{name} has no branch {branch}"))?;
    let planned = plan_head(flow, &repository, head).await?;
    if planned.jobs.is_empty() {
        let jobs = flow.edges.store.builds().jobs_of(planned.build.id).await?;
        for job in jobs.iter().filter(|job| job.spec.origin == Origin::Configuration) {
            steer::restart(&flow.edges, job.id).await?;
        }
    }
    Ok(())
}

/// Plans to read the configuration at the newest commit.
async fn plan_head(flow: &Flow, repository: &Repository, head: Head) -> Result<Planned> {
    let project = flow.edges.store.auto_builder().project_for(repository, clock::now()).await?;
    let change = change_of(repository, head);
    let (change, specs) = (ProjectChange { project: project.id, change: &change }, [spec()]);
    let planned =
        flow.edges.store.queue().enqueue_planned(Heard::Answer, change, &specs, clock::now()).await?;
    ring::step(&flow.edges, project.id);
    planned.jobs.iter().for_each(|job| ring::change(&flow.edges, project.id, *job));
    Ok(planned)
}

fn change_of(repository: &Repository, head: Head) -> Change {
    let Head { sha, message, author, url, made_at: _ } = head;
    let first = message.lines().next().unwrap_or_default().chars().take(200).collect();
    let commit = PushedCommit { sha: sha.clone(), message: first, author: author.name.clone(), url };
    Change {
        git_ref: GitRef::Branch(repository.default_branch.clone()),
        before: None,
        after: sha.clone(),
        sha,
        pushed_at: None,
        trigger: Trigger::Push,
        message: Some(message),
        author,
        skip_texts: Vec::new(),
        commits: vec![commit],
        pull: None,
        pusher: None,
        is_held: false,
    }
}

/// The project of a repository, as the forge describes it now; none if the Auto Builder's token may not see it.
///
/// # Errors
/// The forge refuses, or does not answer, or the database does not.
pub(crate) async fn look_up(flow: &Flow, repository: RepositoryId) -> Result<Option<Project>> {
    let found = flow.edges.forge.repository(&token(flow).await?, repository).await;
    let Some(found) = found.context("look up the repository")? else { return Ok(None) };
    let project = flow.edges.store.auto_builder().project_for(&found, clock::now()).await?;
    keys::look_up_namesakes(&flow.edges, project.id, &found).await?;
    Ok(Some(project))
}

/// The Auto Builder's token.
async fn token(flow: &Flow) -> Result<SecretString> {
    let user = flow.edges.store.auto_builder().auto_builder().await?.context("there is no Auto Builder")?;
    speak::token_of(&flow.edges, user).await?.context("the Auto Builder has no token")
}

async fn configuration_repository(flow: &Flow, name: &str) -> Result<Repository> {
    let (owner, repository) = name.split_once('/').context("name the configuration repository")?;
    let found = flow.edges.forge.repository_named(&token(flow).await?, owner, repository).await;
    let found = found.context("ask for the configuration repository")?;
    found.with_context(|| format!("{name} is not there, or the Auto Builder's token may not see it"))
}

/// True if a build is of the newest commit at the forge, or if the forge does not answer. If there is a newer commit,
/// its reading is planned: its delivery may be lost.
async fn is_newest(flow: &Flow, build: &Build, repository: &Repository) -> bool {
    let newest = async {
        let head = flow.edges.forge.head(&token(flow).await?, repository, &repository.default_branch).await?;
        let Some(head) = head.filter(|head| head.sha != build.sha) else { return Ok(true) };
        let planned = plan_head(flow, repository, head).await?;
        read_again(flow, &planned).await?;
        anyhow::Ok(false)
    };
    newest.await.unwrap_or_else(|fault| {
        tracing::warn!(error = format!("{fault:#}"), "the configuration's newest commit cannot be asked for");
        true
    })
}
