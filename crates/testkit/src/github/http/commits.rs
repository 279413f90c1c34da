//! Commits: what a payload leaves out, such as the message of a pull request's commit.

use axum::extract::Path;
use axum::http::StatusCode;

use super::call::Call;
use super::reply::{Refusal, Reply, answer};
use crate::github::repository::Permission;

/// `GET /repos/{owner}/{repository}/commits/{sha}`: a sha, or the name of a branch or tag.
pub(super) async fn one(call: Call, Path((owner, name, sha)): Path<(String, String, String)>) -> Reply {
    let repository = call.repository(&(owner, name), Permission::Pull)?.full_name();
    let commit = find(&call, &repository, &sha).await?;
    let facts = call.double.git(&repository).commit_facts(&commit).await;
    let facts = facts.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))?;
    Ok(answer(StatusCode::OK, call.double.shapes(|shapes| shapes.commit(&repository, &facts))))
}

/// The full id of a commit of the repository; 422 if there is none.
pub(super) async fn find(call: &Call, repository: &str, sha: &str) -> Result<String, Refusal> {
    let plain = sha.chars().all(|letter| letter.is_ascii_alphanumeric() || "._/-".contains(letter));
    let found =
        if plain && !sha.starts_with('-') { call.double.git(repository).resolve(sha).await } else { None };
    found.ok_or_else(|| {
        let message = format!("No commit found for SHA: {sha}");
        call.refuse(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, &message))
    })
}
