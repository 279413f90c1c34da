//! The main job in a real browser: a person's view and actions.

use crate::world::{GATE, IMAGE, LIMIT, REPOSITORY, World, github, open_gate_in, options};
use anyhow::{Context, Result};
use kozmic_testkit::{
    browser::{Browser, View},
    docker::Docker,
    github::{Commit, State},
    person::{NewHook, Person},
    server::Server,
};

#[tokio::test]
async fn a_person_signs_in_adds_a_project_and_a_hook_and_watches_the_build() -> Result<()> {
    let github = github().await?;
    let mut server = Server::start(options(&github)).await?;
    let browser = Browser::start(View::DESKTOP).await?;
    browser.sign_in(&server.url(), "anna").await?;
    browser.open(&format!("{}/repositories/", server.url())).await?;
    browser.wait_for("document.forms.length > 0", LIMIT).await?;
    if !browser.eval("document.body.innerText.includes('hello')").await?.as_bool().unwrap_or_default() {
        browser.click("form[action='/repositories/'] button").await?;
    }
    browser.click("form[action='/projects/'] button").await?;
    browser.wait_for("location.pathname.startsWith('/projects/1/')", LIMIT).await?;
    browser.open(&format!("{}/projects/1/hooks/add/", server.url())).await?;
    browser.fill("[name=title]", "Tests").await?;
    browser.fill("[name=image]", IMAGE).await?;
    browser.fill("[name=script]", &format!("#!/bin/bash\necho first words; printf '\\033[32mgreen\\033[0m\\n'; {GATE}; seq 3; echo last words")).await?;
    browser.click("main form button[type=submit], main form button:not([type])").await?;
    browser.wait_for("!location.pathname.endsWith('/hooks/add/')", LIMIT).await?;

    browser.open(&format!("{}/projects/1/builds/latest/", server.url())).await?;
    let commit = Commit::new("Watch me <script>alert(1)</script>").file("a", "1");
    let pushed = github.push_commit(REPOSITORY, "main", commit).await?;
    // Without a reload: the empty page turns into the build's.
    browser.wait_for("document.querySelector('main').dataset.status === 'pending'", LIMIT).await?;
    browser.wait_for("document.querySelector('.log').innerText.includes('first words')", LIMIT).await?;
    assert!(
        browser
            .eval("document.body.innerText.includes('<script>alert(1)</script>')")
            .await?
            .as_bool()
            .unwrap_or_default()
    );

    let complaints = browser.complaints().await?;
    assert!(complaints.is_empty(), "{complaints:?}");

    // The log survives a restart of the server in the middle of the job.
    server.kill_9().await?;
    let instance = server.instance().context("the server has a name")?;
    let docker = Docker::default();
    let containers = docker.containers(&format!("kozmic.instance={instance}")).await?;
    let container = containers.into_iter().find(|container| container.state == "running");
    let container = container.context("the job's container runs on")?.id;
    server.restart().await?;
    open_gate_in(&docker, &container).await;
    browser.wait_for("document.querySelector('.log').innerText.includes('last words')", LIMIT).await?;
    browser.wait_for("document.querySelector('main').dataset.status === 'success'", LIMIT).await?;
    let once = "document.querySelector('.log').innerText.split('first words').length === 2";
    assert_eq!(browser.eval(once).await?, true, "no line is doubled");
    let green = "[...document.querySelectorAll('.log span')].some(span => span.textContent === 'green' && getComputedStyle(span).color !== getComputedStyle(span.parentElement).color)";
    assert_eq!(browser.eval(green).await?, true, "colours are shown");
    github.wait_for_status(REPOSITORY, &pushed.sha, State::Success, LIMIT).await?;
    let complaints = browser.complaints().await?;
    let complaints = complaints.iter().filter(|line| !is_of_restart(line)).collect::<Vec<_>>();
    assert!(complaints.is_empty(), "{complaints:?}");
    github.assert_no_wrong_calls();
    browser.close().await
}

/// The page's attempts to reach the server fail while it is away.
fn is_of_restart(complaint: &str) -> bool {
    complaint.contains("WebSocket") || complaint.contains("net::ERR_")
}

#[tokio::test]
async fn a_long_log_stays_light_and_its_lines_have_addresses() -> Result<()> {
    let world = World::new().await?;
    world.hook("seq -f 'line %.0f' 1 200000").await?;
    world.push("Begin").await?;
    world.finished().await?;
    let browser = Browser::start(View::DESKTOP).await?;
    browser.sign_in(&world.server.url(), "anna").await?;
    browser.open(&format!("{}/projects/{}/builds/latest/", world.server.url(), world.project)).await?;
    browser.wait_for("document.querySelector('[data-part=feed]').innerText === 'ended'", LIMIT).await?;
    browser.click("[data-part=follow]").await?;
    browser.wait_for("document.querySelector('.log').innerText.includes('line 200000')", LIMIT).await?;
    let nodes =
        browser.eval("document.querySelectorAll('.log *').length").await?.as_u64().unwrap_or(u64::MAX);
    assert!(nodes < 20_000, "{nodes} elements for the log");
    browser.eval("location.hash = '#L1234'").await?;
    browser.wait_for("document.querySelector('#L1234') && document.querySelector('#L1234').innerText.includes('line 1232')", LIMIT).await?;
    let in_view = "(() => { const box = document.querySelector('#L1234').getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight })()";
    browser.wait_for(in_view, LIMIT).await?;
    world.end().await
}

#[tokio::test]
async fn every_page_fits_a_phone_and_loads_nothing_from_elsewhere() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo hello").await?;
    let title = "Another hook, whose title is far longer than what a phone shows";
    let script = "#!/bin/sh\necho hello";
    world.anna.add_hook(world.project, NewHook { title, image: IMAGE, script }).await?;
    let message = "A rather long message that has to be broken on a narrow screen, or cut";
    let branch = format!("feature/{}", "a-branch-without-end".repeat(5));
    let commit = Commit::new(message).file("file", message);
    world.github.push_commit(REPOSITORY, &branch, commit).await?;
    world.finished().await?;
    let browser = Browser::start(View::PHONE.dark()).await?;
    browser.sign_in(&world.server.url(), "anna").await?;
    let project = format!("/projects/{}", world.project);
    let pages =
        ["builds/latest/", "history/", "settings/", "hooks/add/"].map(|page| format!("{project}/{page}"));
    for path in pages.iter().map(String::as_str).chain([
        "/",
        "/repositories/",
        "/runners/",
        "/account/settings/",
        "/no/such/page",
    ]) {
        browser.open(&format!("{}{path}", world.server.url())).await?;
        browser.wait_for("document.readyState === 'complete'", LIMIT).await?;
        // A phone's window grows with what does not fit: it cannot be what the page is measured by.
        let width = browser.eval("document.documentElement.scrollWidth").await?;
        assert_eq!(width, View::PHONE.width, "{path} does not fit");
        let foreign = "performance.getEntriesByType('resource').filter(one => new URL(one.name).origin !== location.origin).length";
        assert_eq!(browser.eval(foreign).await?, 0, "{path}");
    }
    let stranger = Person::visitor(&world.server.url(), &world.github, "eve")?;
    stranger.get("/").await?.ensure_ok()?;
    world.end().await
}
