//! The settings page: each of its buttons, and its words when GitHub fails.

use crate::world::{IMAGE, LIMIT, REPOSITORY, World};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{FaultKind, FaultRule, NewRepository, Permission},
    person::{Page, Person},
};

/// Presses a button of the settings page.
async fn press(world: &World, action: &str, fields: &[(&str, &str)]) -> Result<Page> {
    let (page, action) = (path(world, "settings/"), path(world, action));
    world.anna.post_form(&page, &action, fields).await
}

fn path(world: &World, page: &str) -> String {
    format!("/projects/{}/{page}", world.project)
}

#[tokio::test]
async fn what_a_newer_push_cancels_is_chosen_by_two_switches() -> Result<()> {
    let world = World::new().await?;
    let switches = |page: &Page| {
        let form = page.form(|form| form.action.ends_with("/settings/builds/"));
        form.map(|form| ["cancel_waiting", "cancel_running"].map(|name| form.field(name).is_some()))
    };
    let fresh = world.anna.get(&path(&world, "settings/")).await?;
    assert_eq!(switches(&fresh), Some([true, false]), "waiting jobs are canceled unless the project says no");
    let page = press(&world, "settings/builds/", &[("cancel_running", "on")]).await?;
    assert_eq!(switches(&page), Some([true, true]), "{page}");
    let bare = fresh.form(|form| form.action.ends_with("/settings/builds/")).context("the form")?;
    let token = [("csrf_token".to_owned(), bare.field("csrf_token").unwrap_or_default().to_owned())];
    let off = kozmic_testkit::html::Form { fields: token.into(), ..bare };
    let page = world.anna.submit(&fresh, &off, &[]).await?;
    assert_eq!(switches(&page), Some([false, false]), "{page}");
    world.end().await
}

#[tokio::test]
async fn a_registrys_password_goes_in_and_is_never_shown_again() -> Result<()> {
    let world = World::new().await?;
    let wrong = [("registry", "not a host"), ("username", "bot"), ("password", "s3cret-word")];
    let page = press(&world, "registries/", &wrong).await?;
    assert_eq!(page.status, 422, "{page}");
    assert!(page.body.contains("Name the registry as in image names") && page.body.contains("value=\"bot\""));
    assert!(!page.body.contains("s3cret-word"), "{page}");
    let right = [("registry", "https://GHCR.io/team"), ("username", "bot"), ("password", "s3cret-word")];
    let page = press(&world, "registries/", &right).await?;
    page.ensure_ok()?;
    assert!(page.body.contains("ghcr.io") && page.body.contains("as bot"), "{page}");
    assert!(!page.body.contains("s3cret-word"), "{page}");
    assert!(!world.server.output().contains("s3cret-word"));
    let again = [("registry", "ghcr.io"), ("username", "robot"), ("password", "other")];
    let page = press(&world, "registries/", &again).await?;
    assert!(
        page.body.contains("as robot") && !page.body.contains("as bot<"),
        "one user for each registry: {page}"
    );
    let page = press(&world, "registries/1/delete/", &[]).await?;
    assert!(!page.body.contains("as robot"), "{page}");
    world.end().await
}

#[tokio::test]
async fn a_hook_is_deleted_with_its_webhook_or_not_at_all() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo built").await?;
    let rule = FaultRule::new(FaultKind::Status(502)).method("DELETE").path("/api/v3/repos/*/*/hooks/");
    let fault = world.github.fault(rule);
    let page = press(&world, "hooks/1/delete/", &[]).await?;
    assert!(page.body.contains("The hook Tests stays") && page.body.contains("502"), "{page}");
    assert_eq!(world.github.hooks(REPOSITORY).len(), 1);
    drop(fault);
    let page = press(&world, "hooks/1/delete/", &[]).await?;
    assert!(
        page.body.contains("The hook Tests is deleted") && page.body.contains("There is none yet"),
        "{page}"
    );
    assert!(world.github.hooks(REPOSITORY).is_empty());
    assert_eq!(world.anna.get(&path(&world, "hooks/1/edit/")).await?.status, 404);
    world.end().await
}

