//! Asks the forge if the person who pushed a fork's commit may push to the repository itself. It is asked for each
//! delivery, because rights can be taken away.

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

/// Answers if a person may push to a project's repository. The forge is asked if that is not known yet.
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
