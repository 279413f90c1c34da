//! A job runs again as a new attempt, and the result of the attempt before stays readable. Jobs and builds are
//! canceled.

use crate::world::{GATE, IMAGE, LIMIT, World};
use anyhow::{Context, Result};
use kozmic_testkit::{
    browser::{Browser, View},
    github::{Permission, State},
    person::{NewHook, Page, Person},
};

/// Prints something new in each attempt, waits, and returns what it is told to.
fn script() -> String {
    format!("echo \"value $(cat /proc/sys/kernel/random/uuid)\"; {GATE}; exit $(cat /tmp/gate)")
}

/// Lets a job's script go on, and return this.
async fn let_return(world: &World, job: u64, code: i64) -> Result<()> {
    let all = world.docker.containers(&world.label()?).await?;
    let job = job.to_string();
    let container = all.into_iter().find(|one| one.state == "running" && one.job == job);
    let container = container.with_context(|| format!("a container of job {job} runs"))?;
    let note = format!("echo {code} > /tmp/note && mv /tmp/note /tmp/gate");
    // The container may be gone before the command has said that it is done.
    world.docker.run(&["exec", &container.id, "sh", "-c", &note]).await.ok();
    Ok(())
}

/// The line of an attempt that no other attempt printed.
fn value(log: &str) -> Result<&str> {
    log.lines().find(|line| line.starts_with("value ")).context("a value")
}

/// Waits until a job's script runs, and has it return this.
async fn runs_and_returns(world: &World, job: u64, code: i64) -> Result<String> {
    let mut live = world.anna.live(world.project, job, 0).await?;
    live.read_until("value ", LIMIT).await?;
    let_return(world, job, code).await?;
    live.read_to_end(LIMIT).await?;
    Ok(live.text().to_owned())
}

fn job_page(world: &World, build: u64, job: u64) -> String {
    format!("/projects/{}/builds/{build}/jobs/{job}/", world.project)
}

async fn press(world: &World, build: u64, of: &str, what: &str) -> Result<Page> {
    let page = format!("/projects/{}/builds/{build}/", world.project);
    let pressed =
        world.anna.post_form(&page, &format!("/projects/{}/{of}/{what}/", world.project), &[]).await?;
    pressed.ensure_ok()?;
    Ok(pressed)
}

/// The jobs of the first build's tabs, in their order, as soon as both hooks' deliveries were understood.
async fn both_jobs(world: &World) -> Result<[u64; 2]> {
    let mut news = world.anna.news(world.project).await?;
    let look = async {
        loop {
            news.next().await?;
            if let Ok(jobs) = <[u64; 2]>::try_from(tabs(world).await?) {
                return anyhow::Ok(jobs);
            }
        }
    };
    tokio::time::timeout(LIMIT, look).await.context("there are never two tabs")?
}

async fn tabs(world: &World) -> Result<Vec<u64>> {
    let page = world.page("builds/latest/").await?;
    let Some((_, jobs)) = page.split_once("<nav class=\"jobs\"") else { return Ok(Vec::new()) };
    let jobs = jobs.split_once("</nav>").context("an end of the tabs")?.0;
    Ok(jobs.split("/jobs/").skip(1).filter_map(|rest| rest.split('/').next()?.parse().ok()).collect())
}

