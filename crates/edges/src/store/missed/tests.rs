//! Missed deliveries are counted, asked for and found again.

use super::*;
use crate::store::{
    NewDelivery,
    tests::{NOW, Stage},
};
use std::time::Duration;

#[tokio::test]
async fn a_missed_delivery_is_counted_until_it_is_here_and_not_tried_for_ever() {
    let stage = Stage::new().await;
    let store = &stage.store;
    store.hooks().connect_hook(stage.hook, WebhookId(7)).await.unwrap();
    let subscriptions = store.missed().subscriptions().await.unwrap();
    let [subscription] = &subscriptions[..] else { panic!("one webhook: {subscriptions:?}") };
    assert_eq!(
        (subscription.project, subscription.owner, subscription.webhook),
        (stage.project, stage.user, WebhookId(7))
    );
    let told = ["a", "b"].map(|uuid| (uuid.to_owned(), "push".to_owned(), NOW));
    for _ in 0..2 {
        store.missed().note_missed(subscription, &told).await.unwrap();
    }
    assert_eq!(store.missed().outstanding(subscription).await.unwrap().len(), 2);
    let (endpoint, uuid) = (subscription.endpoint, "a".to_owned());
    let delivery = NewDelivery { endpoint, uuid, event: "push".to_owned(), payload: Vec::new() };
    store.deliveries().store_delivery(delivery, NOW).await.unwrap();
    let there = store.missed().arrived(endpoint, &["a".to_owned(), "b".to_owned()]).await.unwrap();
    assert_eq!(there, HashSet::from(["a".to_owned()]));
    store.missed().make_good(endpoint, &there.into_iter().collect::<Vec<_>>(), NOW).await.unwrap();
    store.missed().note_asked(endpoint, "b", 1, NOW).await.unwrap();
    let count = async || {
        let count = store
            .missed()
            .missed_count(Some(subscription.repository), NOW.before(Duration::from_secs(1)))
            .await;
        let MissedCount { made_good, waiting, given_up, .. } = count.unwrap();
        (made_good, waiting, given_up)
    };
    assert_eq!(count().await, (1, 1, 0));
    store.missed().note_asked(endpoint, "b", TRIES, NOW).await.unwrap();
    assert_eq!(count().await, (1, 0, 1));
    assert!(store.missed().outstanding(subscription).await.unwrap().is_empty());
    assert_eq!(store.missed().forget_missed(NOW.after(Duration::from_secs(1))).await.unwrap(), 2);
}

#[tokio::test]
async fn a_ref_was_heard_of_last_where_it_was_pushed_last() {
    let stage = Stage::new().await;
    let main = GitRef::Branch("main".into());
    let heard = async || stage.store.missed().heard_last(stage.project, &main).await.unwrap();
    assert_eq!(heard().await, None);
    stage.told("2", ('a', 'b'), 10).await;
    stage.told("1", ('0', 'a'), 1).await;
    let at = |digit: &str| Some(digit.repeat(40));
    assert_eq!(heard().await, at("b"), "a late delivery tells of no newer push");
    stage.told("3", ('b', 'a'), 20).await;
    assert_eq!(heard().await, at("a"), "the branch is back there");
}

#[tokio::test]
async fn how_far_deliveries_were_seen_is_kept_and_goes_with_the_hook() {
    let stage = Stage::new().await;
    let store = &stage.store;
    store.hooks().connect_hook(stage.hook, WebhookId(7)).await.unwrap();
    let subscription = store.missed().subscriptions().await.unwrap().remove(0);
    assert_eq!(store.missed().hearing(&subscription).await.unwrap(), None);
    for seen_at in [1, 2] {
        let tips = BTreeMap::from([("refs/heads/main".to_owned(), "a".repeat(40))]);
        let hearing = Hearing { seen_at, tips, fault: Some("x".to_owned()) };
        store.missed().note_hearing(&subscription, &hearing).await.unwrap();
        assert_eq!(store.missed().hearing(&subscription).await.unwrap(), Some(hearing));
    }
    store.hooks().connect_hook(stage.hook, WebhookId(8)).await.unwrap();
    assert_eq!(
        store.missed().hearing(&subscription).await.unwrap().unwrap().fault,
        None,
        "it was just made right"
    );
    store.hooks().delete_hook(stage.hook).await.unwrap();
    assert_eq!(store.missed().hearing(&subscription).await.unwrap(), None);
    assert!(store.missed().subscriptions().await.unwrap().is_empty());
}
