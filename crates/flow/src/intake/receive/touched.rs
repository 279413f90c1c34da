//! The files that a change touches, for hooks whose rules name paths. The payload tells them, or the project's mirror,
//! into which the commit is fetched if it is not there. The delivery was answered before, and delays no other one.

use super::WaitingDelivery;
use crate::{
    Flow,
    at_forge::{Answer, Asked},
    coordinator,
};
use anyhow::Result;
use kozmic_edges::git::{Fetched, Wanted};
use kozmic_model::{
    event::Change,
    git::GitRef,
    ids::ProjectId,
    touched::{Changed, Span, Start, Touched},
};
use std::time::{Duration, Instant};

/// Answers about files that deliveries wait for.
pub(crate) type Touches = Asked<Changed>;

/// The longest time for a fetch with the comparison.
const LIMIT: Duration = Duration::from_secs(120);

/// The files that a change touches.
pub(super) fn changed(
    flow: &Flow,
    waiting: &WaitingDelivery,
    project: ProjectId,
    change: &Change,
) -> Answer<Changed> {
    if let Some(answer) = flow.touches.answer(waiting.id) {
        return answer;
    }
    let unknown = |why: &str| Answer::Known(Changed::Unknown(why.to_owned()));
    match flow.edges.forge.touched(&waiting.delivery.event, &waiting.delivery.payload) {
        Ok(Touched::Paths(paths)) => Answer::Known(Changed::Paths(paths.into())),
        Ok(Touched::Unknown(why)) => unknown(why),
        Err(_) => unknown("the payload does not tell them"),
        // Nothing of a stranger comes to this machine unasked.
        Ok(Touched::Span(_)) if change.is_held => unknown("the commit waits for its approval"),
        Ok(Touched::Span(span)) => {
            let git_ref = change.git_ref.clone();
            flow.touches.ask(flow, waiting.id, move |flow| {
                let (git_ref, span) = (git_ref.clone(), span.clone());
                async move { compare(&flow, project, git_ref, span).await }
            });
            Answer::Awaited
        }
    }
}

/// Compares the ends of a span, after a fetch if the mirror lacks one.
async fn compare(flow: &Flow, project: ProjectId, git_ref: GitRef, span: Span) -> Result<Changed> {
    let compared = tokio::time::timeout(LIMIT, async {
        if let Some(paths) = flow.edges.mirrors.changed(project, &span).await? {
            return anyhow::Ok(Some(paths));
        }
        fetch(flow, project, git_ref, span.to.clone()).await?;
        if let Start::Branch { name, tip: Some(tip) } = &span.from {
            fetch(flow, project, GitRef::Branch(name.clone()), tip.clone()).await?;
        }
        Ok(flow.edges.mirrors.changed(project, &span).await?)
    });
    let unknown = |why: &str| Changed::Unknown(why.to_owned());
    Ok(match compared.await {
        Ok(Ok(Some(paths))) => Changed::Paths(paths.into()),
        Ok(Ok(None)) => unknown("the mirror lacks what they are to be compared with"),
        Ok(Err(fault)) => {
            tracing::info!(
                project.id = project.0,
                error = format!("{fault:#}"),
                "changed files are not known"
            );
            unknown("the commits could not be compared")
        }
        Err(_) => unknown("the comparison took too long"),
    })
}

/// Brings a commit into the project's mirror, where its job is going to look for it.
async fn fetch(flow: &Flow, project: ProjectId, git_ref: GitRef, sha: kozmic_model::git::Sha) -> Result<()> {
    let repository = coordinator::repository(flow, project).await?;
    let wanted = Wanted {
        project,
        url: repository.url,
        credentials: repository.credentials,
        remote_ref: flow.edges.forge.remote_ref(&git_ref),
        git_ref,
        sha,
        default_branch: repository.default_branch,
        since: Instant::now(),
    };
    match Box::pin(flow.edges.mirrors.fetch(&wanted)).await? {
        Fetched::All => {}
        Fetched::Outdated(fault) => tracing::info!(%fault, "other refs of a mirror may be outdated"),
    }
    Ok(())
}
