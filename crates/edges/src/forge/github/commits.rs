//! Commits, as GitHub's API gives them: one commit, and the newest commit of a branch.

use super::{Client, ForgeError, Head, payload};
use kozmic_model::{
    event::Author,
    git::{Sha, is_branch_name},
    project::Repository,
};
use secrecy::SecretString;
use serde::Deserialize;

#[derive(Deserialize)]
struct CommitAnswer {
    sha: Sha,
    #[serde(default)]
    html_url: String,
    commit: Body,
}

#[derive(Deserialize)]
struct Body {
    message: String,
    author: Option<Person>,
    committer: Option<Person>,
}

#[derive(Deserialize)]
struct Person {
    name: Option<String>,
    email: Option<String>,
    date: Option<String>,
}

impl From<CommitAnswer> for Head {
    fn from(
        CommitAnswer { sha, html_url, commit: Body { message, author, committer } }: CommitAnswer,
    ) -> Self {
        let made_at = committer.and_then(|committer| committer.date).and_then(|date| payload::moment(&date));
        let (name, email) = author.map_or((None, None), |author| (author.name, author.email));
        let author = Author { name: name.unwrap_or_default(), email };
        Self { sha, message: payload::message(message), author, url: payload::page(&html_url), made_at }
    }
}

pub(super) async fn one(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    sha: &Sha,
) -> Result<(String, Author), ForgeError> {
    let Head { message, author, .. } = ask(client, token, repository, sha.as_str()).await?;
    Ok((message, author))
}

/// GitHub answers 422 if there is no such branch, and 409 if the repository is empty.
pub(super) async fn head(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    branch: &str,
) -> Result<Option<Head>, ForgeError> {
    if !is_branch_name(branch) {
        return Ok(None);
    }
    match ask(client, token, repository, &format!("heads/{branch}")).await {
        Ok(head) => Ok(Some(head)),
        Err(ForgeError::Refused { status: 404 | 409 | 410 | 422, .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// `reference` is a commit's id or `heads/<branch>`. It is one segment, its slashes escaped: `…/commits/heads/x/status`
/// would ask for the statuses of a branch `x`.
async fn ask(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    reference: &str,
) -> Result<Head, ForgeError> {
    let path = client.repository_path(repository, &["commits", reference])?;
    client.get::<CommitAnswer>(path, token).await.map(Head::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::github::tests::loopback::{Loopback, repository};
    use serde_json::{Value, json};

    fn shape() -> Value {
        json!({ "sha": "a".repeat(40), "html_url": "https://github.com/anna/app/commit/a", "commit": {
            "message": "Fix it\n\nBody", "author": { "name": "Anna", "email": "anna@example.org" } } })
    }

    async fn head_of(loopback: &Loopback, branch: &str) -> Result<Option<Head>, ForgeError> {
        head(&loopback.client(), &"t0ken".into(), &repository(), branch).await
    }

    #[tokio::test]
    async fn a_branchs_head_is_asked_for_as_a_branch() {
        let loopback = Loopback::answering([(200, shape().to_string())]).await;
        let head = head_of(&loopback, "feature/status").await.unwrap().unwrap();
        assert_eq!((head.sha.as_str(), head.message.as_str()), ("a".repeat(40).as_str(), "Fix it\n\nBody"));
        assert_eq!(
            (head.author.name.as_str(), head.author.email.as_deref()),
            ("Anna", Some("anna@example.org"))
        );
        assert_eq!(head.url, "https://github.com/anna/app/commit/a");
        assert_eq!(loopback.asked(), ["GET /api/repositories/1/commits/heads%2Ffeature%2Fstatus"]);
    }

    #[tokio::test]
    async fn a_branch_that_is_not_there_has_no_head() {
        let statuses = [404, 409, 422];
        let loopback = Loopback::answering(statuses.map(|status| (status, "{}".to_owned()))).await;
        for _ in statuses {
            assert_eq!(head_of(&loopback, "main").await.unwrap(), None);
        }
        assert_eq!(head_of(&loopback, "../hooks").await.unwrap(), None);
        assert_eq!(loopback.asked().len(), 3, "what is no name of a branch is not asked for");
    }

    #[tokio::test]
    async fn a_forge_that_does_not_tell_is_no_missing_branch() {
        for status in [401, 403, 502] {
            let loopback = Loopback::answering([(status, "{}".to_owned())]).await;
            assert!(head_of(&loopback, "main").await.is_err(), "{status}");
        }
        let mut odd = shape();
        odd["sha"] = json!("--upload-pack=x");
        let loopback = Loopback::answering([(200, odd.to_string())]).await;
        assert!(matches!(head_of(&loopback, "main").await, Err(ForgeError::Unexpected { .. })));
    }

    #[tokio::test]
    async fn a_page_that_is_none_is_not_linked() {
        let mut odd = shape();
        odd["html_url"] = json!("javascript:alert(1)");
        let loopback = Loopback::answering([(200, odd.to_string())]).await;
        assert_eq!(head_of(&loopback, "main").await.unwrap().unwrap().url, "");
    }
}
