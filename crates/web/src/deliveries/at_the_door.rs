//! Deliveries to the Auto Builder's door: which are taken, which are not, and why.

use crate::trial::{Answer, Trial, WEBHOOK_SECRET};
use axum::{body::Body, http::Request};
use kozmic_edges::store::Door;
use kozmic_model::ids::DeliveryId;
use kozmic_testkit::github::sign;

const ADDRESSES: [&str; 10] = [
    "/build/0-core/hook",
    // Projects may be called as the monitor's addresses are.
    "/build/logs/hook",
    "/build/history/hook",
    "/build/any.name/hook/",
    "/hook/monitor-update",
    "/hook/monitor-update/",
    "/hook/monitor-watch",
    "/hook/monitor-watch/",
    "/hook/kernel",
    "/hook/kernel/",
];

async fn post(trial: &Trial, address: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let request = Request::post(address);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    trial.ask(request.body(Body::from(body.to_vec())).unwrap()).await
}

async fn deliver(trial: &Trial, address: &str, uuid: &str, event: &str) -> Answer {
    let body = br#"{"zen":"Keep it logically awesome."}"#;
    let signature = sign(WEBHOOK_SECRET, body);
    let headers =
        [("X-GitHub-Delivery", uuid), ("X-GitHub-Event", event), ("X-Hub-Signature-256", &signature)];
    post(trial, address, &headers, body).await
}

#[tokio::test]
async fn each_address_of_the_auto_builder_stores_what_comes() {
    let trial = Trial::automatic().await;
    let mut behind = DeliveryId(0);
    for (number, address) in ADDRESSES.iter().enumerate() {
        let answer = deliver(&trial, address, &format!("uuid-{number}"), "ping").await;
        assert_eq!((answer.status.as_u16(), answer.text()), (202, r#"{"status":"accepted"}"#), "{address}");
        let stored = trial.edges.store.waiting_delivery(behind).await.unwrap().unwrap();
        assert_eq!(stored.delivery.door, Door::AutoBuilder);
        assert_eq!(
            (stored.delivery.uuid, stored.delivery.event.as_str()),
            (format!("uuid-{number}"), "ping")
        );
        assert!(stored.delivery.payload.starts_with(br#"{"zen""#));
        behind = stored.id;
    }
}

#[tokio::test]
async fn all_addresses_of_the_auto_builder_are_one_door() {
    let trial = Trial::automatic().await;
    assert_eq!(deliver(&trial, ADDRESSES[0], "one", "push").await.text(), r#"{"status":"accepted"}"#);
    for address in ADDRESSES {
        assert_eq!(deliver(&trial, address, "one", "push").await.text(), r#"{"status":"duplicate"}"#);
    }
}

#[tokio::test]
async fn what_is_not_signed_with_the_auto_builders_secret_is_refused() {
    let trial = Trial::automatic().await;
    let body = b"{}";
    let (good, wrong) = (sign(WEBHOOK_SECRET, body), sign("a guess", body));
    let named = [("X-GitHub-Delivery", "one"), ("X-GitHub-Event", "push")];
    for address in ADDRESSES {
        for signature in [None, Some("sha256=zz"), Some(wrong.as_str())] {
            let signed = signature.map(|signature| ("X-Hub-Signature-256", signature));
            let headers = named.into_iter().chain(signed).collect::<Vec<_>>();
            assert_eq!(post(&trial, address, &headers, body).await.status, 401, "{address} {signature:?}");
        }
        let unnamed = [("X-Hub-Signature-256", good.as_str())];
        assert_eq!(post(&trial, address, &unnamed, body).await.status, 400, "{address}");
    }
    assert!(trial.edges.store.waiting_delivery(DeliveryId(0)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_payload_that_no_forge_sends_is_too_large() {
    let trial = Trial::automatic().await;
    let large = vec![b' '; super::LARGEST + 1];
    let signature = sign(WEBHOOK_SECRET, &large);
    let answer = post(&trial, "/hook/kernel", &[("X-Hub-Signature-256", &signature)], &large).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn without_an_auto_builder_there_is_no_door() {
    let trial = Trial::plain().await;
    for address in ADDRESSES {
        assert_eq!(deliver(&trial, address, "one", "push").await.status, 404, "{address}");
    }
}

#[tokio::test]
async fn nobody_looks_at_a_door() {
    let trial = Trial::automatic().await;
    for address in ADDRESSES {
        let answer = trial.ask(Request::get(address).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.header("Allow")), (405, "POST"), "{address}");
    }
}