#[tokio::test]
async fn hooks_that_were_changed_at_github_are_restored() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo one").await?;
    world.hook("echo two").await?;
    let hooks = world.github.hooks(REPOSITORY);
    world.github.delete_hook(REPOSITORY, hooks[0].id);
    world.github.change_hook(REPOSITORY, hooks[1].id, |hook| hook.active = false)?;
    let rule = FaultRule::new(FaultKind::Status(502)).method("POST").path("/api/v3/repos/*/*/hooks");
    let fault = world.github.fault(rule);
    let page = press(&world, "hooks/restore/", &[]).await?;
    assert!(page.body.contains("Not all could be put back at GitHub"), "{page}");
    assert_eq!(page.body.matches("is not in order").count(), 1, "the other hook is: {page}");
    drop(fault);
    let page = press(&world, "hooks/restore/", &[]).await?;
    assert!(page.body.contains("All that this project needs at GitHub is in place"), "{page}");
    let hooks = world.github.hooks(REPOSITORY);
    assert!(hooks.len() == 2 && hooks.iter().all(|hook| hook.active), "{hooks:?}");
    world.end().await
}

#[tokio::test]
async fn a_project_is_deleted_by_its_full_name_and_leaves_nothing_at_github() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo built").await?;
    let page = press(&world, "delete/", &[("name", "hello")]).await?;
    assert!(page.status == 422 && page.body.contains("Nothing was deleted"), "{page}");
    let rule = FaultRule::new(FaultKind::Status(502)).method("DELETE").path("/api/v3/repos/*/*/hooks/");
    let fault = world.github.fault(rule);
    let page = press(&world, "delete/", &[("name", REPOSITORY)]).await?;
    assert!(
        page.body.contains("The project is not deleted") && page.body.contains("is still there"),
        "{page}"
    );
    world.page("settings/").await?;
    drop(fault);
    let page = press(&world, "delete/", &[("name", REPOSITORY)]).await?;
    assert!(page.body.contains("The project anna/hello is deleted"), "{page}");
    assert!(world.github.hooks(REPOSITORY).is_empty());
    for address in ["", "settings/", "builds/latest/", "history/"] {
        assert_eq!(world.anna.get(&path(&world, address)).await?.status, 404, "{address}");
    }
    let again = world.anna.add_project(REPOSITORY).await?;
    assert_ne!(again, world.project, "the repository can become a project again");
    world.end().await
}

#[tokio::test]
async fn a_private_project_shows_its_deploy_key_and_a_badge_for_who_knows_its_token() -> Result<()> {
    let world = World::new().await?;
    world.github.start_ssh().await?;
    world.github.add_repository(NewRepository::private("anna/secret"))?;
    world.anna.post_form("/repositories/", "/repositories/", &[]).await?.ensure_ok()?;
    let secret = world.anna.add_project("anna/secret").await?;
    let page = world.anna.get(&format!("/projects/{secret}/settings/")).await?;
    page.ensure_ok()?;
    assert!(page.body.contains("ssh-ed25519 ") && page.body.contains("Registered at GitHub"), "{page}");
    let token = page.body.split("/badges/anna/secret/main?token=").nth(1).context("a badge with a token")?;
    let token = token.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
    assert!(token.len() >= 32, "{token}");
    assert!(page.body.contains(&format!("[![Build status]({}/badges/anna/secret/main", world.server.url())));
    let public = world.page("settings/").await?;
    assert!(
        public.contains("/badges/anna/hello/main")
            && !public.contains("?token=")
            && !public.contains("ssh-ed")
    );

    let [key] = &world.github.deploy_keys("anna/secret")[..] else { panic!("one deploy key") };
    world.github.remove_deploy_key("anna/secret", key.id);
    let restore = format!("/projects/{secret}/hooks/restore/");
    let typed = NewHookForm::of(secret);
    world.anna.post_form(&typed.path, &typed.path, &typed.fields).await?.ensure_ok()?;
    world.anna.post_form(&format!("/projects/{secret}/settings/"), &restore, &[]).await?.ensure_ok()?;
    assert_eq!(world.github.deploy_keys("anna/secret").len(), 1, "a key that was removed is registered anew");
    world.end().await
}

