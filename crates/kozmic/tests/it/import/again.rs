//! A second import after the original went on: changes there are made here, and new things from here stay.

use super::{KINDS, SECRET_KEY, Takeover};
use anyhow::{Context, Result};
use kozmic_testkit::person::Person;
use std::fs;

#[tokio::test]
async fn a_second_run_follows_what_went_on_there() -> Result<()> {
    let mut world = Takeover::new().await?;
    world.import(SECRET_KEY, &[]).await?;
    // There job 43 ended, job 41 was restarted, which deletes it for a new one, and hooks changed; ben lost a project.
    world.there("UPDATE job SET finished_at = '2014-05-07 00:10:00', return_code = 0, stdout = 'it ended' WHERE id = 43;
        UPDATE build SET status = 'success' WHERE id = 23;
        DELETE FROM job WHERE id = 41;
        INSERT INTO job VALUES (48, 21, 31, '2014-05-10 00:00:00', '2014-05-10 00:00:09', 3, 'worse', NULL);
        UPDATE hook SET build_script = '#!/bin/sh\necho anew\n' WHERE id = 4;
        DELETE FROM tracked_file WHERE hook_id = 5; UPDATE hook_call SET hook_id = NULL WHERE hook_id = 6;
        DELETE FROM hook WHERE id = 6;
        UPDATE user SET email = 'ben@new.example.com' WHERE id = 2;
        DELETE FROM membership WHERE project_id = 8;
        DELETE FROM project WHERE id = 9").await?;
    let trial = world.import(SECRET_KEY, &["--dry-run"]).await?;
    let words = world.import(SECRET_KEY, &[]).await?;
    for words in [&trial, &words] {
        words.has("followed: job 43 of build #1 of anna/secret: it went on there");
        words.has("followed: hook 4 (Old");
        words.has("deleted: job 41 of anna/hello: it was deleted there since, and is removed here now");
        words.has("deleted: hook 6 of anna/secret: it was deleted there since, and is removed here now");
        assert_eq!(words.numbers("job ")[1], 1, "{}", words.0);
    }
    assert!(!world.server.data_dir().join("logs/0/41-1.log").exists(), "its log went with it");
    world.server.restart().await?;
    let anna = Person::sign_in(&world.server, &world.github, "anna").await?;
    assert_eq!(anna.get("/projects/7/builds/21/jobs/41/").await?.status, 404);
    assert_eq!(anna.build(7, 21).await?.status, "failure");
    assert_eq!(anna.raw_log(7, 48).await?, b"worse");
    assert_eq!(anna.build(8, 23).await?.status, "success");
    assert_eq!(anna.raw_log(8, 43).await?, b"it ended");
    let page = anna.get("/projects/7/hooks/4/edit/").await?;
    assert!(page.body.contains("echo anew"), "{page}");
    assert_eq!(anna.get("/projects/8/hooks/6/edit/").await?.status, 404);
    world.server.terminate().await?;
    let third = world.import(SECRET_KEY, &[]).await?;
    for kind in KINDS {
        assert_eq!(third.numbers(kind)[1], 0, "{kind}: {}", third.0);
    }
    third.lacks("followed:");
    third.lacks("deleted:");
    Ok(())
}

#[tokio::test]
async fn what_was_made_here_since_stays() -> Result<()> {
    let mut world = Takeover::new().await?;
    world.import(SECRET_KEY, &[]).await?;
    world.server.restart().await?;
    let anna = Person::sign_in(&world.server, &world.github, "anna").await?;
    anna.post_form("/projects/7/settings/", "/projects/7/hooks/restore/", &[]).await?.ensure_ok()?;
    anna.post_form("/projects/7/builds/21/", "/projects/7/jobs/41/restart/", &[]).await?.ensure_ok()?;
    anna.get("/projects/7/builds/21/jobs/41/").await?.ensure_ok()?;
    world.server.terminate().await?;
    let before = fs::read(world.server.data_dir().join("logs/0/41-1.log"))?;
    world.there("DELETE FROM job WHERE id = 41; UPDATE hook SET build_script = '#!/bin/sh\necho anew\n' WHERE id = 3;
        DELETE FROM job WHERE build_id IN (SELECT id FROM build WHERE project_id = 8);
        DELETE FROM hook_call WHERE build_id IN (SELECT id FROM build WHERE project_id = 8);
        DELETE FROM build WHERE project_id = 8; DELETE FROM membership WHERE project_id = 8;
        DELETE FROM deploy_key; DELETE FROM tracked_file; DELETE FROM hook WHERE project_id = 8; DELETE FROM project WHERE id = 8").await?;
    let words = world.import(SECRET_KEY, &[]).await?;
    words.has("deleted: job 41 of anna/hello: it was deleted there since, and stays: it ran again here");
    words.lacks("followed: hook 3");
    words.has("to do: anna/secret: it was deleted there since: delete it in /projects/8/settings/");
    assert_eq!(fs::read(world.server.data_dir().join("logs/0/41-1.log"))?, before);
    world.server.restart().await?;
    let anna = Person::sign_in(&world.server, &world.github, "anna").await?;
    anna.get("/projects/7/builds/21/jobs/41/").await?.ensure_ok()?;
    anna.get("/projects/8/builds/23/").await?.ensure_ok()?;
    let page = anna.get("/projects/7/hooks/3/edit/").await?;
    assert!(page.body.contains("cat /tmp/installed"), "{page}");
    world.server.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn settings_say_that_a_webhook_signs_nothing_until_it_is_restored() -> Result<()> {
    let mut world = Takeover::new().await?;
    world
        .import(SECRET_KEY, &[])
        .await?
        .has("mended: anna/secret: everybody may see its badge, as it was there");
    world.server.restart().await?;
    let nobody = Person::visitor(&world.server.url(), &world.github, "ben")?;
    nobody.get("/badges/anna/secret/master").await?.ensure_ok()?;
    let anna = Person::sign_in(&world.server, &world.github, "anna").await?;
    let before = anna.get("/projects/7/settings/").await?;
    assert!(before.body.contains("Not signed") && !before.body.contains("</svg>Connected"), "{before}");
    assert!(before.body.contains("unsigned deliveries are refused"), "{before}");
    anna.post_form("/projects/7/settings/", "/projects/7/hooks/restore/", &[]).await?.ensure_ok()?;
    let after = anna.get("/projects/7/settings/").await?;
    assert!(!after.body.contains("Not signed") && after.body.contains("Connected"), "{after}");
    let path = "/projects/8/settings/";
    let page = anna.get(path).await?;
    let mut form = page.form(|form| form.action.ends_with("/settings/badge/")).context("a switch")?;
    // As a browser sends a switch that is off.
    form.fields.retain(|(name, _)| name != "open");
    anna.submit(&page, &form, &[]).await?.ensure_ok()?;
    assert_eq!(nobody.get("/badges/anna/secret/master").await?.status, 404);
    anna.post_form(path, "/projects/8/settings/badge/", &[("open", "on")]).await?.ensure_ok()?;
    nobody.get("/badges/anna/secret/master").await?.ensure_ok()?;
    world.server.terminate().await?;
    Ok(())
}
