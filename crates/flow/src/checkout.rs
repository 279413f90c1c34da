//! The wanted commit, out of the project's mirror; fetched before, if the mirror lacks it.

use crate::{Flow, keys, work::Work};
use anyhow::{Context, Result};
use kozmic_edges::{
    Edges, clock,
    git::{Checkout, Credentials, Fetched, GitError, Wanted},
    room::Room,
    store::ClaimedJob,
};
use kozmic_model::{install::TrackedPath, project::Project, spec::Program, time::spoken};
use std::{
    io::ErrorKind,
    sync::PoisonError,
    time::{Duration, Instant},
};

/// Pauses between tries to reach the forge, in seconds.
const PAUSES: [u64; 6] = [1, 2, 5, 10, 20, 40];

/// The files of the job's commit.
pub(crate) async fn commit(work: &mut Work) -> Result<Checkout> {
    let wanted = fetched(work).await?;
    let room = work.flow.edges.room.clone();
    let attempt = work.attempt();
    let dir = work.flow.settings.work_dir.join(format!("{}-{}", attempt.job, attempt.number));
    if dir.exists() {
        tokio::fs::remove_dir_all(&dir).await.context("remove an old checkout")?;
    }
    let checkout = async { Ok(work.flow.edges.mirrors.check_out(&wanted, dir).await?) };
    while_there_is_room(&room, checkout).await.context("check out the commit")
}

/// Interval between looks whether there is still room for what git writes.
const ROOM_LOOK: Duration = Duration::from_millis(500);

/// Does what writes much, until there is no room for it.
async fn while_there_is_room<T>(room: &Room, step: impl Future<Output = Result<T>>) -> Result<T> {
    let used_up = async {
        loop {
            if let Some(why) = room.is_used_up() {
                return why;
            }
            tokio::time::sleep(ROOM_LOOK).await;
        }
    };
    let step = Box::pin(step);
    tokio::select! {
        biased;
        why = used_up => anyhow::bail!(why),
        done = step => done,
    }
}

/// Looks whether the commit has the program that a job runs, if that comes with the repository.
///
/// # Errors
/// It has not.
pub(crate) async fn has_program(work: &mut Work, bare: &Program) -> Result<()> {
    let inside = bare.path.strip_prefix(&format!("{}/", bare.source));
    let Some(path) = inside.and_then(|path| path.parse::<TrackedPath>().ok()) else { return Ok(()) };
    let wanted = fetched(work).await?;
    let found = work.flow.edges.mirrors.objects(&wanted, &[path]).await.context("look for the script")?;
    let is_file = found.iter().flatten().any(|object| object.starts_with("10") || object.starts_with("12"));
    anyhow::ensure!(is_file, "there is no script {} at {}", inside.unwrap_or_default(), wanted.sha.short());
    Ok(())
}

/// Brings the job's commit into the project's mirror, with the tags and the default branch as the forge had them since
/// the push: once for an attempt, so that all its scripts find the same.
pub(crate) async fn fetched(work: &mut Work) -> Result<Wanted> {
    if let Some(wanted) = &work.wanted {
        return Ok(wanted.clone());
    }
    let mut wanted = wanted(work).await?;
    let room = work.flow.edges.room.clone();
    let fetched = while_there_is_room(&room, fetch(work, &mut wanted)).await.context("fetch the commit")?;
    if let Fetched::Outdated(fault) = fetched {
        work.say(&format!(
            "{fault}. The commit is here; its tags and default branch are those of an earlier fetch."
        ))
        .await?;
    }
    work.wanted = Some(wanted.clone());
    Ok(wanted)
}

/// A webhook may be faster than the ref that it speaks of: so often a commit that is not there is looked for again.
const LAG_PAUSES: usize = 2;

/// Tries again while the forge does not answer.
async fn fetch(work: &mut Work, wanted: &mut Wanted) -> Result<Fetched> {
    for (tries, pause) in PAUSES.map(Duration::from_secs).into_iter().enumerate() {
        match Box::pin(shown(work, wanted)).await? {
            Err(GitError::NoSuchCommit { .. }) if tries + 1 < LAG_PAUSES => tokio::time::sleep(pause).await,
            Err(GitError::NoSuchCommit { .. }) if tries < LAG_PAUSES => {
                tokio::time::sleep(pause).await;
                // Its repository may have been renamed, and another one may have the name by now.
                *wanted = look_again(work, 0).await?;
            }
            Err(fault @ GitError::KeyRefused { .. }) if tries == 0 => put_key_back(work, fault).await?,
            Err(fault @ (GitError::Failed { .. } | GitError::NotShown { .. } | GitError::TooSlow { .. })) => {
                work.say(&format!("{fault}. Trying again in {}.", spoken(pause))).await?;
                tokio::time::sleep(pause).await;
                *wanted = look_again(work, tries).await?;
            }
            fetched => return Ok(fetched?),
        }
    }
    Ok(Box::pin(work.flow.edges.mirrors.fetch(wanted)).await?)
}

