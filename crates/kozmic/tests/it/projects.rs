//! Projects and hooks, and the words of the forms about wrong input.

use crate::world::{IMAGE, REPOSITORY, World};
use anyhow::Result;
use kozmic_testkit::{
    github::{FaultKind, FaultRule, NewRepository, Permission},
    person::NewHook,
};

#[tokio::test]
async fn only_repositories_that_one_administers_are_offered() -> Result<()> {
    let world = World::new().await?;
    world.github.add_organization("orbit", &["anna"]);
    world.github.add_repository(NewRepository::private("orbit/ours").allow("anna", Permission::Admin))?;
    world.github.add_repository(NewRepository::public("orbit/theirs").allow("anna", Permission::Push))?;
    world.github.add_repositories("anna", "many", 130)?;
    let page = world.anna.post_form("/repositories/", "/repositories/", &[]).await?;
    page.ensure_ok()?;
    assert!(page.body.contains("orbit") && page.body.contains("ours") && page.body.contains("many"));
    assert!(!page.body.contains("theirs"));
    assert!(page.body.matches("name=\"repository\"").count() >= 131, "all pages of GitHub's list are there");
    let project = world.anna.add_project("orbit/ours").await?;
    assert_ne!(project, world.project);
    world.end().await
}

#[tokio::test]
async fn a_list_that_github_cannot_refresh_stays_as_it_was() -> Result<()> {
    let world = World::new().await?;
    let fault = world.github.fault(FaultRule::new(FaultKind::Status(502)).path("/api/v3/user/repos"));
    let page = world.anna.post_form("/repositories/", "/repositories/", &[]).await?;
    assert!(page.body.contains("502") || page.body.contains("fault"), "{page}");
    drop(fault);
    let page = world.anna.get("/repositories/").await?;
    page.ensure_ok()?;
    assert!(page.body.contains("hello"));
    world.end().await
}

#[tokio::test]
async fn a_hook_with_mistakes_says_what_to_change_and_keeps_what_was_typed() -> Result<()> {
    let world = World::new().await?;
    let path = format!("/projects/{}/hooks/add/", world.project);
    let fresh = world.anna.get(&path).await?;
    assert!(fresh.body.contains("#!/bin/bash") && fresh.body.contains("It works!"));
    let wrong = NewHook { title: "", image: "Not An Image", script: "echo <b>hi</b>" };
    let page = world.anna.try_hook(&path, wrong).await?;
    assert_eq!(page.status, 422, "{page}");
    for words in ["Give the hook a title", "is not the name of a Docker image", "A script starts with #!"] {
        assert!(page.body.contains(words), "{words}: {page}");
    }
    assert!(page.body.contains("Not An Image") && page.body.contains("aria-invalid"));
    assert!(!page.body.contains("echo <b>hi</b>"), "what was typed is escaped");
    assert!(world.github.hooks(REPOSITORY).is_empty());
    world.end().await
}

#[tokio::test]
async fn saving_a_hook_makes_githubs_webhook_and_editing_keeps_it() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo old").await?;
    let hooks = world.github.hooks(REPOSITORY);
    let [hook] = &hooks[..] else { panic!("one webhook: {hooks:?}") };
    assert!(hook.url.ends_with("/_hooks/hook/1/") && hook.active && hook.content_type == "json");
    assert!(
        hook.events.iter().all(|event| ["push", "pull_request"].contains(&event.as_str()))
            && hook.events.len() == 2
    );
    assert!(hook.secret.as_ref().is_some_and(|secret| secret.len() >= 32));
    let path = format!("/projects/{}/hooks/1/edit/", world.project);
    let better = NewHook { title: "Better", image: IMAGE, script: "#!/bin/bash\necho new" };
    world.anna.try_hook(&path, better).await?.ensure_ok()?;
    assert_eq!(world.github.hooks(REPOSITORY).len(), 1);
    world.github.delete_hook(REPOSITORY, hook.id);
    world.anna.try_hook(&path, better).await?.ensure_ok()?;
    assert_eq!(world.github.hooks(REPOSITORY).len(), 1, "a webhook that was removed is made anew");
    world.push("Begin").await?;
    world.finished().await?;
    assert!(world.log().await?.contains("new"));
    assert!(world.page("builds/latest/").await?.contains("Better"));
    world.end().await
}

