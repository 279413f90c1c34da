//! Commits: what a payload leaves out, such as the message of a pull request's commit, and the head of a branch.

use axum::extract::Path;
use axum::http::StatusCode;

use super::call::Call;
use super::lookup::find;
use super::reply::{Refusal, Reply, answer};
use super::statuses;
use crate::github::world::Permission;

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
