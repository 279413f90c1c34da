//! The message and author of a commit, if a payload did not carry them.

use crate::{
    Flow,
    at_forge::{patience, speak},
    ring, steer,
};
use anyhow::Result;
use kozmic_model::{
    build::Build,
    event::{Author, Change},
    git::Sha,
    ids::{JobId, ProjectId},
    job::CanceledBy,
};
use std::time::Duration;

/// Pauses between tries to learn a commit's message, in seconds.
const PAUSES: [u64; 4] = [2, 10, 60, 300];

/// Fetches the message and author of a build's commit while its job already runs: a pull request's payload does not
/// carry them. If the message asks to skip the build, the job is stopped.
pub(crate) async fn description(flow: Flow, build: Build, job: JobId) {
    for pause in PAUSES {
        match describe(&flow, &build, job).await {
            Ok(()) => return,
            Err(fault) => {
                let error = format!("{fault:#}");
                tracing::info!(build.id = build.id.0, error, "a commit's message is not known yet");
                let is_final = patience::is_refusal(&fault);
                if is_final || !flow.pause(Duration::from_secs(pause)).await {
                    return;
                }
            }
        }
    }
}

/// Asks the forge for the message and author of a commit.
pub(super) async fn ask(flow: &Flow, project: ProjectId, sha: &Sha) -> Result<(String, Author)> {
    let forge = flow.edges.forge.as_ref();
    let ask = |token, repository| async move { forge.commit(&token, &repository, sha).await };
    speak::for_project(&flow.edges, project, ask).await
}

async fn describe(flow: &Flow, build: &Build, job: JobId) -> Result<()> {
    let (message, author) = ask(flow, build.project, &build.sha).await?;
    flow.edges.store.builds().describe_build(build.id, &message, &author).await?;
    ring::change(&flow.edges, build.project, job);
    if let Some(word) = Change::skip_word_in(&[&message]) {
        let why = format!("The commit's message asks to skip the build with {word}.");
        steer::stop(&flow.edges, job, &why, Some(CanceledBy::Author)).await?;
    }
    Ok(())
}
