//! Deliveries as requests: taken or refused.

use super::stage::{APP, SECRET, Stage};
use crate::forge::{Interest, RefusedDelivery};
use http::HeaderMap;
use std::time::Duration;

pub(super) async fn a_delivery_is_taken_with_its_secret_and_its_body_alone(stage: &Stage) {
    stage.listen(Interest::Pushes).await;
    stage.other.push(APP, "main", &["Second"]).await;
    let letter = stage.letters.next().await;
    let (forge, proof) = (stage.forge(), stage.forge().proof(&letter.headers).unwrap());
    let check = |secret: &str, body: &[u8]| forge.check(&proof, &secret.into(), body);
    check(SECRET, &letter.body).unwrap();
    let other = [&letter.body[..], b" "].concat();
    for (secret, body) in [("guess", &letter.body), ("", &letter.body), (SECRET, &other)] {
        let refused = check(secret, body);
        assert!(matches!(refused, Err(RefusedDelivery::Unproven(_))), "{secret}: {refused:?}");
    }
    let taken = stage.read(letter);
    assert!(!taken.uuid.is_empty() && !taken.event.is_empty() && taken.payload.starts_with(b"{"));
}

pub(super) async fn a_delivery_without_a_proof_is_refused_before_its_body_is_read(stage: &Stage) {
    let refused = stage.forge().proof(&HeaderMap::new()).err().expect("a refusal");
    assert!(matches!(refused, RefusedDelivery::Unproven(_)), "{refused}");
}

pub(super) async fn a_body_that_nobody_can_read_is_refused(stage: &Stage) {
    stage.listen(Interest::Pushes).await;
    stage.other.push(APP, "main", &["Second"]).await;
    let letter = stage.letters.next().await;
    let read = |headers: &HeaderMap, body: &[u8]| stage.forge().delivery(headers, body.to_vec()).unwrap_err();
    for body in [&b""[..], b"no JSON", b"\xff", &letter.body[..letter.body.len() - 1]] {
        let refused = read(&letter.headers, body);
        assert!(matches!(refused, RefusedDelivery::Malformed(_)), "{refused}");
    }
    let bare = read(&HeaderMap::new(), &letter.body);
    assert!(matches!(bare, RefusedDelivery::Malformed(_)), "{bare}");
}

pub(super) async fn the_limits_of_deliveries_are_told(stage: &Stage) {
    let limits = stage.forge().delivery_limits();
    assert!(limits.body >= 1 << 20 && limits.answer > Duration::from_secs(2), "{limits:?}");
}
