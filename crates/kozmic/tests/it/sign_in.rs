//! Signing in with GitHub, and what strangers see.

use crate::world::{World, github, options};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{FaultKind, FaultRule},
    person::Person,
    server::Server,
};
use reqwest::{Client, redirect::Policy};

#[tokio::test]
async fn a_person_signs_in_and_out() -> Result<()> {
    let github = github().await?;
    let server = Server::start(options(&github)).await?;
    let anna = Person::sign_in(&server, &github, "anna").await?;
    let account = anna.get("/account/settings/").await?;
    account.ensure_ok()?;
    assert!(account.body.contains("Anna Orbit") && account.body.contains("anna@example.com"));
    let avatar = anna.get_bytes("/avatars/1").await.or(anna.get_bytes("/avatars/1/").await);
    assert_eq!(avatar?.get(1..4), Some(b"PNG".as_slice()));
    anna.sign_out().await?;
    let after = anna.get("/account/settings/").await?;
    assert!(after.url.path().starts_with("/login/"), "{}", after.url);
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn the_session_cookie_is_kept_from_scripts_and_other_sites() -> Result<()> {
    let github = github().await?;
    let server = Server::start(options(&github).env("KOZMIC_PUBLIC_URL", "https://ci.example.org")).await?;
    let client = Client::builder().redirect(Policy::none()).build()?;
    let begin = client.get(format!("{}/_auth/", server.url())).send().await?;
    let cookies = begin.headers().get_all("set-cookie").iter();
    let cookies = cookies.map(|value| value.to_str().map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    assert!(!cookies.is_empty());
    for flag in ["HttpOnly", "Secure", "SameSite=Lax"] {
        assert!(cookies.iter().all(|cookie| cookie.contains(flag)), "{cookies:?}");
    }
    let target = begin.headers().get("location").context("a redirect")?.to_str()?.to_owned();
    assert!(target.starts_with(&format!("{}/login/oauth/authorize?", github.url())), "{target}");
    assert!(
        target.contains("state=") && target.contains("ci.example.org%2F_auth%2Fauth-callback%2F"),
        "{target}"
    );
    Ok(())
}

#[tokio::test]
async fn a_forged_state_a_refusal_and_a_used_code_sign_nobody_in() -> Result<()> {
    let github = github().await?;
    let server = Server::start(options(&github)).await?;
    let eve = Person::visitor(&server.url(), &github, "eve")?;
    let forged = eve.get("/_auth/auth-callback/?code=abc&state=guessed").await?;
    assert!(forged.body.contains("That sign-in was too old"), "{forged}");
    assert!(eve.get("/repositories/").await?.url.path().starts_with("/login/"));
    let refused = eve.go_through_github("").await?;
    assert!(refused.body.contains("Sign in"), "{refused}");
    assert!(eve.get("/repositories/").await?.url.path().starts_with("/login/"));
    Ok(())
}

#[tokio::test]
async fn a_github_that_does_not_answer_is_named_and_can_be_tried_again() -> Result<()> {
    let github = github().await?;
    let server = Server::start(options(&github)).await?;
    for path in ["/login/oauth/access_token", "/api/v3/user"] {
        let fault = github.fault(FaultRule::new(FaultKind::Status(502)).path(path));
        let eve = Person::visitor(&server.url(), &github, "eve")?;
        let page = eve.go_through_github("eve").await?;
        assert!(page.body.contains("GitHub did not confirm the sign-in. Please try again."), "{page}");
        drop(fault);
        eve.go_through_github("eve").await?.ensure_ok()?;
    }
    Ok(())
}

#[tokio::test]
async fn strangers_see_nothing_and_forms_need_their_token() -> Result<()> {
    let world = World::new().await?;
    world.hook("true").await?;
    world.push("Begin").await?;
    let job = world.finished().await?.job()?;
    let eve = Person::sign_in(&world.server, &world.github, "eve").await?;
    let project = world.project;
    let pages = ["", "builds/latest/", "builds/1/", "history/", "settings/", "hooks/add/", "hooks/1/edit/"];
    let pages = pages.iter().map(|page| format!("/projects/{project}/{page}"));
    for path in pages.chain([format!("/projects/{project}/jobs/{job}/log/"), "/projects/99/".to_owned()]) {
        assert_eq!(eve.get(&path).await?.status, 404, "{path}");
    }
    assert!(eve.live(project, job, 0).await.is_err());
    let add = format!("{}/projects/{project}/hooks/add/", world.server.url());
    let bare = Client::builder().redirect(Policy::none()).build()?;
    let without_session = bare.post(&add).form(&[("title", "x")]).send().await?;
    assert!(without_session.status().is_redirection() || without_session.status().is_client_error());
    let forged = [("title", "x"), ("image", "debian"), ("script", "#!/bin/sh"), ("csrf_token", "guessed")];
    let page = world.anna.get(&format!("/projects/{project}/hooks/add/")).await?;
    let mut form = page
        .form(|form| form.field("script").is_some() || form.field("csrf_token").is_some())
        .context("a form")?;
    form.fields.retain(|field| field.0 != "csrf_token");
    assert_eq!(world.anna.submit(&page, &form, &forged).await?.status, 403);
    world.end().await
}

#[tokio::test]
async fn only_who_is_invited_may_sign_in() -> Result<()> {
    let github = github().await?;
    github.add_user("bert", "Bert", "bert@example.com");
    github.add_organization("adlift", &["bert"]);
    let server = Server::start(options(&github).env("KOZMIC_SIGN_IN_ALLOWED", "Anna, ADLIFT")).await?;
    for login in ["anna", "bert"] {
        let page = Person::sign_in(&server, &github, login).await?.get("/projects/").await?;
        page.ensure_ok()?;
    }
    let eve = Person::visitor(&server.url(), &github, "eve")?;
    let page = eve.go_through_github("eve").await?;
    assert!(page.body.contains("for invited people only"), "{page}");
    assert!(eve.get("/projects/").await?.url.path().starts_with("/login/"));
    github.assert_no_wrong_calls();
    Ok(())
}
