//! Whether who pushed a fork's commit could push to the repository itself. The forge is asked each time: rights end.

use super::{
    asked::{Answer, Asked},
    speak,
};
use crate::Flow;
use kozmic_model::{
    fork::Pusher,
    ids::{DeliveryId, ProjectId},
    project::Permission,
};

/// Answers that deliveries wait for.
pub(crate) type Trusts = Asked<bool>;

/// Whether a person may push to a project's repository, as far as it is known; else the forge is asked.
pub(crate) fn may_push(
    flow: &Flow,
    delivery: DeliveryId,
    project: ProjectId,
    pusher: &Pusher,
) -> Answer<bool> {
    if let Some(answer) = flow.trusts.answer(delivery) {
        return answer;
    }
    let pusher = pusher.clone();
    flow.trusts.ask(flow, delivery, move |flow| {
        let pusher = pusher.clone();
        async move {
            let (forge, pusher) = (flow.edges.forge.as_ref(), &pusher);
            let ask = |token, repository| async move { forge.permission(&token, &repository, pusher).await };
            let permission = speak::for_project(&flow.edges, project, ask).await?;
            Ok(permission.is_some_and(Permission::may_push))
        }
    });
    Answer::Awaited
}
