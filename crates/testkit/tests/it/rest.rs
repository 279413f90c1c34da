//! The REST calls: shapes, pages, limits and refusals.

use anyhow::{Context, Result};
use kozmic_testkit::github::{Commit, NewRepository, Permission, State};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{LIMIT, call, client, github_of_anna};

#[tokio::test]
async fn repositories_come_in_pages_that_link_to_each_other() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_repositories("anna", "many", 120)?;
    let token = github.token("anna");
    let mut next = Some(format!("{}/user/repos?affiliation=owner&per_page=50", github.api_url()));
    let mut names = Vec::new();
    let mut pages = 0;
    while let Some(url) = next {
        let path = url.strip_prefix(&github.api_url()).context("a link stays at the API")?;
        let response = call(&github, &token, Method::GET, path).send().await?;
        assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
        let link = response.headers().get("link").context("a Link header")?.to_str()?.to_owned();
        next = link
            .split(", ")
            .find_map(|part| part.strip_suffix(">; rel=\"next\"")?.strip_prefix('<').map(str::to_owned));
        let page: Vec<Value> = response.json().await?;
        names.extend(page.iter().map(|one| one["full_name"].to_string()));
        pages += 1;
    }
    assert_eq!((pages, names.len()), (3, 121));
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn each_person_sees_what_they_may() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_user("bob", "Bob", "bob@example.com");
    github.add_organization("orbit", &["bob"]);
    github.add_repository(NewRepository::private("anna/secret").allow("bob", Permission::Push))?;
    github.add_repository(NewRepository::public("orbit/station").allow("bob", Permission::Admin))?;
    let token = github.token("bob");
    let list: Vec<Value> = call(&github, &token, Method::GET, "/user/repos").send().await?.json().await?;
    let seen: Vec<_> =
        list.iter().map(|one| (one["full_name"].as_str(), &one["permissions"]["admin"])).collect();
    assert_eq!(seen, [(Some("anna/secret"), &json!(false)), (Some("orbit/station"), &json!(true))]);

    let bare = github.token_with_scopes("bob", &["public_repo"]);
    assert_eq!(call(&github, &bare, Method::GET, "/repos/anna/secret").send().await?.status(), 404);
    assert_eq!(call(&github, &token, Method::GET, "/repos/anna/secret").send().await?.status(), 200);
    assert_eq!(call(&github, &token, Method::GET, "/repos/anna/none").send().await?.status(), 404);
    github.set_permission("anna/secret", "bob", None);
    assert_eq!(call(&github, &token, Method::GET, "/repos/anna/secret").send().await?.status(), 404);
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_status_is_kept_and_wakes_who_waits_for_it() -> Result<()> {
    let github = github_of_anna().await?;
    let sha = github.head("anna/hello", "main").await.context("a head")?;
    let waiter = {
        let (github, sha) = (github.clone(), sha.clone());
        tokio::spawn(async move { github.wait_for_status("anna/hello", &sha, State::Success, LIMIT).await })
    };
    let token = github.token("anna");
    let path = format!("/repos/anna/hello/statuses/{sha}");
    for state in ["pending", "success"] {
        let body =
            json!({"state": state, "context": "Kozmic-CI", "description": "…", "target_url": "http://k/"});
        let response = call(&github, &token, Method::POST, &path).json(&body).send().await?;
        assert_eq!(response.status(), 201);
        assert_eq!(response.json::<Value>().await?["creator"]["login"], "anna");
    }
    let status = waiter.await??;
    assert_eq!((status.context.as_str(), status.creator.as_str()), ("Kozmic-CI", "anna"));
    assert_eq!(github.statuses("anna/hello", &sha).len(), 2);
    let path = format!("/repos/anna/hello/commits/{sha}/status");
    let combined: Value = call(&github, &token, Method::GET, &path).send().await?.json().await?;
    assert_eq!((&combined["state"], &combined["total_count"]), (&json!("success"), &json!(1)));
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_status_that_github_would_refuse_is_refused_and_noted() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_user("bob", "Bob", "bob@example.com");
    let sha = github.head("anna/hello", "main").await.context("a head")?;
    let (anna, bob) = (github.token("anna"), github.token("bob"));
    let path = format!("/repos/anna/hello/statuses/{sha}");
    let good = json!({"state": "success"});
    assert_eq!(call(&github, &bob, Method::POST, &path).json(&good).send().await?.status(), 404);
    github.assert_no_wrong_calls();
    let cases = [
        (path.clone(), json!({"state": "canceled"})),
        (path.clone(), json!({"state": "success", "description": "x".repeat(141)})),
        (path.clone(), json!({"state": "success", "titel": "x"})),
        (path.clone(), json!({"state": 7})),
        (format!("/repos/anna/hello/statuses/{}", "a".repeat(40)), good),
    ];
    for (path, body) in &cases {
        let response = call(&github, &anna, Method::POST, path).json(body).send().await?;
        assert_eq!(response.status(), 422, "{body}");
        let answer: Value = response.json().await?;
        assert!(answer["documentation_url"].is_string() && answer["message"].is_string(), "{answer}");
    }
    assert_eq!(github.take_wrong_calls().len(), cases.len());
    Ok(())
}