#[tokio::test]
async fn a_failed_job_runs_again_and_its_first_attempt_stays_readable() -> Result<()> {
    let world = World::new().await?;
    world.hook(&script()).await?;
    let pushed = world.push("Begin").await?;
    let build = world.build().await?;
    let job = build.job()?;
    let first = runs_and_returns(&world, job, 3).await?;
    world.status(&pushed.sha, State::Failure).await?;

    let page = press(&world, build.build, &format!("jobs/{job}"), "restart").await?;
    assert!(page.body.contains("Attempt 2") && page.body.contains("Attempt 1"), "{page}");
    let second = runs_and_returns(&world, job, 0).await?;
    assert_eq!(world.finished().await?.status, "success");
    world.status(&pushed.sha, State::Success).await?;
    assert_ne!(first, second);

    let raw = |query: &str| format!("/projects/{}/jobs/{job}/log/{query}", world.project);
    assert_eq!(world.anna.get(&raw("?attempt=1")).await?.body, first);
    assert_eq!(world.anna.get(&raw("?attempt=2")).await?.body, second);
    assert_eq!(world.anna.get(&raw("")).await?.body, second);
    for attempt in ["0", "3", "-1"] {
        assert_eq!(world.anna.get(&raw(&format!("?attempt={attempt}"))).await?.status, 404, "{attempt}");
    }
    let page = world.anna.get(&format!("{}?attempt=1", job_page(&world, build.build, job))).await?;
    page.ensure_ok()?;
    assert_eq!(page.attribute("main", "data-status").as_deref(), Some("failure"));
    for words in ["The script returned 3.", "earlier attempt", "checkout", value(&first)?] {
        assert!(page.body.contains(words), "{words}: {page}");
    }
    assert!(!page.body.contains("/restart/"), "only the newest attempt can be followed by another");
    assert!(world.page("history/").await?.contains("#1"));
    world.end().await
}

#[tokio::test]
async fn a_job_that_waits_for_its_second_attempt_shows_no_old_log_as_its_own() -> Result<()> {
    let world = World::with(&[("KOZMIC_RUNNER_CONCURRENCY", "1")]).await?;
    world.hook(&script()).await?;
    world.push("One").await?;
    let one = world.build().await?;
    let first = runs_and_returns(&world, one.job()?, 1).await?;
    world.push("Two").await?;
    let two = world.anna.wait_for_build(world.project, LIMIT, |build| build.build == 2).await?;
    let mut holds = world.anna.live(world.project, two.job()?, 0).await?;
    holds.read_until("value ", LIMIT).await?;

    let page = press(&world, one.build, &format!("jobs/{}", one.job()?), "restart").await?;
    assert!(page.body.contains("Waits for a free runner") && page.body.contains("Attempt 2"), "{page}");
    assert!(!page.body.contains("The script returned 1.") && !page.body.contains("class=\"phases\""));
    let value = value(&first)?;
    assert!(!page.body.contains(value));
    assert!(world.anna.raw_log(world.project, one.job()?).await?.is_empty());
    let mut waits = world.anna.live(world.project, one.job()?, 0).await?;
    let_return(&world, two.job()?, 0).await?;
    waits.read_until("value ", LIMIT).await?;
    assert!(!waits.text().contains(value));
    let_return(&world, one.job()?, 0).await?;
    assert_eq!(waits.read_to_end(LIMIT).await?.status, "success");
    world.end().await
}

#[tokio::test]
async fn a_build_of_two_hooks_fails_with_the_first_and_succeeds_when_all_do() -> Result<()> {
    let world = World::new().await?;
    world.hook(&script()).await?;
    let lint = format!("#!/bin/bash\n{}", script());
    world.anna.add_hook(world.project, NewHook { title: "Lint", image: IMAGE, script: &lint }).await?;
    let pushed = world.push("Begin").await?;
    let [tests, lint] = both_jobs(&world).await?;
    let build = world.build().await?.build;
    runs_and_returns(&world, lint, 3).await?;
    let line = world.status(&pushed.sha, State::Failure).await?;
    assert_eq!(line, "Kozmic build #1 has failed because of the \"Lint\" job", "while the other one runs on");
    runs_and_returns(&world, tests, 0).await?;
    assert_eq!(world.finished().await?.status, "failure");

    press(&world, build, &format!("builds/{build}"), "restart").await?;
    assert_eq!(runs_and_returns(&world, lint, 0).await?.matches("value ").count(), 1);
    assert_eq!(world.finished().await?.status, "success");
    world.status(&pushed.sha, State::Success).await?;
    let page = async |job| anyhow::Ok(world.anna.get(&job_page(&world, build, job)).await?.body);
    assert!(page(lint).await?.contains("Attempt 2"));
    assert!(!page(tests).await?.contains("Attempt"), "what succeeded did not run again");
    let html = world.page(&format!("builds/{build}/")).await?;
    assert!(!html.contains(&format!("/builds/{build}/restart/")), "nothing failed any more");
    world.end().await
}

