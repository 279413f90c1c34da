//! Outcomes of deliveries, as far as a forge lists them.

use super::stage::{APP, Stage};
use crate::forge::{Interest, Sent, SentDelivery, SentOutcome};
use kozmic_model::{ids::WebhookId, time::Timestamp};

/// The line of a delivery in the forge's list. None if the forge keeps no list.
async fn line(stage: &Stage, webhook: WebhookId, uuid: &str) -> Option<SentDelivery> {
    let (token, app) = (stage.token(), stage.app().await);
    match stage.forge().sent(&token, &app, webhook, Timestamp(0)).await.unwrap() {
        Sent::Listed(list) => Some(list.into_iter().find(|line| line.uuid == uuid).expect("its line")),
        Sent::NotListed => None,
        other => panic!("a list: {other:?}"),
    }
}

pub(super) async fn a_delivery_that_arrived_is_told_from_one_that_failed(stage: &Stage) {
    let webhook = stage.listen(Interest::Pushes).await;
    for (status, outcome) in
        [(202, SentOutcome::Arrived), (503, SentOutcome::Failed), (401, SentOutcome::Refused)]
    {
        stage.letters.answer(status);
        stage.other.push(APP, "main", &["Next"]).await;
        let (taken, _) = stage.heard().await;
        let Some(line) = line(stage, webhook, &taken.uuid).await else { return };
        assert_eq!((line.outcome, line.event), (outcome, taken.event), "{status}");
    }
}

pub(super) async fn a_delivery_that_is_sent_again_keeps_its_id(stage: &Stage) {
    let webhook = stage.listen(Interest::Pushes).await;
    stage.other.push(APP, "main", &["Next"]).await;
    let (taken, _) = stage.heard().await;
    let Some(line) = line(stage, webhook, &taken.uuid).await else { return };
    let (token, app) = (stage.token(), stage.app().await);
    stage.forge().send_again(&token, &app, webhook, line.id).await.unwrap();
    assert_eq!(stage.heard().await.0, taken);
}
