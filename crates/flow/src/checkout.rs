//! The wanted commit, out of the project's mirror; fetched before, if the mirror lacks it.

use crate::{Flow, job_log::JobLog};
use anyhow::{Context, Result};
use kozmic_edges::{
    git::{Checkout, Credentials, GitError, Wanted},
    store::ClaimedJob,
};
use kozmic_model::time::spoken;
use std::{io::ErrorKind, time::Duration};

/// Pauses between tries to reach the forge, in seconds.
const PAUSES: [u64; 6] = [1, 2, 5, 10, 20, 40];

/// The files of the job's commit.
pub(crate) async fn commit(flow: &Flow, claimed: &ClaimedJob, log: &mut JobLog) -> Result<Checkout> {
    let wanted = wanted(flow, claimed).await?;
    fetch(flow, &wanted, log).await.context("fetch the commit")?;
    let attempt = claimed.job.attempt();
    let dir = flow.settings.work_dir.join(format!("{}-{}", attempt.job, attempt.number));
    if dir.exists() {
        tokio::fs::remove_dir_all(&dir).await.context("remove an old checkout")?;
    }
    flow.edges.mirrors.check_out(&wanted, dir).await.context("check out the commit")
}

/// A webhook may be faster than the ref that it speaks of: so often a commit that is not there is looked for again.
const LAG_PAUSES: usize = 2;

/// Tries again while the forge does not answer.
async fn fetch(flow: &Flow, wanted: &Wanted, log: &mut JobLog) -> Result<()> {
    for (tries, pause) in PAUSES.map(Duration::from_secs).into_iter().enumerate() {
        match flow.edges.mirrors.fetch(wanted).await {
            Err(GitError::NoSuchCommit { .. }) if tries < LAG_PAUSES => tokio::time::sleep(pause).await,
            Err(fault @ (GitError::Failed { .. } | GitError::TooSlow { .. })) => {
                log.say(&format!("{fault}. Trying again in {}.", spoken(pause))).await?;
                tokio::time::sleep(pause).await;
            }
            fetched => return Ok(fetched?),
        }
    }
    Ok(flow.edges.mirrors.fetch(wanted).await?)
}

/// A private repository is read with the token of who made the project, which stays on the runner's side.
async fn wanted(flow: &Flow, claimed: &ClaimedJob) -> Result<Wanted> {
    let ClaimedJob { build, project, .. } = claimed;
    let credentials = match project.repository.private {
        true => Credentials::Token(flow.edges.store.token_of(project.owner).await?),
        false => Credentials::Open,
    };
    Ok(Wanted {
        project: project.id,
        url: project.repository.clone_url.clone(),
        credentials,
        git_ref: build.git_ref.clone(),
        sha: build.sha.clone(),
    })
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
