//! Pushes of several commits, of tags, and of many files at once.

use anyhow::{Context, Result};
use axum::http::StatusCode;
use kozmic_testkit::github::{Commit, Delivery, GitHub, NO_COMMIT, Tag};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hooks::{add_hook, receiver};
use crate::support::{call, git_ok, github_of_anna};

const REPOSITORY: &str = "anna/hello";

/// Anna's double with a webhook of `anna/hello`. Its main branch is pushed already.
async fn with_hook() -> Result<GitHub> {
    let github = github_of_anna().await?;
    let (url, received) = receiver(StatusCode::OK).await?;
    tokio::spawn(async move {
        let mut received = received;
        while received.recv().await.is_some() {}
    });
    add_hook(&github, REPOSITORY, &url).await?;
    github.push_silently(REPOSITORY, "main").await?;
    Ok(github)
}

fn payload(deliveries: &[Delivery]) -> Value {
    assert_eq!(deliveries.iter().map(|one| one.event.as_str()).collect::<Vec<_>>(), ["push"]);
    deliveries.first().map(Delivery::payload).unwrap_or_default()
}

fn messages(payload: &Value) -> Vec<&str> {
    payload["commits"].as_array().into_iter().flatten().filter_map(|one| one["message"].as_str()).collect()
}

#[tokio::test]
async fn several_commits_are_pushed_at_once_and_told_the_oldest_first() -> Result<()> {
    let github = with_hook().await?;
    github.add_user("bob", "Bob Byte", "bob@example.com");
    let before = github.head(REPOSITORY, "main").await.context("a head")?;
    let commits = [
        Commit::new("One\n\nWhy").by("Bob Byte", "bob@example.com").file("a", "1"),
        Commit::new("Two").by("Stranger", "stranger@example.com").file("b", "2"),
        Commit::new("Three").file("c", "3"),
    ];
    let pushed = github.push_commits(REPOSITORY, "main", commits).await?;
    assert_eq!(github.head(REPOSITORY, "main").await.as_deref(), Some(pushed.sha.as_str()));
    let told = payload(&pushed.deliveries);
    assert_eq!((&told["before"], &told["after"]), (&json!(before), &json!(pushed.sha)));
    assert_eq!(messages(&told), ["One\n\nWhy", "Two", "Three"]);
    let [first, second, third] = [0, 1, 2].map(|place| &told["commits"][place]);
    let bob = json!({"name": "Bob Byte", "email": "bob@example.com", "username": "bob"});
    assert_eq!(first["author"], bob);
    assert_eq!(second["author"], json!({"name": "Stranger", "email": "stranger@example.com"}));
    assert_eq!((&third["id"], third), (&json!(pushed.sha), &told["head_commit"]));
    let id = first["id"].as_str().context("an id")?;
    assert_eq!(first["url"], format!("{}/{REPOSITORY}/commit/{id}", github.url()));
    assert!(github.push_commits(REPOSITORY, "main", []).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_new_branch_tells_only_what_no_other_branch_has() -> Result<()> {
    let github = with_hook().await?;
    let head = github.head(REPOSITORY, "main").await.context("a head")?;
    github.set_branch(REPOSITORY, "same", &head).await?;
    let same = payload(&github.push(REPOSITORY, "same").await?);
    assert_eq!((messages(&same), &same["base_ref"]), (vec![], &json!("refs/heads/main")));
    assert_eq!(same["head_commit"]["id"], json!(head));

    github.set_branch(REPOSITORY, "topic", &head).await?;
    let commits = [Commit::new("One"), Commit::new("Two")];
    let topic = payload(&github.push_commits(REPOSITORY, "topic", commits).await?.deliveries);
    assert_eq!((messages(&topic), &topic["base_ref"]), (vec!["One", "Two"], &Value::Null));
    assert_eq!(topic["compare"], format!("{}/{REPOSITORY}/compare/topic", github.url()));
    Ok(())
}

#[tokio::test]
async fn a_light_tag_is_the_commit_and_an_annotated_one_points_to_it() -> Result<()> {
    let github = with_hook().await?;
    let head = github.head(REPOSITORY, "main").await.context("a head")?;
    for (tag, kind) in [("v1", Tag::Light("main")), ("v2", Tag::Annotated("main")), ("v3", (&head).into())] {
        let told = payload(&github.push_tag(REPOSITORY, tag, kind).await?);
        assert_eq!((&told["ref"], &told["before"]), (&json!(format!("refs/tags/{tag}")), &json!(NO_COMMIT)));
        assert_eq!((&told["created"], &told["deleted"]), (&json!(true), &json!(false)));
        assert_eq!((&told["head_commit"]["id"], &told["commits"]), (&json!(head), &json!([])));
        assert_eq!(told["base_ref"], "refs/heads/main");
        assert_eq!(told["compare"], format!("{}/{REPOSITORY}/compare/{tag}", github.url()));
        assert_eq!(told["after"] == json!(head), tag != "v2");
    }
    let dir = TempDir::new()?;
    git_ok(dir.path(), &["clone", "-q", &github.clone_url(REPOSITORY), "."]).await?;
    let [light, annotated, commit] = ["v1", "v2", "v2^{commit}"].map(|name| ["cat-file", "-t", name]);
    assert_eq!(git_ok(dir.path(), &light).await?, "commit");
    assert_eq!(git_ok(dir.path(), &annotated).await?, "tag");
    assert_eq!(git_ok(dir.path(), &commit).await?, "commit");
    assert!(github.push_tag(REPOSITORY, "v4", Tag::Annotated("nowhere")).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_tag_that_is_moved_or_deleted_is_told_as_such() -> Result<()> {
    let github = with_hook().await?;
    let first = payload(&github.push_tag(REPOSITORY, "v1", Tag::Annotated("main")).await?);
    github.push_commit(REPOSITORY, "main", Commit::new("Second")).await?;
    let moved = payload(&github.push_tag(REPOSITORY, "v1", Tag::Annotated("main")).await?);
    assert_eq!((&moved["before"], &moved["created"]), (&first["after"], &json!(false)));
    assert_eq!(moved["head_commit"]["message"], "Second");
    let deleted = payload(&github.delete_tag(REPOSITORY, "v1").await?);
    assert_eq!((&deleted["ref"], &deleted["deleted"]), (&json!("refs/tags/v1"), &json!(true)));
    assert_eq!((&deleted["after"], &deleted["head_commit"]), (&json!(NO_COMMIT), &Value::Null));
    Ok(())
}

#[tokio::test]
async fn the_head_of_a_branch_is_told_by_its_full_name_only() -> Result<()> {
    let github = with_hook().await?;
    let old = github.head(REPOSITORY, "main").await.context("a head")?;
    let object =
        payload(&github.push_tag(REPOSITORY, "main", Tag::Annotated("main")).await?)["after"].clone();
    let new = github.push_commit(REPOSITORY, "main", Commit::new("New")).await?.sha;
    let deep = github.push_commit(REPOSITORY, "feature#1/x@y/status", Commit::new("Deep")).await?.sha;
    let token = github.token("anna");
    let commit_at = async |reference: &str| -> Result<(u16, Value)> {
        let path = format!("/repos/{REPOSITORY}/commits/{reference}");
        let answer = call(&github, &token, Method::GET, &path).send().await?;
        Ok((answer.status().as_u16(), answer.json::<Value>().await?))
    };
    let deep_name = "heads%2Ffeature%231%2Fx%40y%2Fstatus";
    for (reference, sha) in [
        ("heads%2Fmain", &new),
        ("heads/main", &new),
        ("tags%2Fmain", &old),
        ("tags/main", &old),
        (deep_name, &deep),
        (new.as_str(), &new),
    ] {
        let (status, answer) = commit_at(reference).await?;
        assert_eq!((status, &answer["sha"]), (200, &json!(sha)), "{reference}");
        assert_eq!(answer["html_url"], format!("{}/{REPOSITORY}/commit/{sha}", github.url()));
    }
    assert_eq!(commit_at("heads/main/status").await?.1["sha"], json!(new));
    assert_eq!(commit_at("heads/main/statuses").await?.1, json!([]));
    for missing in ["heads%2Fgone", "heads/gone", "tags%2Fv9", "heads%2Fmain%5E"] {
        let (status, answer) = commit_at(missing).await?;
        assert_eq!(
            (status, answer["message"].as_str().map(|text| &text[..15])),
            (422, Some("No commit found"))
        );
    }
    github.assert_no_wrong_calls();
    assert_eq!(commit_at(object.as_str().context("a tag's id")?).await?.0, 422);
    assert_eq!(github.take_wrong_calls().len(), 1, "the id of a tag is no commit's");
    Ok(())
}

#[tokio::test]
async fn an_empty_repository_has_no_head() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_repository(kozmic_testkit::github::NewRepository::public("anna/empty"))?;
    let path = "/repos/anna/empty/commits/heads%2Fmain";
    let answer = call(&github, &github.token("anna"), Method::GET, path).send().await?;
    assert_eq!(answer.status(), 409);
    assert_eq!(answer.json::<Value>().await?["message"], "Git Repository is empty.");
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn many_files_come_and_go_in_one_commit() -> Result<()> {
    let github = with_hook().await?;
    let paths = (0..300).map(|number| format!("org/repo-{number}/feature/x.yaml")).collect::<Vec<_>>();
    let many = paths.iter().fold(Commit::new("Many"), |commit, path| commit.file(path, "a: 1\n"));
    let many = many.files(&[("org/app/main.yaml", "a: 1\n"), ("run me.sh", "#!/bin/sh\n")]);
    let told = payload(&github.push_commit(REPOSITORY, "main", many).await?.deliveries);
    assert_eq!(told["head_commit"]["added"].as_array().map(Vec::len), Some(302));

    let fewer = Commit::new("Fewer").delete("org/repo-0").delete("org/app/main.yaml").delete("README.md");
    let fewer = fewer.file("org/app/main.yaml/x.yaml", "b: 2\n").file("org/repo-1/feature/x.yaml", "c: 3\n");
    let told = payload(&github.push_commit(REPOSITORY, "main", fewer).await?.deliveries);
    let head = &told["head_commit"];
    assert_eq!(head["removed"], json!(["README.md", "org/app/main.yaml", "org/repo-0/feature/x.yaml"]));
    assert_eq!(head["added"], json!(["org/app/main.yaml/x.yaml"]));
    assert_eq!(head["modified"], json!(["org/repo-1/feature/x.yaml"]));
    let dir = TempDir::new()?;
    git_ok(dir.path(), &["clone", "-q", &github.clone_url(REPOSITORY), "."]).await?;
    assert_eq!(git_ok(dir.path(), &["ls-files"]).await?.lines().count(), 301);
    Ok(())
}
