//! The book of a webhook's deliveries, as its admins may read it; and sending one again.

use std::time::Duration;

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::call::Call;
use super::hooks::hook;
use super::reply::{Refusal, Reply, answer};
use crate::github::stamp;
use crate::github::world::{Delivery, Hook, Repository};

/// Time for which GitHub keeps a delivery.
const KEPT: Duration = Duration::from_secs(3 * 86_400);

type NameAndId = Path<(String, String, u64)>;
type NameAndIds = Path<(String, String, u64, u64)>;

/// `GET /repos/{owner}/{repository}/hooks/{id}/deliveries`: the newest first, with a cursor from page to page.
pub(super) async fn list(call: Call, Path((owner, name, id)): NameAndId) -> Reply {
    call.allow_parameters(&["per_page", "cursor", "redelivery", "status"]);
    let (repository, hook) = hook(&call, (owner, name), id)?;
    let size = call.parameter("per_page").map_or(Ok(30), str::parse::<usize>);
    let size = size.ok().filter(|size| (1..=100).contains(size)).unwrap_or_else(|| {
        call.wrong("per_page is no number from 1 to 100");
        100
    });
    let all = kept(&call, &hook);
    let begin = match call.parameter("cursor") {
        None => 0,
        Some(cursor) => position(&all, cursor)
            .ok_or_else(|| call.refuse(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid cursor")))?,
    };
    let page = all.iter().skip(begin).take(size).map(|one| item(&repository, one)).collect::<Vec<_>>();
    let mut response = Json(page).into_response();
    if let Some(next) = all.get(begin + size) {
        let path = format!("/repositories/{}/hooks/{id}/deliveries", repository.id);
        let url = format!("{}?per_page={size}&cursor=v1_{}", call.double.api(&path), next.id);
        if let Ok(link) = HeaderValue::from_str(&format!("<{url}>; rel=\"next\"")) {
            response.headers_mut().insert("link", link);
        }
    }
    Ok(response)
}

/// `GET /repos/{owner}/{repository}/hooks/{id}/deliveries/{delivery}`: with request and answer.
pub(super) async fn one(call: Call, Path((owner, name, id, delivery)): NameAndIds) -> Reply {
    let (repository, hook) = hook(&call, (owner, name), id)?;
    let found = find(&call, &hook, delivery)?;
    let mut shape = item(&repository, &found);
    let response = found.answer.as_ref().map(|(_, body)| body.clone()).unwrap_or_default();
    shape["url"] = json!(hook.url);
    shape["request"] = json!({ "headers": {}, "payload": found.payload() });
    shape["response"] = json!({ "headers": {}, "payload": response });
    Ok(answer(StatusCode::OK, shape))
}

/// `POST /repos/{owner}/{repository}/hooks/{id}/deliveries/{delivery}/attempts`: sends it again, in a moment.
pub(super) async fn again(call: Call, Path((owner, name, id, delivery)): NameAndIds) -> Reply {
    let (_, hook) = hook(&call, (owner, name), id)?;
    let found = find(&call, &hook, delivery)?;
    let double = call.double.clone();
    call.double.tasks.spawn(async move { double.send_again(&hook, &found).await });
    Ok(answer(StatusCode::ACCEPTED, json!({})))
}

fn find(call: &Call, hook: &Hook, delivery: u64) -> Result<Delivery, Refusal> {
    kept(call, hook).into_iter().find(|one| one.id == delivery).ok_or_else(Refusal::not_found)
}

/// The deliveries of a webhook that GitHub still knows of, the newest first.
fn kept(call: &Call, hook: &Hook) -> Vec<Delivery> {
    call.double.read(|world| {
        let of_hook = world.deliveries.iter().rev().filter(|one| one.hook_id == hook.id);
        let young = |one: &&Delivery| one.time.elapsed().map_or(true, |age| age < KEPT);
        of_hook.filter(young).take(world.kept_deliveries).cloned().collect()
    })
}

fn position(all: &[Delivery], cursor: &str) -> Option<usize> {
    let id = cursor.strip_prefix("v1_")?.parse::<u64>().ok()?;
    all.iter().position(|one| one.id == id)
}

fn item(repository: &Repository, delivery: &Delivery) -> Value {
    let (status, code) = match &delivery.answer {
        Ok((code, _)) if (200..300).contains(code) => ("OK".to_owned(), *code),
        Ok((code, _)) => (format!("Invalid HTTP Response: {code}"), *code),
        Err(_) if delivery.took >= Duration::from_secs(9) => ("timed out".to_owned(), 504),
        Err(_) => ("failed to connect to host".to_owned(), 502),
    };
    json!({
        "id": delivery.id,
        "guid": delivery.uuid,
        "delivered_at": stamp::iso(delivery.time),
        "redelivery": delivery.redelivery,
        "duration": delivery.took.as_secs_f64(),
        "status": status,
        "status_code": code,
        "event": delivery.event,
        "action": delivery.payload()["action"],
        "installation_id": null,
        "repository_id": repository.id,
        "throttled_at": null,
    })
}