/// One try. Credentials as for a private repository are used, from then on at once, if a server wants some for one that
/// everybody may read.
async fn shown(work: &mut Work, wanted: &mut Wanted) -> Result<Result<Fetched, GitError>> {
    let mirrors = work.flow.edges.mirrors.clone();
    let fetched = mirrors.fetch(wanted).await;
    let fault = match &fetched {
        Ok(Fetched::Outdated(fault)) | Err(fault) => fault,
        Ok(Fetched::All) => return Ok(fetched),
    };
    let is_asked_for = matches!((fault, &wanted.credentials), (GitError::NotShown { .. }, Credentials::Open));
    // It may also be gone, or private by now: the forge says so.
    if !is_asked_for || keys::follow(&work.flow.edges, wanted.project).await.is_err() {
        return Ok(fetched);
    }
    work.flow.unshown.lock().unwrap_or_else(PoisonError::into_inner).insert(wanted.project);
    *wanted = self::wanted(work).await?;
    Ok(mirrors.fetch(wanted).await)
}

/// The commit's whereabouts anew: the repository may have been moved, or hidden, since they were last looked up.
async fn look_again(work: &mut Work, tries: usize) -> Result<Wanted> {
    if tries == 0
        && let Err(fault) = keys::follow(&work.flow.edges, work.claimed.project.id).await
    {
        tracing::info!(
            error = format!("{fault:#}"),
            "a repository that cannot be fetched cannot be looked up"
        );
    }
    wanted(work).await
}

/// A deploy key that somebody removed at the forge is registered once more.
async fn put_key_back(work: &mut Work, fault: GitError) -> Result<()> {
    work.say(&format!("{fault}. Registering it again.")).await?;
    keys::make_ready(&work.flow.edges, work.claimed.project.id).await
}

/// A private repository, or one that its server shows to nobody, is read with its deploy key, which stays on the runner's side. One that only the Auto Builder
/// builds is read by its token.
async fn wanted(work: &Work) -> Result<Wanted> {
    let ClaimedJob { build, project, .. } = &work.claimed;
    let project = work.flow.edges.store.project(project.id).await?.context("the project is gone")?;
    let is_unshown = work.flow.unshown.lock().unwrap_or_else(PoisonError::into_inner).contains(&project.id);
    let (url, credentials) = match project.repository.private || is_unshown {
        true if work.flow.edges.store.auto_builder().await? == Some(project.owner) => {
            let token = work.flow.edges.store.token_of(project.owner).await?;
            (project.repository.clone_url.clone(), Credentials::Token(token))
        }
        true => with_key(&work.flow.edges, &project).await?,
        false => (project.repository.clone_url.clone(), Credentials::Open),
    };
    Ok(Wanted {
        project: project.id,
        url,
        credentials,
        git_ref: build.git_ref.clone(),
        sha: build.sha.clone(),
        default_branch: project.repository.default_branch,
        since: wanted_since(work),
    })
}

/// Longest time that the tags and the default branch may be older than the attempt.
const OLDEST_REFS: Duration = Duration::from_mins(1);

/// The time of the push, and for a job that runs again the time when it was put into the queue: the jobs of one push have
/// one look at the forge in common.
fn wanted_since(work: &Work) -> Instant {
    let ClaimedJob { job, build, .. } = &work.claimed;
    let Some(asked) = job.asked_at(build.created_at) else { return work.begun };
    let oldest = work.begun.checked_sub(OLDEST_REFS).unwrap_or(work.begun);
    // By the clock of now: time that passed between the claim and the attempt's begin counts, too.
    let since = Instant::now().checked_sub(clock::now().since(asked)).unwrap_or(oldest);
    since.max(oldest)
}

async fn with_key(edges: &Edges, project: &Project) -> Result<(String, Credentials)> {
    let key = edges.store.deploy_key(project.id).await?;
    let is_ready = key.is_some_and(|key| key.at_forge.is_some()) && !project.repository.ssh_url.is_empty();
    if !is_ready {
        keys::make_ready(edges, project.id).await?;
    }
    let project = edges.store.project(project.id).await?.context("the project is gone")?;
    let key = edges.store.private_key(project.id).await?.context("the project has no deploy key")?;
    Ok((project.repository.ssh_url, Credentials::DeployKey(key)))
}

/// Removes the checkouts that a crash left, before the first job of this process.
pub(crate) async fn clear(flow: &Flow) -> Result<()> {
    match tokio::fs::remove_dir_all(&flow.settings.work_dir).await {
        Err(fault) if fault.kind() != ErrorKind::NotFound => {
            Err(fault).context("empty the directory of checkouts")
        }
        _ => Ok(()),
    }
}
