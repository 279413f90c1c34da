//! Webhooks: made, brought back in line, removed.

use super::{
    SeenWebhook,
    stage::{APP, Stage},
};
use crate::forge::Interest;

const ALL: Interest = Interest::PushesAndPulls;

fn only(stage: &Stage) -> [SeenWebhook; 1] {
    [SeenWebhook { url: stage.letters.url.to_string(), is_on: true }]
}

pub(super) async fn a_webhook_is_made_once_and_brought_back_in_line(stage: &Stage) {
    let id = stage.listen(ALL).await;
    assert_eq!(stage.other.webhooks(APP), only(stage));
    let (forge, token, app) = (stage.forge(), stage.token(), stage.app().await);
    for known in [Some(id), None] {
        stage.other.spoil_webhook(APP);
        assert!(!forge.is_webhook_on(&token, &app, id).await.unwrap());
        let again = forge.ensure_webhook(&token, &app, &stage.wanted(ALL), known).await.unwrap();
        assert_eq!((again, &stage.other.webhooks(APP)[..]), (id, &only(stage)[..]));
        assert!(forge.is_webhook_on(&token, &app, id).await.unwrap());
    }
    stage.other.push(APP, "main", &["Second"]).await;
    assert_eq!(stage.change().await.message.as_deref(), Some("Second"), "its secret is in place again");
}

pub(super) async fn a_webhook_that_somebody_removed_is_made_anew(stage: &Stage) {
    let id = stage.listen(ALL).await;
    stage.other.remove_webhooks(APP);
    let (forge, token, app) = (stage.forge(), stage.token(), stage.app().await);
    assert!(forge.is_webhook_on(&token, &app, id).await.unwrap_err().is_missing());
    let again = forge.ensure_webhook(&token, &app, &stage.wanted(ALL), Some(id)).await.unwrap();
    assert_ne!(again, id);
    assert_eq!(stage.other.webhooks(APP), only(stage));
}

pub(super) async fn a_webhook_is_removed_by_its_address_and_a_missing_one_is_fine(stage: &Stage) {
    stage.listen(ALL).await;
    let (forge, token, app) = (stage.forge(), stage.token(), stage.app().await);
    for _ in 0..2 {
        forge.remove_webhook(&token, &app, &stage.letters.url, None).await.unwrap();
        assert!(stage.other.webhooks(APP).is_empty());
    }
}

pub(super) async fn only_administrators_make_webhooks(stage: &Stage) {
    let (forge, eve, app) = (stage.forge(), stage.other.token("eve"), stage.app().await);
    let fault = forge.ensure_webhook(&eve, &app, &stage.wanted(ALL), None).await.unwrap_err();
    assert!(fault.is_missing() && fault.try_again().is_none(), "{fault}");
    assert!(stage.other.webhooks(APP).is_empty());
}
