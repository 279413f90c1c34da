//! Judges a fork's pull request by the project's rule: not built, held, or built like any other push.

use super::WaitingDelivery;
use crate::{
    Flow,
    at_forge::{self, Answer},
};
use kozmic_model::{event::Change, fork::ForkRule, git::GitRef, project::Project};

/// The reason why nothing is built for a fork.
const NEVER: &str = "it is from a fork, and the project's settings say that those are never built";

/// Judgement of a change.
pub(super) enum Judged {
    /// It is built: at once, or after an approval if it is held.
    Built { is_held: bool },
    /// Nothing comes of it, for this reason.
    Refused(&'static str),
    /// The forge is being asked if the person may push.
    Awaited,
}

/// Judges a change by the rule that the project has now.
pub(super) fn judge(flow: &Flow, waiting: &WaitingDelivery, project: &Project, change: &Change) -> Judged {
    let GitRef::PullRequest(_) = change.git_ref else { return Judged::Built { is_held: false } };
    let is_held = match (project.settings.forks, &change.pusher) {
        (ForkRule::Never, _) => return Judged::Refused(NEVER),
        (ForkRule::Always, _) => false,
        (ForkRule::AfterApproval, None) => true,
        (ForkRule::AfterApproval, Some(pusher)) => {
            match at_forge::may_push(flow, waiting.id, project.id, pusher) {
                Answer::Awaited => return Judged::Awaited,
                Answer::Known(may_push) => !may_push,
                // Nobody vouches for the person.
                Answer::Unknown => true,
            }
        }
    };
    Judged::Built { is_held }
}