#[tokio::test]
async fn a_webhook_that_github_refuses_leaves_the_hook_and_can_be_tried_again() -> Result<()> {
    let world = World::new().await?;
    let fault = world
        .github
        .fault(FaultRule::new(FaultKind::Status(503)).method("POST").path("/api/v3/repos/*/*/hooks"));
    let path = format!("/projects/{}/hooks/add/", world.project);
    let page =
        world.anna.try_hook(&path, NewHook { title: "Tests", image: IMAGE, script: "#!/bin/sh" }).await?;
    assert!(page.body.contains("503") || page.body.contains("fault"), "{page}");
    assert!(world.page("settings/").await?.contains("Tests"), "the hook is kept");
    drop(fault);
    let path = format!("/projects/{}/hooks/1/edit/", world.project);
    world
        .anna
        .try_hook(&path, NewHook { title: "Tests", image: IMAGE, script: "#!/bin/sh" })
        .await?
        .ensure_ok()?;
    assert_eq!(world.github.hooks(REPOSITORY).len(), 1);
    world.end().await
}

#[tokio::test]
async fn a_webhook_that_github_made_while_its_answer_was_lost_is_taken_over() -> Result<()> {
    let world = World::new().await?;
    let hooks = format!("/api/v3/repos/{REPOSITORY}/hooks");
    let fault = world.github.fault(FaultRule::new(FaultKind::LoseAnswer).method("POST").path(&hooks));
    let typed = NewHook { title: "Tests", image: IMAGE, script: "#!/bin/bash\necho connected" };
    world.anna.try_hook(&format!("/projects/{}/hooks/add/", world.project), typed).await?;
    assert_eq!(world.github.hooks(REPOSITORY).len(), 1, "GitHub has it, and Kozmic does not know");
    assert!(world.page("settings/").await?.contains("Not connected"));
    drop(fault);

    world.anna.try_hook(&format!("/projects/{}/hooks/1/edit/", world.project), typed).await?.ensure_ok()?;
    let hooks = world.github.hooks(REPOSITORY);
    let [hook] = &hooks[..] else { panic!("one webhook: {hooks:?}") };
    assert!(hook.active && hook.content_type == "json" && hook.events.len() == 2, "{hook:?}");
    world.push("Begin").await?;
    world.finished().await?;
    assert!(world.log().await?.contains("connected"));
    world.end().await
}

#[tokio::test]
async fn what_github_made_while_its_answer_was_lost_is_taken_away_with_hook_and_project() -> Result<()> {
    let world = World::new().await?;
    world.github.start_ssh().await?;
    let secret = "anna/secret";
    world.github.add_repository(NewRepository::private(secret))?;
    let post = |what: &str| FaultRule::new(FaultKind::LoseAnswer).method("POST").path(what);
    let lost = [
        world.github.fault(post("/api/v3/repos/*/*/hooks")),
        world.github.fault(post("/api/v3/repos/*/*/keys")),
    ];
    let project = world.anna.add_project(secret).await?;
    let typed = NewHook { title: "Tests", image: IMAGE, script: "#!/bin/bash\ntrue" };
    for _ in 0..2 {
        world.anna.try_hook(&format!("/projects/{project}/hooks/add/"), typed).await?;
    }
    assert_eq!((world.github.hooks(secret).len(), world.github.deploy_keys(secret).len()), (2, 1));
    drop(lost);
    let settings = format!("/projects/{project}/settings/");
    world
        .anna
        .post_form(&settings, &format!("/projects/{project}/hooks/1/delete/"), &[])
        .await?
        .ensure_ok()?;
    assert_eq!(world.github.hooks(secret).len(), 1);
    let deleted =
        world.anna.post_form(&settings, &format!("/projects/{project}/delete/"), &[("name", secret)]).await?;
    assert!(deleted.body.contains("is deleted"), "{deleted}");
    assert!(world.github.hooks(secret).is_empty(), "{:?}", world.github.hooks(secret));
    assert!(world.github.deploy_keys(secret).is_empty(), "{:?}", world.github.deploy_keys(secret));
    world.end().await
}
