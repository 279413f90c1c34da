//! Fetches the message of a pull request's commit: the payload does not carry it, and it may ask to skip the build.

use super::{
    asked::{Answer, Asked},
    describe,
};
use crate::Flow;
use anyhow::Result;
use kozmic_model::{
    event::Author,
    git::Sha,
    ids::{DeliveryId, ProjectId},
};

/// Messages that deliveries wait for, with the authors of the commits.
pub(crate) type Messages = Asked<(String, Author)>;

/// The message of the commit that a delivery is about. If it is not known, the forge is asked for it.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn message(
    flow: &Flow,
    delivery: DeliveryId,
    project: ProjectId,
    sha: &Sha,
) -> Result<Answer<(String, Author)>> {
    if let Some(answer) = flow.messages.answer(delivery) {
        return Ok(answer);
    }
    if let Some(described) = flow.edges.store.builds().description_of(project, sha).await? {
        return Ok(Answer::Known(described));
    }
    let sha = sha.clone();
    flow.messages.ask(flow, delivery, move |flow| {
        let sha = sha.clone();
        async move { describe::ask(&flow, project, &sha).await }
    });
    Ok(Answer::Awaited)
}