/// A hook for another project than the world's own.
struct NewHookForm {
    path: String,
    fields: [(&'static str, &'static str); 3],
}

impl NewHookForm {
    fn of(project: u64) -> Self {
        let fields = [("title", "Tests"), ("image", IMAGE), ("script", "#!/bin/sh\ntrue")];
        Self { path: format!("/projects/{project}/hooks/add/"), fields }
    }
}

#[tokio::test]
async fn members_are_shown_with_their_roles_and_pictures_and_initials() -> Result<()> {
    let world = World::new().await?;
    world.github.add_user("bob", "Bob Builder", "bob@example.com");
    world.github.set_permission(REPOSITORY, "bob", Some(Permission::Triage));
    let page = press(&world, "members/sync/", &[]).await?;
    assert!(page.body.contains("The members are those that GitHub tells of"), "{page}");
    for words in [">owner<", ">member<", ">bob<", ">anna<"] {
        assert!(page.body.contains(words), "{words}: {page}");
    }
    let mut kinds = Vec::new();
    for rest in page.body.split(&path(&world, "avatars/")).skip(1) {
        let user = rest.split('"').next().unwrap_or_default();
        let picture = world.anna.get_bytes(&path(&world, &format!("avatars/{user}"))).await?;
        kinds.push(picture.starts_with(b"<svg"));
    }
    assert_eq!(kinds, [false, true], "anna's picture, bob's initials");
    world.end().await
}

#[tokio::test]
async fn a_repository_that_is_a_project_of_others_leads_to_it() -> Result<()> {
    let world = World::new().await?;
    world.github.add_user("bob", "Bob Builder", "bob@example.com");
    world.github.add_repository(NewRepository::public("anna/shared").allow("bob", Permission::Admin))?;
    let bob = Person::sign_in(&world.server, &world.github, "bob").await?;
    world.anna.post_form("/repositories/", "/repositories/", &[]).await?;
    let rule = FaultRule::new(FaultKind::Status(502)).path("/api/v3/repos/*/*/collaborators");
    let fault = world.github.fault(rule);
    let project = world.anna.add_project("anna/shared").await?;
    let page = bob.post_form("/repositories/", "/projects/", &[]).await?;
    assert!(page.body.contains("GitHub did not say whether you belong to it"), "{page}");
    assert_eq!(bob.get(&format!("/projects/{project}/")).await?.status, 404);
    drop(fault);
    let page = bob.post_form("/repositories/", "/projects/", &[]).await?;
    assert!(page.body.contains("was a project already: here it is"), "{page}");
    assert_eq!(page.number_after("/projects/"), Some(project));
    bob.get(&format!("/projects/{project}/settings/")).await?.ensure_ok()?;
    let listed = bob.get("/repositories/").await?;
    assert!(listed.body.contains(&format!("/projects/{project}/\">Go to the project")), "{listed}");
    world.end().await
}

#[tokio::test]
async fn cached_images_are_listed_and_can_be_dropped() -> Result<()> {
    let world = World::new().await?;
    let add = path(&world, "hooks/add/");
    let typed = [
        ("title", "Tests"),
        ("image", IMAGE),
        ("script", "#!/bin/sh\ntrue"),
        ("install_script", "#!/bin/sh\necho installed for the settings"),
    ];
    world.anna.post_form(&add, &add, &typed).await?.ensure_ok()?;
    assert!(world.page("settings/").await?.contains("There is none."));
    world.push("Begin").await?;
    assert_eq!(world.finished().await?.status, "success");
    let listed = world.page("settings/").await?;
    for words in [&format!("on {IMAGE}"), "MB · made ", " · used "] {
        assert!(listed.contains(words), "{words}: {listed}");
    }
    // A container of the job that just ended may still use it.
    world.docker.wait_until_clean(&world.label()?, LIMIT).await?;
    let page = press(&world, "cache/1/drop/", &[]).await?;
    assert!(page.body.contains("The image is dropped") && page.body.contains("There is none."), "{page}");
    world.end().await
}
