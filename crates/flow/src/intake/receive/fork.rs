//! A fork's pull request: not built, held, or built as any other push, as the project wishes.

use super::WaitingDelivery;
use crate::{
    Flow,
    at_forge::{self, Answer},
};
use anyhow::Result;
use kozmic_model::{event::Change, fork::ForkRule, git::GitRef, ids::ProjectId};

/// The reason why nothing is built of a fork.
const NEVER: &str = "it is from a fork, and the project's settings say that those are never built";

/// Judgement of a change.
pub(super) enum Judged {
    /// It is built at once, or when somebody has approved it.
    Built { is_held: bool },
    /// Nothing comes of it, for this reason.
    Refused(&'static str),
    /// The forge is being asked who may push.
    Awaited,
}

/// Judges a change by the rule that the project has now.
pub(super) async fn judge(
    flow: &Flow,
    waiting: &WaitingDelivery,
    project: ProjectId,
    change: &Change,
) -> Result<Judged> {
    let GitRef::PullRequest(_) = change.git_ref else { return Ok(Judged::Built { is_held: false }) };
    let project = flow.edges.store.project(project).await?;
    let rule = project.as_ref().map_or(ForkRule::Never, |project| project.settings.forks);
    let is_held = match (rule, &change.pusher, &project) {
        (ForkRule::Never, _, _) | (_, _, None) => return Ok(Judged::Refused(NEVER)),
        (ForkRule::Always, _, _) => false,
        (ForkRule::AfterApproval, None, _) => true,
        (ForkRule::AfterApproval, Some(pusher), Some(project)) => {
            match at_forge::may_push(flow, waiting.id, project.id, pusher) {
                Answer::Awaited => return Ok(Judged::Awaited),
                Answer::Known(may_push) => !may_push,
                // Nobody vouches for them.
                Answer::Unknown => true,
            }
        }
    };
    Ok(Judged::Built { is_held })
}
