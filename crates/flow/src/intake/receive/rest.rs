//! Decides by the touched files if a push wakes its hook, and settles the delivery of one that does not.

use super::{Seen, ignore, order, pass_over, touched};
use crate::{Flow, at_forge::Answer};
use anyhow::Result;
use kozmic_edges::store::WaitingDelivery;
use kozmic_model::{event::Change, git::GitRef, hook::Hook, touched::Changed};

/// Notes the reason why a hook rests. For a branch or a pull request the push still counts as a step. Nothing asks for
/// the steps of a tag before a hook builds it.
///
/// # Errors
/// The database does not answer.
pub(super) async fn note(
    flow: &Flow,
    waiting: &WaitingDelivery,
    hook: &Hook,
    change: &Change,
    why: &str,
) -> Result<Seen> {
    match &change.git_ref {
        GitRef::Tag(_) => ignore(flow, waiting, why).await?,
        GitRef::Branch(_) | GitRef::PullRequest(_) => {
            pass_over(flow, waiting, hook.project, change, why).await?;
            order::look(flow, hook.project, &change.git_ref).await?;
        }
    }
    Ok(Seen::Settled)
}

/// Adds words to the note of a delivery that is settled.
pub(super) async fn remark(flow: &Flow, waiting: &WaitingDelivery, words: &str) {
    if let Err(fault) = flow.edges.store.deliveries().add_remark(waiting.id, words).await {
        tracing::warn!(error = format!("{fault:#}"), words, "a delivery's note lacks a remark");
    }
}

/// Decision by the touched files.
pub(super) enum ByPaths {
    /// The files are being compared. The deliveries' bell rings when that is done.
    Awaited,
    /// The hook rests, for this reason.
    Rests(String),
    /// The hook runs.
    Wakes,
    /// The hook runs, because the files are not known. The words say why.
    WakesUnknowing(String),
}

/// The decision by the touched files, if the hook's rules name paths.
pub(super) fn by_paths(flow: &Flow, waiting: &WaitingDelivery, hook: &Hook, change: &Change) -> ByPaths {
    let wake = &hook.settings.wake;
    if !wake.asks_for_paths(change) {
        return ByPaths::Wakes;
    }
    let changed = match touched::changed(flow, waiting, hook.project, change) {
        Answer::Awaited => return ByPaths::Awaited,
        Answer::Unknown => Changed::Unknown("the commits could not be compared".to_owned()),
        Answer::Known(changed) => changed,
    };
    match (wake.rests_by_paths(&changed), changed) {
        (Some(why), _) => ByPaths::Rests(why),
        (None, Changed::Paths(_)) => ByPaths::Wakes,
        (None, Changed::Unknown(why)) => {
            ByPaths::WakesUnknowing(format!("the hook runs, as its changed files are not known: {why}"))
        }
    }
}
