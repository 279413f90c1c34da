//! Checks out the wanted commit from the project's mirror, and fetches it first if the mirror lacks it.

use crate::{
    Runner,
    coordinator::{Complaint, Repository},
    order::Order,
    work::Work,
};
use anyhow::{Context, Error, Result, anyhow, bail};
use kozmic_edges::{
    git::{Checkout, Credentials, Fetched, GitError, TreeSize, Wanted},
    room::Room,
};
use kozmic_model::{install::TrackedPath, spec::Program, time::spoken};
use std::{
    io::ErrorKind,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Pauses between tries to reach the forge, in seconds.
const PAUSES: [u64; 6] = [1, 2, 5, 10, 20, 40];

/// The files of the job's commit.
pub(crate) async fn commit(work: &mut Work) -> Result<Checkout> {
    let wanted = fetched(work).await?;
    let room = work.runner.tools.room.clone();
    let dir = place_of(work);
    let most = work.runner.settings.largest_checkout;
    let checkout = async {
        fits(work, &wanted, most).await?;
        let checkout = work.runner.tools.mirrors.check_out_within(&wanted, dir, most.bytes).await;
        checkout.map_err(with_setting)
    };
    while_there_is_room(&room, checkout).await.context("check out the commit")
}

/// Checks before writing that the commit's files are within the limits, and that the disk has room for them.
async fn fits(work: &Work, wanted: &Wanted, most: TreeSize) -> Result<()> {
    let tools = &work.runner.tools;
    let TreeSize { files, bytes } = tools.mirrors.measure(wanted, most).await.map_err(with_setting)?;
    match tools.room.refuses(bytes, files) {
        Some(why) => bail!("the commit's files, {files} with {bytes} bytes, do not fit: {why}"),
        None => Ok(()),
    }
}

/// Adds the setting's name to a fault about a limit.
fn with_setting(fault: GitError) -> Error {
    match fault {
        GitError::TooManyEntries { .. } => anyhow!("{fault}: checkout_files_limit allows no more"),
        GitError::TooLarge { .. } => anyhow!("{fault}: checkout_limit allows no more"),
        fault => fault.into(),
    }
}

/// A directory on this machine for this checkout alone. An earlier checkout of the attempt may still be there, and is
/// removed while this one is made.
fn place_of(work: &Work) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (attempt, count) = (work.order.attempt, COUNT.fetch_add(1, Ordering::Relaxed));
    work.runner.settings.work_dir.join(format!("{}-{}-{count}", attempt.job, attempt.number))
}

/// Interval at which free space is checked while git writes.
const ROOM_LOOK: Duration = Duration::from_millis(500);

/// Runs a step that writes a lot, and stops it when there is no more room.
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
        why = used_up => bail!(why),
        done = step => done,
    }
}

/// Checks that the commit contains the job's program, if the program comes with the repository.
///
/// # Errors
/// The commit does not contain it.
pub(crate) async fn has_program(work: &mut Work, program: &Program) -> Result<()> {
    let inside = program.path.strip_prefix(&format!("{}/", program.source));
    let Some(path) = inside.and_then(|path| path.parse::<TrackedPath>().ok()) else { return Ok(()) };
    let wanted = fetched(work).await?;
    let found = work.runner.tools.mirrors.objects(&wanted, &[path]).await.context("look for the script")?;
    let is_file = found.iter().flatten().any(|object| object.starts_with("10") || object.starts_with("12"));
    anyhow::ensure!(is_file, "there is no script {} at {}", inside.unwrap_or_default(), wanted.sha.short());
    Ok(())
}

