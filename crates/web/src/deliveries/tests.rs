//! Tests of deliveries at the Auto Builder's address, and of the answer to each.

use super::Refusal;
use crate::tests::trial::{Answer, Trial, WEBHOOK_SECRET};
use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode},
    response::IntoResponse,
};
use futures_util::stream;
use kozmic_edges::{forge::RefusedDelivery, store::Endpoint};
use kozmic_model::ids::DeliveryId;
use kozmic_testkit::github::sign;
use serde_json::{Value, json};
use std::convert::Infallible;
use tokio::sync::mpsc;

const ADDRESSES: [&str; 10] = [
    "/build/0-core/hook",
    // Projects may have the same names as addresses of the monitor.
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
        let stored = trial.edges.store.deliveries().waiting_delivery(behind).await.unwrap().unwrap();
        assert_eq!(stored.delivery.endpoint, Endpoint::AutoBuilder);
        assert_eq!(
            (stored.delivery.uuid, stored.delivery.event.as_str()),
            (format!("uuid-{number}"), "ping")
        );
        assert!(stored.delivery.payload.starts_with(br#"{"zen""#));
        behind = stored.id;
    }
}

#[tokio::test]
async fn all_addresses_of_the_auto_builder_are_one_endpoint() {
    let trial = Trial::automatic().await;
    assert_eq!(deliver(&trial, ADDRESSES[0], "one", "ping").await.text(), r#"{"status":"accepted"}"#);
    for address in ADDRESSES {
        assert_eq!(deliver(&trial, address, "one", "ping").await.text(), r#"{"status":"duplicate"}"#);
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
    assert!(trial.edges.store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_payload_that_no_forge_sends_is_too_large() {
    let trial = Trial::automatic().await;
    let large = vec![b' '; trial.edges.forge.delivery_limits().body + 1];
    let signature = sign(WEBHOOK_SECRET, &large);
    let answer = post(&trial, "/hook/kernel", &[("X-Hub-Signature-256", &signature)], &large).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn when_bodies_find_no_room_the_largest_is_refused_and_wanted_again() {
    const MIB: usize = 1 << 20;
    let trial = Trial::automatic().await;
    let (send, receive) = mpsc::channel::<Bytes>(1);
    let pieces = stream::unfold(receive, |mut receive| async move {
        receive.recv().await.map(|piece| (Ok::<_, Infallible>(piece), receive))
    });
    let large = Request::post(ADDRESSES[0]).header("X-Hub-Signature-256", "sha256=00");
    let large = trial.ask(large.body(Body::from_stream(pieces)).unwrap());
    let other = async {
        for _ in 0..20 {
            send.send(Bytes::from(vec![b' '; MIB])).await.unwrap();
        }
        let signature = [("X-Hub-Signature-256", "sha256=00")];
        assert_eq!(post(&trial, ADDRESSES[0], &signature, &vec![b' '; 8 * MIB]).await.status, 401);
        // The rest of the body that was dropped is read without being kept.
        send.send(Bytes::from(vec![b' '; MIB])).await.unwrap();
        drop(send);
    };
    let (refused, ()) = tokio::join!(large, other);
    assert_eq!((refused.status.as_u16(), refused.header("Retry-After")), (503, "10"), "{}", refused.text());
    assert!(refused.text().contains("please send this one again"));
}

#[tokio::test]
async fn without_an_auto_builder_there_is_no_endpoint() {
    let trial = Trial::plain().await;
    for address in ADDRESSES {
        assert_eq!(deliver(&trial, address, "one", "push").await.status, 404, "{address}");
    }
}

#[tokio::test]
async fn an_endpoint_of_deliveries_has_no_page() {
    let trial = Trial::automatic().await;
    for address in ADDRESSES {
        let answer = trial.ask(Request::get(address).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.header("Allow")), (405, "POST"), "{address}");
    }
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn push() -> Value {
    json!({ "ref": "refs/heads/main", "after": "a".repeat(40), "repository": {
        "id": 7, "name": "core", "owner": { "login": "anna" }, "private": false, "default_branch": "main",
        "html_url": "h", "clone_url": "c", "ssh_url": "s" } })
}

/// Posts a body of the Auto Builder's webhook with a valid signature.
async fn post_signed(trial: &Trial, event: &str, more: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let signature = sign(WEBHOOK_SECRET, body);
    let headers =
        [("X-GitHub-Delivery", "one"), ("X-GitHub-Event", event), ("X-Hub-Signature-256", &signature)];
    let answer = post(trial, ADDRESSES[0], &[&headers, more].concat(), body).await;
    (answer.status.as_u16(), answer.text().to_owned())
}

#[tokio::test]
async fn a_payload_in_a_form_is_stored_as_the_json_that_it_is() {
    let trial = Trial::automatic().await;
    let json = push().to_string();
    let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &json).finish();
    let answer = post_signed(&trial, "push", &[FORM], form.as_bytes()).await;
    assert_eq!(answer, (202, r#"{"status":"accepted"}"#.to_owned()));
    let stored = trial.edges.store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(stored.delivery.payload).unwrap(), json);
}

#[tokio::test]
async fn a_body_that_can_never_be_read_is_refused_in_words_and_not_kept() {
    let trial = Trial::automatic().await;
    let plain = ("Content-Type", "text/plain");
    let gzip = ("Content-Encoding", "gzip");
    for (event, more, body, status, words) in [
        ("push", plain, &b"{}"[..], 415, "choose application/json"),
        ("star", plain, b"{}", 415, "choose application/json"),
        ("push", gzip, b"{}", 415, "gzip"),
        ("push", FORM, b"{}", 400, "no field"),
        ("push", FORM, b"payload={}&payload={}", 400, "more than once"),
        ("push", FORM, b"payload=%ff", 400, "not UTF-8"),
        ("ping", ("Accept", "*/*"), b"hello", 400, "no JSON"),
        ("star", ("Accept", "*/*"), b"{\"a\":\"\xff\"}", 400, "not UTF-8"),
    ] {
        let (answered, said) = post_signed(&trial, event, &[more], body).await;
        assert_eq!(answered, status, "{event} {more:?} {said}");
        assert!(said.contains(words), "{event} {more:?} {said}");
    }
    assert!(trial.edges.store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_payload_of_another_shape_is_refused_in_words_and_kept_to_be_looked_at() {
    let without = |field: &str| {
        let mut payload = push();
        payload.as_object_mut().unwrap().remove(field);
        payload
    };
    let mut odd = push();
    odd["after"] = json!("main");
    for (event, payload, words) in [
        ("push", json!({}), "missing field `ref`"),
        ("push", json!(["refs/heads/main", null, "a".repeat(40), false]), "no JSON object"),
        ("push", without("after"), "missing field `after`"),
        ("push", without("repository"), "missing field `repository`"),
        ("push", odd, "cannot be read"),
    ] {
        let trial = Trial::automatic().await;
        let (status, said) = post_signed(&trial, event, &[], payload.to_string().as_bytes()).await;
        assert_eq!(status, 422, "{event} {payload} {said}");
        assert!(said.contains(words), "{event} {payload} {said}");
        assert!(trial.edges.store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn an_event_that_nobody_needs_is_taken_whatever_it_says() {
    let trial = Trial::automatic().await;
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let odd = b"{\"action\":7}";
    for (event, body) in [("ping", &b"{}"[..]), ("star", odd), ("check_run", &deep), ("pull_request", odd)] {
        let (status, said) = post_signed(&trial, event, &[("Content-Type", "application/json")], body).await;
        assert_eq!(status, 202, "{event} {said}");
    }
}

#[tokio::test]
async fn a_missing_signature_is_told_from_a_wrong_one() {
    let trial = Trial::automatic().await;
    let headers = [("X-GitHub-Delivery", "one"), ("X-GitHub-Event", "push")];
    let unsigned = post(&trial, ADDRESSES[0], &headers, b"{}").await;
    assert!(unsigned.text().contains("X-Hub-Signature-256 is missing"), "{}", unsigned.text());
    let wrong = sign("a guess", b"{}");
    let signed = [&headers[..], &[("X-Hub-Signature-256", wrong.as_str())]].concat();
    let wrong = post(&trial, ADDRESSES[0], &signed, b"{}").await;
    assert!(wrong.text().contains("secret is not the one"), "{}", wrong.text());
}

#[test]
fn a_refusal_says_why_and_hides_our_faults() {
    assert_eq!(Refusal::TooLarge(1).into_response().status(), StatusCode::PAYLOAD_TOO_LARGE);
    let unproven = Refusal::from(RefusedDelivery::Unproven(String::new()));
    assert_eq!(unproven.into_response().status(), StatusCode::UNAUTHORIZED);
    let ours = Refusal::from(anyhow::anyhow!("disk"));
    assert!(!ours.to_string().contains("disk"));
}