#[tokio::test]
async fn a_build_is_canceled_with_all_its_jobs() -> Result<()> {
    let world = World::with(&[("KOZMIC_RUNNER_CONCURRENCY", "1")]).await?;
    world.hook(&script()).await?;
    let lint = format!("#!/bin/bash\n{}", script());
    world.anna.add_hook(world.project, NewHook { title: "Lint", image: IMAGE, script: &lint }).await?;
    let pushed = world.push("Begin").await?;
    let jobs = both_jobs(&world).await?;
    world.anna.wait_for_build(world.project, LIMIT, |build| build.status == "pending").await?;
    press(&world, 1, "builds/1", "cancel").await?;
    for job in jobs {
        let mut live = world.anna.live(world.project, job, 0).await?;
        assert_eq!(live.read_to_end(LIMIT).await?.status, "canceled");
    }
    assert_eq!(world.status(&pushed.sha, State::Error).await?, "Kozmic build #1 was canceled");
    let page = world.page("builds/1/").await?;
    assert!(page.contains("Canceled by anna."), "{page}");
    world.end().await
}

#[tokio::test]
async fn who_may_only_look_has_no_buttons_and_cannot_press_them() -> Result<()> {
    let world = World::new().await?;
    world.github.set_permission(crate::world::REPOSITORY, "eve", Some(Permission::Pull));
    world.hook("exit 1").await?;
    world.push("Begin").await?;
    let build = world.finished().await?;
    let job = build.job()?;
    let eve = Person::sign_in(&world.server, &world.github, "eve").await?;
    let page = eve.get(&job_page(&world, build.build, job)).await?;
    page.ensure_ok()?;
    assert!(page.body.contains("The script returned 1.") && !page.body.contains("/restart/"), "{page}");
    let mut form = page.form(|form| form.field("csrf_token").is_some()).context("a form")?;
    for order in [
        format!("jobs/{job}/restart"),
        format!("jobs/{job}/cancel"),
        "builds/1/restart".to_owned(),
        "builds/1/cancel".to_owned(),
    ] {
        form.action = format!("/projects/{}/{order}/", world.project);
        assert_eq!(eve.submit(&page, &form, &[]).await?.status, 403, "{order}");
    }
    assert_eq!(world.build().await?.status, "failure");
    world.end().await
}

#[tokio::test]
async fn a_page_changes_over_to_the_new_attempt_while_somebody_looks() -> Result<()> {
    let world = World::new().await?;
    world.hook(&script()).await?;
    world.push("Begin").await?;
    let build = world.build().await?;
    let job = build.job()?;
    let first = runs_and_returns(&world, job, 3).await?;
    let first = value(&first)?;
    let browser = Browser::start(View::DESKTOP).await?;
    browser.sign_in(&world.server.url(), "anna").await?;
    let address = format!("{}{}", world.server.url(), job_page(&world, build.build, job));
    browser.open(&address).await?;
    browser.wait_for("document.querySelector('[data-part=feed]').innerText === 'ended'", LIMIT).await?;

    press(&world, build.build, &format!("jobs/{job}"), "restart").await?;
    browser
        .wait_for(&format!("document.querySelector('main').dataset.page === 'job-{job}-2'"), LIMIT)
        .await?;
    browser.wait_for("document.querySelector('.log').innerText.includes('value ')", LIMIT).await?;
    let is_old = format!("document.querySelector('.log').innerText.includes('{first}')");
    assert_eq!(browser.eval(&is_old).await?, false);
    let_return(&world, job, 0).await?;
    browser.wait_for("document.querySelector('main').dataset.status === 'success'", LIMIT).await?;

    browser.click(".attempts a:first-child").await?;
    browser.wait_for(&is_old, LIMIT).await?;
    browser.wait_for("document.querySelector('[data-part=feed]').innerText === 'ended'", LIMIT).await?;
    assert_eq!(browser.eval("document.querySelector('main').dataset.status").await?, "failure");
    let complaints = browser.complaints().await?;
    assert!(complaints.is_empty(), "{complaints:?}");
    browser.close().await?;
    world.end().await
}
