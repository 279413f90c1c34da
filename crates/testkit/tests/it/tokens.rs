//! Tokens that a person made by hand. They see what the person sees, until they are revoked.

use anyhow::{Context, Result};
use kozmic_testkit::github::{Commit, GitHub, NewRepository, Permission};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{LIMIT, call, git, github_of_anna};

/// Anna's double with a private repository that the builder administers, another that the builder does not see, and a
/// token.
async fn with_builder() -> Result<(GitHub, String)> {
    let github = github_of_anna().await?;
    github.add_user("builder", "The Builder", "builder@example.com");
    let theirs = NewRepository::private("anna/theirs").allow("builder", Permission::Admin);
    github.add_repository(theirs)?;
    github.add_repository(NewRepository::private("anna/secret"))?;
    for repository in ["anna/theirs", "anna/secret"] {
        github.commit(repository, "main", Commit::new("First").file("a", "1")).await?;
    }
    let token = github.personal_token("builder");
    Ok((github, token))
}

async fn status(github: &GitHub, token: &str, path: &str) -> Result<StatusCode> {
    Ok(call(github, token, Method::GET, path).send().await?.status())
}

/// True if git may read the repository with this token.
async fn fetches(github: &GitHub, token: &str, repository: &str) -> Result<bool> {
    let (dir, host) = (TempDir::new()?, github.url().replace("http://", ""));
    let url = format!("http://x-access-token:{token}@{host}/{repository}.git");
    Ok(git(dir.path(), &["ls-remote", &url]).await?.status.success())
}

#[tokio::test]
async fn a_personal_token_may_what_its_person_may() -> Result<()> {
    let (github, token) = with_builder().await?;
    let who: Value = call(&github, &token, Method::GET, "/user").send().await?.json().await?;
    assert_eq!(who["login"], "builder");
    for (repository, seen) in [("anna/hello", true), ("anna/theirs", true), ("anna/secret", false)] {
        let expected = if seen { 200 } else { 404 };
        assert_eq!(status(&github, &token, &format!("/repos/{repository}")).await?, expected, "{repository}");
        let head = format!("/repos/{repository}/commits/heads%2Fmain");
        assert_eq!(status(&github, &token, &head).await?, expected, "{repository}");
        assert_eq!(fetches(&github, &token, repository).await?, seen, "{repository}");
    }
    github.set_permission("anna/theirs", "builder", None);
    assert_eq!(status(&github, &token, "/repos/anna/theirs").await?, 404);
    assert!(!fetches(&github, &token, "anna/theirs").await?);
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_personal_token_makes_webhooks_and_statuses_where_its_person_may() -> Result<()> {
    let (github, token) = with_builder().await?;
    let config = json!({"url": "http://127.0.0.1:1/hook", "content_type": "json", "secret": "s3cret"});
    let hook = json!({"config": config, "events": ["push"]});
    for (repository, expected) in [("anna/theirs", 201), ("anna/hello", 404)] {
        let path = format!("/repos/{repository}/hooks");
        let answer = call(&github, &token, Method::POST, &path).json(&hook).send().await?;
        assert_eq!(answer.status(), expected, "{repository}");
    }
    github.wait_for_delivery(LIMIT, |one| one.event == "ping").await.context("a ping")?;
    let hooks = github.hooks("anna/theirs");
    let [hook] = hooks.as_slice() else { panic!("one webhook: {hooks:?}") };
    assert_eq!((hook.url.as_str(), hook.secret.as_deref()), ("http://127.0.0.1:1/hook", Some("s3cret")));
    assert_eq!((hook.events.as_slice(), hook.active), (&["push".to_owned()][..], true));

    let sha = github.head("anna/theirs", "main").await.context("a head")?;
    let path = format!("/repos/anna/theirs/statuses/{sha}");
    let body = json!({"state": "success", "context": "kozmic/autobuild/flist-1.sh special"});
    assert_eq!(call(&github, &token, Method::POST, &path).json(&body).send().await?.status(), 201);
    assert_eq!(github.statuses("anna/theirs", &sha)[0].creator, "builder");
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_taken_back_opens_nothing_and_the_others_stay() -> Result<()> {
    let (github, token) = with_builder().await?;
    let other = github.personal_token("builder");
    github.revoke_token(&token);
    assert_eq!(status(&github, &token, "/user").await?, 401);
    assert_eq!(status(&github, &token, "/repos/anna/hello").await?, 401);
    assert!(!fetches(&github, &token, "anna/theirs").await?);
    assert_eq!(status(&github, &other, "/user").await?, 200);
    assert!(fetches(&github, &other, "anna/theirs").await?);
    Ok(())
}