/// Brings the job's commit into the project's mirror, with the tags and the default branch, not older than the push.
/// This happens once for an attempt. Between the attempt's scripts, another job of the project may bring newer ones.
///
/// # Errors
/// The commit cannot be fetched, or there is no room for it.
pub async fn fetched(work: &mut Work) -> Result<Wanted> {
    if let Some(wanted) = &work.wanted {
        return Ok(wanted.clone());
    }
    let mut wanted = wanted(work, None).await?;
    let room = work.runner.tools.room.clone();
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

/// A webhook may be faster than its ref: number of tries for a commit that is not there.
const LAG_PAUSES: usize = 2;

/// Fetches, and tries again while the forge does not answer.
async fn fetch(work: &mut Work, wanted: &mut Wanted) -> Result<Fetched> {
    for (tries, pause) in PAUSES.map(Duration::from_secs).into_iter().enumerate() {
        let complaint = match Box::pin(shown(work, wanted)).await {
            Err(GitError::NoSuchCommit { .. }) if tries + 1 < LAG_PAUSES => {
                tokio::time::sleep(pause).await;
                continue;
            }
            Err(GitError::NoSuchCommit { .. }) if tries < LAG_PAUSES => {
                tokio::time::sleep(pause).await;
                // The repository may have been renamed, and another one may have its name by now.
                Some(Complaint::Lost)
            }
            Err(fault @ GitError::KeyRefused { .. }) if tries == 0 => {
                work.say(&format!("{fault}. Registering it again.")).await?;
                Some(Complaint::KeyRefused)
            }
            Err(fault @ (GitError::Failed { .. } | GitError::NotShown { .. } | GitError::TooSlow { .. })) => {
                work.say(&format!("{fault}. Trying again in {}.", spoken(pause))).await?;
                tokio::time::sleep(pause).await;
                (tries == 0).then_some(Complaint::Lost)
            }
            fetched => return Ok(fetched?),
        };
        *wanted = self::wanted(work, complaint).await?;
    }
    Ok(Box::pin(work.runner.tools.mirrors.fetch(wanted)).await?)
}

/// Makes one try. If a server wants credentials for a public repository, they are used as for a private one, from then
/// on at once.
async fn shown(work: &Work, wanted: &mut Wanted) -> Result<Fetched, GitError> {
    let mirrors = &work.runner.tools.mirrors;
    let fetched = mirrors.fetch(wanted).await;
    let fault = match &fetched {
        Ok(Fetched::Outdated(fault)) | Err(fault) => fault,
        Ok(Fetched::All) => return fetched,
    };
    if !matches!((fault, &wanted.credentials), (GitError::NotShown { .. }, Credentials::Open)) {
        return fetched;
    }
    match self::wanted(work, Some(Complaint::NotShown)).await {
        Ok(other) => *wanted = other,
        // The repository may also be gone, or private by now. The forge's answer tells.
        Err(_) => return fetched,
    }
    mirrors.fetch(wanted).await
}

/// The job's commit, with the address of its repository.
async fn wanted(work: &Work, complaint: Option<Complaint>) -> Result<Wanted> {
    let order = &work.order;
    let Repository { url, credentials, default_branch } =
        work.runner.coordinator.repository(order, complaint).await?;
    let (project, since) = (order.project, wanted_since(work));
    let (git_ref, remote_ref, sha) = (order.git_ref.clone(), order.remote_ref.clone(), order.sha.clone());
    Ok(Wanted { project, url, credentials, git_ref, remote_ref, sha, default_branch, since })
}

/// The longest time by which the tags and the default branch may be older than the attempt.
const OLDEST_REFS: Duration = Duration::from_mins(1);

/// The time of the push; for a job that runs again, the time of its restart. All jobs of one push share one fetch from
/// the forge.
fn wanted_since(work: &Work) -> Instant {
    let oldest = work.begun.checked_sub(OLDEST_REFS).unwrap_or(work.begun);
    work.order.asked.unwrap_or(work.begun).max(oldest)
}

/// The checkout, in a few words.
pub(crate) fn in_words(order: &Order) -> String {
    format!("{} of {}", order.sha.short(), order.git_ref.label())
}

/// Removes the checkouts that a crash left. This happens before the first job of this process.
pub(crate) async fn clear(runner: &Runner) -> Result<()> {
    match tokio::fs::remove_dir_all(&runner.settings.work_dir).await {
        Err(fault) if fault.kind() != ErrorKind::NotFound => {
            Err(fault).context("empty the directory of checkouts")
        }
        _ => Ok(()),
    }
}
