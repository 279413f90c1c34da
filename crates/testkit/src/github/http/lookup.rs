//! Looks up commits by the names that callers give.

use axum::http::StatusCode;

use super::call::Call;
use super::reply::Refusal;
use crate::github::git::Git;

/// The full id of a commit of the repository; 422 if there is none, 409 if there is nothing in the repository. A caller
/// that names a branch or tag may not know that it is gone; an id that is none is a mistake.
pub(super) async fn find(call: &Call, repository: &str, sha: &str) -> Result<String, Refusal> {
    let git = call.double.git(repository);
    if let Some(found) = resolve(&git, sha).await {
        return Ok(found);
    }
    if git.refs().await.is_ok_and(|refs| refs.is_empty()) {
        return Err(Refusal::new(StatusCode::CONFLICT, "Git Repository is empty."));
    }
    let refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, &format!("No commit found for SHA: {sha}"));
    let names_ref = sha.starts_with("heads/") || sha.starts_with("tags/");
    Err(if names_ref { refusal } else { call.refuse(refusal) })
}

/// `heads/` and `tags/` name just that; a bare name is what git takes it for, where tags go first.
async fn resolve(git: &Git, name: &str) -> Option<String> {
    let odd = |letter: char| letter.is_control() || " ~^:?*[\\".contains(letter);
    if name.starts_with('-') || name.contains(odd) || name.contains("..") || name.contains("@{") {
        return None;
    }
    let full = name.starts_with("heads/") || name.starts_with("tags/");
    let found = git.resolve(&if full { format!("refs/{name}") } else { name.to_owned() }).await?;
    // The id of a tag's own object is no commit's.
    let is_id = name.len() == found.len() && name.chars().all(|letter| letter.is_ascii_hexdigit());
    (!is_id || name == found).then_some(found)
}
