//! Settles the delivery of a push that does not wake its hook.

use super::{Seen, ignore, order, pass_over};
use crate::Flow;
use anyhow::Result;
use kozmic_edges::store::WaitingDelivery;
use kozmic_model::{event::Change, git::GitRef, hook::Hook};

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
