//! Commit statuses: the call, GitHub's words for the states, and as much of the texts as GitHub takes.

use super::{Client, ForgeError};
use kozmic_model::{
    commit_status::{CommitState, CommitStatus, context_within},
    project::Repository,
};
use secrecy::SecretString;
use serde_json::{Value, json};

/// The longest description that GitHub takes, in characters.
const DESCRIPTION_LIMIT: usize = 140;

/// The longest name of a status that GitHub takes, in characters.
const CONTEXT_LIMIT: usize = 255;

pub(super) async fn set(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    status: &CommitStatus,
) -> Result<(), ForgeError> {
    let path = client.repository_path(repository, &["statuses", status.sha.as_str()])?;
    client.post(path, token, &body(status)).await.map(drop)
}

fn body(status: &CommitStatus) -> Value {
    json!({
        "state": word(status.state),
        "target_url": status.target_url,
        "description": status.description.within(DESCRIPTION_LIMIT),
        "context": context_within(&status.context, CONTEXT_LIMIT),
    })
}

fn word(state: CommitState) -> &'static str {
    match state {
        CommitState::Pending => "pending",
        CommitState::Success => "success",
        CommitState::Failure => "failure",
        CommitState::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_model::ids::{BuildId, ProjectId};

    #[test]
    fn texts_that_are_too_long_for_github_are_cut() {
        let status = CommitStatus {
            project: ProjectId(1),
            build: BuildId(1),
            sha: "a".repeat(40).parse().unwrap(),
            context: format!("kozmic/{} {}", "ü".repeat(200), "t".repeat(60)),
            state: CommitState::Failure,
            description: "ä".repeat(200).into(),
            target_url: "https://ci.example.org/".into(),
        };
        let body = body(&status);
        let length = |field: &str| body[field].as_str().map(|text| text.chars().count());
        assert_eq!((length("description"), length("context")), (Some(140), Some(255)));
        assert_eq!(body["state"], "failure");
    }
}
