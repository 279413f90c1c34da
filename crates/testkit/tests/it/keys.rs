//! Deploy keys, over REST and by hand.

use anyhow::{Context, Result};
use kozmic_testkit::github::{GitHub, NewRepository, Permission};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{call, client, github_of_anna};

const FIRST: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
const SECOND: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

async fn add(github: &GitHub, repository: &str, key: &str) -> Result<Response> {
    let body = json!({"title": "Kozmic", "key": key, "read_only": true});
    let path = format!("/repos/{repository}/keys");
    Ok(call(github, &github.token("anna"), Method::POST, &path).json(&body).send().await?)
}

#[tokio::test]
async fn a_deploy_key_is_added_shown_and_removed() -> Result<()> {
    let github = github_of_anna().await?;
    let response = add(&github, "anna/hello", &format!("{FIRST} kozmic@server")).await?;
    assert_eq!(response.status(), 201);
    let key: Value = response.json().await?;
    assert_eq!((&key["key"], &key["title"]), (&json!(FIRST), &json!("Kozmic")));
    assert_eq!((&key["read_only"], &key["verified"]), (&json!(true), &json!(true)));
    assert!(key["created_at"].is_string());
    let known = &github.deploy_keys("anna/hello")[0];
    assert_eq!(known.fingerprint(), "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");

    let token = github.token("anna");
    let list: Value = call(&github, &token, Method::GET, "/repos/anna/hello/keys?per_page=100")
        .send()
        .await?
        .json()
        .await?;
    assert_eq!(list, json!([key]));
    let path = format!("/repos/anna/hello/keys/{}", known.id);
    let shown: Value = call(&github, &token, Method::GET, &path).send().await?.json().await?;
    assert_eq!(shown, key);
    assert_eq!(call(&github, &token, Method::DELETE, &path).send().await?.status(), 204);
    assert_eq!(call(&github, &token, Method::GET, &path).send().await?.status(), 404);
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_key_opens_one_repository_only() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_repository(NewRepository::private("anna/secret"))?;
    assert_eq!(add(&github, "anna/hello", FIRST).await?.status(), 201);
    for repository in ["anna/hello", "anna/secret"] {
        let response = add(&github, repository, &format!("{FIRST} again")).await?;
        assert_eq!(response.status(), 422);
        let answer: Value = response.json().await?;
        assert_eq!(answer["errors"][0]["message"], "key is already in use");
        assert_eq!(answer["errors"][0]["field"], "key");
    }
    let id = github.deploy_keys("anna/hello").first().context("a key")?.id;
    github.remove_deploy_key("anna/hello", id);
    assert_eq!(add(&github, "anna/secret", FIRST).await?.status(), 201);
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_type_of_key_can_be_forbidden() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_repository(NewRepository::public("anna/other"))?;
    github.refuse_key_type(Some("anna/hello"), "ssh-ed25519");
    let response = add(&github, "anna/hello", FIRST).await?;
    assert_eq!(response.status(), 422);
    let answer: Value = response.json().await?;
    assert_eq!(answer["errors"][0]["message"], "key type ssh-ed25519 is not allowed");
    assert_eq!(add(&github, "anna/other", FIRST).await?.status(), 201);
    github.refuse_key_type(None, "ssh-ed25519");
    assert_eq!(add(&github, "anna/other", SECOND).await?.status(), 422);
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn only_admins_have_keys_and_only_keys_are_keys() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_user("bob", "Bob", "bob@example.com");
    github.set_permission("anna/hello", "bob", Some(Permission::Maintain));
    let bob = github.token("bob");
    assert_eq!(call(&github, &bob, Method::GET, "/repos/anna/hello/keys").send().await?.status(), 404);
    github.assert_no_wrong_calls();
    for key in ["ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----", ""] {
        assert_eq!(add(&github, "anna/hello", key).await?.status(), 422, "{key}");
    }
    assert_eq!(github.take_wrong_calls().len(), 3);
    Ok(())
}

#[tokio::test]
async fn without_an_ssh_server_there_are_no_host_keys() -> Result<()> {
    let github = github_of_anna().await?;
    let url = format!("{}/meta", github.api_url());
    let meta: Value = client().get(&url).send().await?.json().await?;
    assert_eq!((&meta["ssh_keys"], &meta["ssh_key_fingerprints"]), (&json!([]), &json!({})));
    assert_eq!(client().get(&url).bearer_auth("ghp_wrong").send().await?.status(), 401);
    github.assert_no_wrong_calls();
    Ok(())
}
