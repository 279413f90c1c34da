//! All branches of a repository, and its pull requests: what a program compares that has missed deliveries.

use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::call::Call;
use super::reply::{Refusal, Reply, answer};
use crate::github::world::Permission;

/// `GET /repos/{owner}/{repository}/branches`, by name.
pub(super) async fn list(call: Call, Path(name): Path<(String, String)>) -> Reply {
    call.allow_parameters(&["per_page", "page", "protected"]);
    let name = call.repository(&name, Permission::Pull)?.full_name();
    let refs = call.double.git(&name).refs().await;
    let refs = refs.map_err(|fault| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, &fault.to_string()))?;
    let shape = |(full, sha): (String, String)| {
        let branch = full.strip_prefix("refs/heads/")?;
        let url = call.double.api(&format!("/repos/{name}/commits/{sha}"));
        Some(json!({ "name": branch, "commit": { "sha": sha, "url": url }, "protected": false }))
    };
    let shapes = refs.into_iter().filter_map(shape).collect::<Vec<Value>>();
    Ok(call.page(&format!("/repos/{name}/branches"), shapes))
}

/// `GET /repos/{owner}/{repository}/pulls`, the newest first.
pub(super) async fn pulls(call: Call, Path(name): Path<(String, String)>) -> Reply {
    call.allow_parameters(&["per_page", "page", "state", "head", "base", "sort", "direction"]);
    let repository = call.repository(&name, Permission::Pull)?;
    let state = call.word("state", &["open", "closed", "all"]).unwrap_or("open").to_owned();
    let wanted =
        repository.pulls.iter().rev().filter(|pull| state == "all" || pull.open == (state == "open"));
    let shapes = call.double.shapes(|shapes| wanted.map(|pull| shapes.pull(pull)).collect());
    Ok(call.page(&format!("/repos/{}/pulls", repository.full_name()), shapes))
}

/// `GET /repos/{owner}/{repository}/pulls/{number}`.
pub(super) async fn pull(call: Call, Path((owner, name, number)): Path<(String, String, u64)>) -> Reply {
    let repository = call.repository(&(owner, name), Permission::Pull)?;
    let found = repository.pulls.iter().find(|pull| pull.number == number).ok_or_else(Refusal::not_found)?;
    Ok(answer(StatusCode::OK, call.double.shapes(|shapes| shapes.pull(found))))
}
