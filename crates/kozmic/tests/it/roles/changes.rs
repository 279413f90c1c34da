//! Effects for people whose role at GitHub changes.

use crate::world::{GATE, LIMIT, REPOSITORY, World};
use anyhow::{Context, Result};
use kozmic_testkit::{
    browser::{Browser as Window, View},
    github::{FaultKind, FaultRule, Permission},
    person::Person,
};

#[tokio::test]
async fn buttons_and_tabs_are_shown_to_who_may_use_them() -> Result<()> {
    let world = World::new().await?;
    world.github.add_user("carl", "Carl Reader", "carl@example.com");
    world.github.set_permission(REPOSITORY, "carl", Some(Permission::Pull));
    world.hook(&format!("echo begun; {GATE}")).await?;
    let carl = Person::sign_in(&world.server, &world.github, "carl").await?;
    let project = world.project;
    let empty = carl.get(&format!("/projects/{project}/builds/latest/")).await?;
    assert!(empty.body.contains("Tests") && !empty.body.contains("/hooks/"), "{empty}");
    world.push("Begin").await?;
    world.live().await?.read_until("begun", LIMIT).await?;
    let seen = carl.get(&format!("/projects/{project}/builds/latest/")).await?;
    for action in ["/settings/\"", "/cancel/", "/restart/"] {
        assert!(!seen.body.contains(&format!("/projects/{project}{action}")), "{action}: {seen}");
    }
    assert!(!seen.body.contains("/cancel/"), "{seen}");
    let owned = world.page("builds/latest/").await?;
    assert!(owned.contains("/cancel/") && owned.contains("/settings/\""));
    world.open_gate().await?;
    world.finished().await?;

    world.github.set_permission(REPOSITORY, "carl", Some(Permission::Push));
    carl.post_form("/repositories/", "/repositories/", &[]).await?.ensure_ok()?;
    let settings = carl.get(&format!("/projects/{project}/settings/")).await?;
    settings.ensure_ok()?;
    assert!(!settings.body.contains(&format!("/projects/{project}/delete/")), "only who owns it deletes it");
    assert!(world.page("settings/").await?.contains(&format!("/projects/{project}/delete/")));
    world.end().await
}

#[tokio::test]
async fn who_lost_access_loses_the_pages_and_the_open_connections() -> Result<()> {
    let world = World::new().await?;
    world.github.add_user("bob", "Bob Builder", "bob@example.com");
    world.github.set_permission(REPOSITORY, "bob", Some(Permission::Push));
    world.hook(&format!("echo begun; {GATE}")).await?;
    world.push("Begin").await?;
    let build = world.build().await?;
    let bob = Person::sign_in(&world.server, &world.github, "bob").await?;
    let settings = format!("/projects/{}/settings/", world.project);
    bob.get(&settings).await?.ensure_ok()?;
    let mut news = bob.news(world.project).await?;
    let mut live = bob.live(world.project, build.job()?, 0).await?;
    live.read_until("begun", LIMIT).await?;

    world.github.set_permission(REPOSITORY, "bob", None);
    let sync = format!("/projects/{}/members/sync/", world.project);
    world.anna.post_form(&settings, &sync, &[]).await?.ensure_ok()?;
    while live.next(LIMIT).await?.is_some() {}
    let ends = async { while news.next().await.is_ok() {} };
    tokio::time::timeout(LIMIT, ends).await.context("the news end")?;
    assert_eq!(bob.get(&settings).await?.status, 404);
    assert!(!bob.get("/projects/").await?.body.contains(REPOSITORY));
    assert!(!world.page("settings/").await?.contains("Bob Builder"));
    world.open_gate().await?;
    world.finished().await?;
    world.end().await
}

#[tokio::test]
async fn an_open_page_goes_away_by_itself_when_its_viewer_may_not_see_it_any_more() -> Result<()> {
    let world = World::new().await?;
    world.github.add_user("bob", "Bob Builder", "bob@example.com");
    world.github.set_permission(REPOSITORY, "bob", Some(Permission::Push));
    let window = Window::start(View::DESKTOP).await?;
    window.sign_in(&world.server.url(), "bob").await?;
    let settings = format!("/projects/{}/settings/", world.project);
    window.open(&format!("{}{settings}", world.server.url())).await?;
    world.github.set_permission(REPOSITORY, "bob", None);
    let sync = format!("/projects/{}/members/sync/", world.project);
    world.anna.post_form(&settings, &sync, &[]).await?.ensure_ok()?;
    window.wait_for("document.body.innerText.includes('There is nothing here')", LIMIT).await?;

    window.open(&format!("{}/projects/", world.server.url())).await?;
    let bob = Person::sign_in(&world.server, &world.github, "bob").await?;
    world.github.revoke_tokens("bob");
    let turned = bob.get("/repositories/").await?;
    assert!(turned.body.contains("GitHub no longer accepts your sign-in"), "{turned}");
    world.anna.post_form(&settings, &sync, &[]).await?.ensure_ok()?;
    window.wait_for("document.body.innerText.includes('You were signed out')", LIMIT).await?;
    window.close().await?;
    world.end().await
}

#[tokio::test]
async fn a_token_that_github_no_longer_accepts_leads_to_sign_in_with_a_word_on_it() -> Result<()> {
    let world = World::new().await?;
    let elsewhere = Person::sign_in(&world.server, &world.github, "anna").await?;
    world.github.revoke_tokens("anna");
    let page = world.anna.post_form("/repositories/", "/repositories/", &[]).await?;
    assert!(page.url.path().starts_with("/login/"), "{page}");
    assert!(page.body.contains("GitHub no longer accepts your sign-in"), "{page}");
    let page = elsewhere.get(&format!("/projects/{}/settings/", world.project)).await?;
    assert!(page.url.path().starts_with("/login/") && page.body.contains("You were signed out"), "{page}");
    let again = Person::sign_in(&world.server, &world.github, "anna").await?;
    again.get(&format!("/projects/{}/settings/", world.project)).await?.ensure_ok()?;
    world.end().await
}

#[tokio::test]
async fn a_sync_that_fails_in_the_middle_changes_nothing_and_says_so() -> Result<()> {
    let world = World::new().await?;
    world.github.add_user("bob", "Bob Builder", "bob@example.com");
    world.github.set_permission(REPOSITORY, "bob", Some(Permission::Push));
    let (settings, sync) = ("settings/", format!("/projects/{}/members/sync/", world.project));
    let page = format!("/projects/{}/{settings}", world.project);
    world.anna.post_form(&page, &sync, &[]).await?.ensure_ok()?;
    assert!(world.page(settings).await?.contains(">bob<"));

    world.github.set_permission(REPOSITORY, "bob", None);
    let rule = FaultRule::new(FaultKind::Status(502)).path("/api/v3/repos/*/*/collaborators");
    let fault = world.github.fault(rule);
    let told = world.anna.post_form(&page, &sync, &[]).await?;
    assert!(told.body.contains("The members stay as they were") && told.body.contains("502"), "{told}");
    assert!(told.body.contains(">bob<"));
    assert!(world.page(settings).await?.contains("The last look at GitHub failed"));
    drop(fault);
    world.anna.post_form(&page, &sync, &[]).await?.ensure_ok()?;
    let after = world.page(settings).await?;
    assert!(!after.contains(">bob<") && !after.contains("The last look at GitHub failed"));
    world.end().await
}
