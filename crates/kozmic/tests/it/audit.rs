//! The audit trail records each change that somebody makes. Only the people for whom it is meant see it.

use crate::{
    api::Program,
    world::{REPOSITORY, World},
};
use anyhow::{Context, Result};
use kozmic_testkit::{github::Permission, person::Person};
use serde_json::{Value, json};

/// The entries of an answer, as `who action subject`, the newest first.
fn said(trail: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |entry: &Value| {
        let who = entry["login"].as_str().or(entry["actor"].as_str()).unwrap_or_default();
        format!("{who} {} {}", text(&entry["action"]), text(&entry["subject"])).trim_end().to_owned()
    };
    trail["entries"].as_array().into_iter().flatten().map(line).collect()
}

#[tokio::test]
async fn each_button_that_changes_something_leaves_its_entry() -> Result<()> {
    let world = World::with(&[("KOZMIC_ADMINS", "Anna")]).await?;
    world.github.add_user("bob", "Bob Builder", "bob@example.com");
    let program = Program::of(&world.anna, &world).await?;
    let newest = async || anyhow::Ok(said(&program.get("audit?per_page=100").await?));
    let project = format!("/projects/{}/", world.project);
    let (settings, account) = (format!("{project}settings/"), "/account/settings/".to_owned());
    let at = |path: &str| format!("{project}{path}");
    world.hook("exit 1").await?;
    world.push("Begin").await?;
    let job = world.finished().await?.job()?;
    world.github.set_permission(REPOSITORY, "bob", Some(Permission::Push));
    let build = format!("{project}builds/latest/");
    let hook = [("title", "Lint"), ("image", "debian"), ("script", "#!/bin/sh\nmake")];
    let login = [("registry", "ghcr.io"), ("username", "bot"), ("password", "s3cret-word")];
    let end = [("name", REPOSITORY)];
    for (page, form, fields, entry) in [
        (&settings, at("members/sync/"), &[][..], "kozmic role_given bob: manager"),
        (&settings, at("members/sync/"), &[], "anna members_synced"),
        (
            &settings,
            at("settings/builds/"),
            &[("cancel_running", "on")],
            "anna settings_changed cancel what runs: no → yes",
        ),
        (&settings, at("registries/"), &login, "anna registry_added ghcr.io"),
        (&settings, at("registries/"), &login, "anna registry_changed ghcr.io"),
        (&settings, at("registries/1/delete/"), &[], "anna registry_deleted ghcr.io"),
        (&at("hooks/add/"), at("hooks/add/"), &hook, "anna hook_added Lint"),
        (&at("hooks/2/edit/"), at("hooks/2/edit/"), &[("image", "alpine")], "anna hook_changed Lint: image"),
        (&settings, at("hooks/2/delete/"), &[], "anna hook_deleted Lint"),
        (&build, at(&format!("jobs/{job}/restart/")), &[], "anna job_restarted Tests of build #1"),
        (&account, "/account/settings/mail/".to_owned(), &[("only_own_commits", "yes")], "anna mail_changed"),
        (
            &account,
            "/account/tokens/".to_owned(),
            &[("title", "Deploys"), ("life", "never")],
            "anna token_made Deploys (read, without end)",
        ),
        (&account, "/account/tokens/2/delete/".to_owned(), &[], "anna token_deleted Deploys"),
        (&settings, at("delete/"), &end, "anna project_deleted"),
    ] {
        world.anna.post_form(page, &form, fields).await?.ensure_ok()?;
        let told = newest().await?;
        assert!(told[..3.min(told.len())].contains(&entry.to_owned()), "{form}: {told:#?}");
        if form.contains("restart") {
            world.finished().await?;
        }
    }
    let elsewhere = Person::sign_in(&world.server, &world.github, "anna").await?;
    elsewhere.post_form(&account, "/account/sessions/sign-out-others/", &[]).await?.ensure_ok()?;
    elsewhere.sign_out().await?;
    let told = newest().await?;
    assert_eq!(told[..2], ["anna signed_out", "anna others_signed_out"]);
    let all = program.get("audit?per_page=100").await?.to_string();
    for secret in ["s3cret-word", "kozmic_", "gho_", "anna@example.com"] {
        assert!(!all.contains(secret), "{secret}");
    }
    world.end().await
}

#[tokio::test]
async fn the_trail_is_for_owners_and_administrators_and_names_tokens() -> Result<()> {
    let world = World::with(&[("KOZMIC_ADMINS", "carl")]).await?;
    world.hook("exit 1").await?;
    world.push("Begin").await?;
    let job = world.finished().await?.job()?;
    world.github.add_user("bob", "Bob Builder", "bob@example.com");
    world.github.add_user("carl", "Carl Admin", "carl@example.com");
    world.github.set_permission(REPOSITORY, "bob", Some(Permission::Push));
    let bob = Person::sign_in(&world.server, &world.github, "bob").await?;
    let carl = Person::sign_in(&world.server, &world.github, "carl").await?;
    let restarting = Program::with(&bob, &world, &[("scope", "restart")]).await?;
    let again = format!("projects/{}/jobs/{job}/restart", world.project);
    assert_eq!(restarting.post_json(&again, &json!({})).await?.0, 200);
    world.finished().await?;

    let page = format!("/projects/{}/audit/", world.project);
    let seen = world.anna.get(&page).await?;
    seen.ensure_ok()?;
    assert!(seen.body.contains("restarted the job <b>Tests of build #1</b>"), "{seen}");
    assert!(seen.body.contains("token Program") && seen.body.contains("added the hook"), "{seen}");
    assert_eq!((bob.get(&page).await?.status, carl.get(&page).await?.status), (403, 404));
    let all = carl.get("/audit/").await?;
    all.ensure_ok()?;
    assert!(all.body.contains(REPOSITORY) && all.body.contains("signed in:"), "{all}");
    assert!(carl.get("/account/settings/").await?.body.contains("href=\"/audit/\""));
    for person in [&world.anna, &bob] {
        assert_eq!(person.get("/audit/").await?.status, 404);
        assert!(!person.get("/account/settings/").await?.body.contains("href=\"/audit/\""));
    }
    let of_project = format!("projects/{}/audit", world.project);
    let owner = Program::with(&world.anna, &world, &[]).await?;
    let trail = owner.get(&format!("{of_project}?per_page=2&page=1")).await?;
    assert_eq!(trail["entries"].as_array().map(Vec::len), Some(2), "{trail}");
    let entry = &trail["entries"][0];
    let told = ["actor", "login", "token", "action", "project_name"].map(|field| entry[field].as_str());
    assert_eq!(told, ["person", "bob", "Program", "job_restarted", REPOSITORY].map(Some), "{trail}");
    let second = owner.get(&format!("{of_project}?per_page=2&page=2")).await?;
    let ids = |trail: &Value| trail["entries"].as_array().and_then(|all| all.last()?["id"].as_i64());
    assert!(ids(&trail).context("entries")? > ids(&second).context("older ones")?);
    let admin = Program::with(&carl, &world, &[]).await?;
    assert!(said(&admin.get("audit?per_page=100").await?).contains(&"anna project_made".to_owned()));
    assert_eq!((admin.status(&of_project).await?, owner.status("audit").await?), (404, 404));
    world.end().await
}