#[tokio::test]
async fn a_commit_is_told_with_its_message_and_author() -> Result<()> {
    let github = github_of_anna().await?;
    let commit = Commit::new("Subject\n\nBody").by("Anna Orbit", "anna@example.com").at(1_700_000_000);
    let sha = github.commit("anna/hello", "main", commit.file("a b", "1")).await?;
    let path = format!("/repos/anna/hello/commits/{sha}");
    let answer: Value = call(&github, &github.token("anna"), Method::GET, &path).send().await?.json().await?;
    assert_eq!(answer["commit"]["message"], "Subject\n\nBody");
    assert_eq!(answer["commit"]["author"]["date"], "2023-11-14T22:13:20Z");
    assert_eq!(answer["author"]["login"], "anna");
    assert_eq!(answer["parents"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_not_githubs_is_noted() -> Result<()> {
    let github = github_of_anna().await?;
    let token = github.token("anna");
    assert_eq!(call(&github, &token, Method::GET, "/user/teams").send().await?.status(), 404);
    assert_eq!(call(&github, &token, Method::PUT, "/user").send().await?.status(), 404);
    assert_eq!(
        call(&github, &token, Method::GET, "/user/repos?per_page=200&foo=1").send().await?.status(),
        200
    );
    assert_eq!(client().get(format!("{}/user", github.api_url())).send().await?.status(), 403);
    let wrong = github.take_wrong_calls();
    assert_eq!(wrong.len(), 7, "{wrong:#?}");
    assert!(wrong[0].contains("GET /api/v3/user/teams"), "{wrong:#?}");
    Ok(())
}

#[tokio::test]
async fn anybody_may_see_that_github_answers() -> Result<()> {
    let github = github_of_anna().await?;
    for url in [github.api_url(), format!("{}/", github.api_url())] {
        assert_eq!(client().get(url).send().await?.status(), 200);
    }
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_wrong_token_is_bad_credentials() -> Result<()> {
    let github = github_of_anna().await?;
    let response = call(&github, "gho_stolen", Method::GET, "/user").send().await?;
    assert_eq!(response.status(), 401);
    assert_eq!(response.json::<Value>().await?["message"], "Bad credentials");
    Ok(())
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_any_more() -> Result<()> {
    let github = github_of_anna().await?;
    let token = github.token("anna");
    let id = github.repository("anna/hello").context("a repository")?.id;
    github.revoke_tokens("anna");
    let paths = [
        "/".to_owned(),
        "/user".to_owned(),
        "/user/repos".to_owned(),
        "/repos/anna/hello".to_owned(),
        "/repos/anna/hello/collaborators".to_owned(),
        "/repos/anna/hello/hooks".to_owned(),
        format!("/repositories/{id}"),
        "/repositories/1".to_owned(),
    ];
    for path in paths {
        let response = call(&github, &token, Method::GET, &path).send().await?;
        assert_eq!(response.status(), 401, "{path}");
        assert_eq!(response.json::<Value>().await?["message"], "Bad credentials", "{path}");
    }
    let url = format!("{}/info/refs?service=git-upload-pack", github.clone_url("anna/hello"));
    assert_eq!(client().get(url).basic_auth("anna", Some(&token)).send().await?.status(), 401);
    Ok(())
}

#[tokio::test]
async fn the_hours_limit_runs_out() -> Result<()> {
    let github = github_of_anna().await?;
    github.set_rate_limit(2);
    let token = github.token("anna");
    let mut answers = Vec::new();
    for _ in 0..3 {
        let response = call(&github, &token, Method::GET, "/user").send().await?;
        let left = response.headers()["x-ratelimit-remaining"].to_str()?.to_owned();
        assert!(response.headers().contains_key("x-github-request-id"));
        answers.push((response.status().as_u16(), left));
    }
    assert_eq!(answers, [(200, "1".into()), (200, "0".into()), (403, "0".into())]);
    Ok(())
}

#[tokio::test]
async fn an_avatar_is_a_picture() -> Result<()> {
    let github = github_of_anna().await?;
    let response = client().get(format!("{}/avatars/u/7?v=4", github.url())).send().await?;
    assert_eq!(response.headers()["content-type"], "image/png");
    assert!(response.bytes().await?.starts_with(b"\x89PNG"));
    Ok(())
}
