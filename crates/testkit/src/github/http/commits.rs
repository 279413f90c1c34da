//! Commits: what a payload leaves out, such as the message of a pull request's commit, and the head of a branch.

use axum::extract::Path;
use axum::http::StatusCode;

use super::call::Call;
use super::reply::{Refusal, Reply, answer};
use super::statuses;
use crate::github::git::Git;
use crate::github::repository::Permission;

type NameAndRef = Path<(String, String, String)>;

/// `GET /repos/{owner}/{repository}/commits/{ref}`: a sha, `heads/<branch>`, `tags/<tag>`, or the bare name of either.
pub(super) async fn one(call: Call, Path((owner, name, sha)): NameAndRef) -> Reply {
    let repository = call.repository(&(owner, name), Permission::Pull)?.full_name();
    let commit = find(&call, &repository, &sha).await?;
    let facts = call.double.git(&repository).commit_facts(&commit).await;
    let facts = facts.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))?;
    Ok(answer(StatusCode::OK, call.double.shapes(|shapes| shapes.commit(&repository, &facts))))
}

/// The same where the slash after `heads` is not escaped.
pub(super) async fn of_branch(call: Call, Path((owner, name, rest)): NameAndRef) -> Reply {
    below(call, (owner, name), format!("heads/{rest}")).await
}

/// The same where the slash after `tags` is not escaped.
pub(super) async fn of_tag(call: Call, Path((owner, name, rest)): NameAndRef) -> Reply {
    below(call, (owner, name), format!("tags/{rest}")).await
}

/// With plain slashes, what is asked of the commit may stand behind its name.
async fn below(call: Call, (owner, name): (String, String), rest: String) -> Reply {
    match (rest.strip_suffix("/status"), rest.strip_suffix("/statuses")) {
        (Some(sha), _) => statuses::combined(call, Path((owner, name, sha.to_owned()))).await,
        (_, Some(sha)) => statuses::list(call, Path((owner, name, sha.to_owned()))).await,
        (None, None) => one(call, Path((owner, name, rest))).await,
    }
}

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
