//! Commit statuses: where Kozmic reports how a build goes.

use std::time::Instant;

use axum::extract::Path;
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;

use super::call::Call;
use super::lookup::find;
use super::reply::{Refusal, Reply, answer};
use crate::github::stamp;
use crate::github::world::{Permission, Repository, Status};

/// The longest description that GitHub takes.
const LONGEST_DESCRIPTION: usize = 140;
/// The most statuses that a commit can have in one context.
const MOST_STATUSES: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    state: String,
    target_url: Option<String>,
    description: Option<String>,
    context: Option<String>,
}

/// `POST /repos/{owner}/{repository}/statuses/{sha}`.
pub(super) async fn create(
    call: Call,
    Path((owner, name, sha)): Path<(String, String, String)>,
    body: Bytes,
) -> Reply {
    let new: NewStatus = call.body(&body)?;
    call.need_scope(&["repo", "repo:status", "public_repo"])?;
    let repository = call.repository(&(owner, name), Permission::Push)?;
    let found = find(&call, &repository.full_name(), &sha).await?;
    if found != sha {
        call.wrong(&format!("{sha:?} is not the full sha of a commit"));
    }
    check(&call, &new)?;
    let status = add(&call, &repository, found, new)?;
    let name = repository.full_name();
    Ok(answer(StatusCode::CREATED, call.double.shapes(|shapes| shapes.status(&name, &status))))
}

/// `GET /repos/{owner}/{repository}/commits/{sha}/statuses`: the newest first.
pub(super) async fn list(call: Call, Path((owner, name, sha)): Path<(String, String, String)>) -> Reply {
    call.allow_parameters(&["per_page", "page"]);
    let repository = call.repository(&(owner, name), Permission::Pull)?;
    let name = repository.full_name();
    let sha = find(&call, &name, &sha).await?;
    let statuses = repository.statuses.iter().rev().filter(|status| status.sha == sha);
    let shapes = call.double.shapes(|shapes| statuses.map(|one| shapes.status(&name, one)).collect());
    Ok(call.page(&format!("/repos/{name}/commits/{sha}/statuses"), shapes))
}

/// `GET /repos/{owner}/{repository}/commits/{sha}/status`.
pub(super) async fn combined(call: Call, Path((owner, name, sha)): Path<(String, String, String)>) -> Reply {
    call.allow_parameters(&["per_page", "page"]);
    let repository = call.repository(&(owner, name), Permission::Pull)?;
    let sha = find(&call, &repository.full_name(), &sha).await?;
    Ok(answer(StatusCode::OK, call.double.shapes(|shapes| shapes.combined_status(&repository, &sha))))
}

fn check(call: &Call, new: &NewStatus) -> Result<(), Refusal> {
    if new.state.parse::<crate::github::State>().is_err() {
        return Err(call.refuse(Refusal::invalid("Status", "state", "custom")));
    }
    if new.description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        return Err(
            call.refuse(Refusal::custom("Status", "description is too long (maximum is 140 characters)"))
        );
    }
    if new.target_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://"))
    {
        let message = "target_url must use http(s) scheme";
        return Err(call.refuse(Refusal::custom("Status", message)));
    }
    Ok(())
}

fn add(call: &Call, repository: &Repository, sha: String, new: NewStatus) -> Result<Status, Refusal> {
    let context = new.context.unwrap_or_else(|| "default".to_owned());
    let state = new.state.parse().map_err(|_| Refusal::invalid("Status", "state", "custom"))?;
    call.double.change(|world| {
        let id = world.fresh_id();
        let repository = world.repository_mut(&repository.full_name()).ok_or_else(Refusal::not_found)?;
        let same = repository.statuses.iter().filter(|one| one.sha == sha && one.context == context);
        if same.count() >= MOST_STATUSES {
            let message = "This SHA and context has reached the maximum number of statuses.";
            return Err(Refusal::custom("Status", message));
        }
        let status = Status {
            id,
            sha,
            state,
            context,
            description: new.description,
            target_url: new.target_url,
            creator: call.login.clone(),
            at: Instant::now(),
            created_at: stamp::now(),
        };
        repository.statuses.push(status.clone());
        Ok(status)
    })
}
