//! Signing in with GitHub, and the view of strangers.

use crate::{
    api::Program,
    pages::{Browser, location},
    world::{GATE, LIMIT, REPOSITORY, World, github, options},
};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{FaultKind, FaultRule, Permission},
    person::Person,
    server::Server,
};
use reqwest::{Client, Url, redirect::Policy};

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
    let bound = begin.headers().get("strict-transport-security").context("browsers are bound to https")?;
    assert_eq!(bound, "max-age=31536000");
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

/// A code that somebody caught is no use in another browser, whose own sign-in has another secret.
#[tokio::test]
async fn a_code_signs_in_only_the_browser_that_it_was_asked_for() -> Result<()> {
    let github = github().await?;
    let server = Server::start(options(&github)).await?;
    let (annas, eves) = (Browser::nobody(&server)?, Browser::nobody(&server)?);
    let asked = location(&annas.get("/_auth/").await?)?;
    assert!(asked.contains("code_challenge=") && asked.contains("code_challenge_method=S256"), "{asked}");
    let caught = Url::parse(&annas.allow(&github, &asked, "anna").await?)?;
    let caught = caught.query_pairs().find(|(name, _)| name == "code").context("a code")?.1.into_owned();
    let own = Url::parse(&location(&eves.get("/_auth/").await?)?)?;
    let state = own.query_pairs().find(|(name, _)| name == "state").context("a state")?.1.into_owned();
    let arrived = eves.get(&format!("/_auth/auth-callback/?code={caught}&state={state}")).await?;
    assert!(location(&arrived)?.starts_with("/login/"), "{arrived:?}");
    assert_eq!(eves.status("/account/settings/").await?, 303);
    assert_eq!(github.take_wrong_calls().len(), 1, "the double has seen the wrong secret");
    Ok(())
}

#[tokio::test]
async fn a_new_sign_in_ends_the_session_of_that_browser_and_no_other() -> Result<()> {
    let world = World::new().await?;
    world.github.set_permission(REPOSITORY, "eve", Some(Permission::Pull));
    world.hook(&format!("echo begun; {GATE}")).await?;
    world.push("Begin").await?;
    let job = world.build().await?.job()?;
    let browser = Person::sign_in(&world.server, &world.github, "eve").await?;
    let mut watched = browser.live(world.project, job, 0).await?;
    watched.read_until("begun", LIMIT).await?;
    browser.go_through_github("anna").await?.ensure_ok()?;
    // What eve's session had open goes dark although the job runs on.
    while watched.next(LIMIT).await?.is_some() {}
    browser.go_through_github("anna").await?.ensure_ok()?;
    let sessions = browser.get("/account/settings/").await?;
    assert_eq!(sessions.body.matches("last seen").count(), 2, "this one and the world's own: {sessions}");
    world.anna.get("/account/settings/").await?.ensure_ok()?;
    world.open_gate().await?;
    world.finished().await?;
    world.end().await
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends_although_its_page_stays_open() -> Result<()> {
    let world = World::with(&[("KOZMIC_SESSION_IDLE_TIMEOUT", "2")]).await?;
    let browser = Browser::of(&world.server, &world.github, "anna").await?;
    let look = async || {
        let asked = browser.ask(reqwest::Method::GET, "/account/settings/").header("x-kozmic-part", "1");
        anyhow::Ok(asked.send().await?.status().as_u16())
    };
    assert_eq!(look().await?, 200);
    let ended = async {
        while look().await? == 200 {}
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, ended).await.context("the session ends")??;
    assert!(location(&browser.get("/account/settings/").await?)?.starts_with("/login/"));
    world.end().await
}

#[tokio::test]
async fn who_is_invited_no_more_is_out_at_once_and_others_stay() -> Result<()> {
    let mut world = World::with(&[("KOZMIC_SIGN_IN_ALLOWED", "anna, bert, adlift")]).await?;
    world.github.add_user("bert", "Bert", "bert@example.com");
    world.github.add_user("carl", "Carl", "carl@example.com");
    world.github.add_organization("adlift", &["carl"]);
    let (mut people, mut programs) = (Vec::new(), Vec::new());
    for login in ["anna", "bert", "carl"] {
        let person = Person::sign_in(&world.server, &world.github, login).await?;
        programs.push(Program::of(&person, &world).await?);
        people.push(person);
    }
    for (allowed, stay) in [
        ("anna, bert, adlift", [true, true, true]),
        ("anna, adlift", [true, false, true]),
        ("anna, carl", [true, false, true]),
        ("anna", [true, false, false]),
        ("anna, bert", [true, true, false]),
    ] {
        world.server.restart_with(&[("KOZMIC_SIGN_IN_ALLOWED", allowed)]).await?;
        for ((person, program), stays) in people.iter().zip(&programs).zip(stay) {
            let what = format!("{} with {allowed}", person.login);
            assert_eq!(program.status("user").await?, if stays { 200 } else { 401 }, "{what}");
            if !stays || person.login != "bert" {
                let page = person.get("/account/settings/").await?;
                assert_eq!(!page.url.path().starts_with("/login/"), stays, "{what}");
            }
        }
    }
    world.end().await
}

#[tokio::test]
async fn who_left_the_organization_is_out_with_the_next_look() -> Result<()> {
    let mut world = World::with(&[("KOZMIC_SIGN_IN_ALLOWED", "anna, adlift")]).await?;
    world.github.add_user("bert", "Bert", "bert@example.com");
    world.github.add_organization("adlift", &["bert"]);
    let bert = Person::sign_in(&world.server, &world.github, "bert").await?;
    let program = Program::of(&bert, &world).await?;
    world.github.leave_organization("adlift", "bert")?;
    world.server.restart().await?;
    let out = async {
        while program.status("user").await? == 200 {}
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, out).await.context("bert is out")??;
    assert!(bert.get("/account/settings/").await?.url.path().starts_with("/login/"));
    world.end().await
}
