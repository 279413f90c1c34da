//! The monitor's page in a real browser.

use super::{BAD_STATUS, FILES, SLOW_STATUS, script, shows};
use crate::auto_builder::stage::{Script, Stage};
use anyhow::{Context, Result};
use kozmic_testkit::{
    browser::{Browser, View},
    github::{Commit, State},
};

const MESSAGE: &str = "<img src=x onerror=window.harmed=1> \u{202e}& more";
const AUTHOR: &str = "O'Neill \"Ann\" &lt;b&gt;";

/// The card of the script that waits at the gate.
const RUNNING: &str = "document.querySelector('.running[data-id]')";

/// A hostile commit on main.
fn hostile() -> Commit {
    Commit::new(MESSAGE).by(AUTHOR, "ann@example.com").file("file", "hostile")
}

#[tokio::test]
async fn a_build_appears_on_the_open_page_and_moves_on_until_it_ended() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let browser = Browser::start(View::DESKTOP).await?;
    browser.open(&format!("{}/monitor/", stage.server.url())).await?;
    shows(&browser, "document.querySelector('.wire').innerText === 'Live'").await?;
    shows(&browser, "document.body.innerText.includes('Nothing runs now.')").await?;
    shows(&browser, "document.querySelectorAll('.done').length === 1").await?;
    let states = "(window.states = [], new MutationObserver(() => document.querySelectorAll('.running [data-part=state]').forEach(pill => states.at(-1) === pill.innerText || states.push(pill.innerText))).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true }))";
    browser.eval(states).await?;

    let pushed = stage.push_of("main", hostile()).await?;
    let job = stage.job(&pushed.sha, SLOW_STATUS).await?;
    assert_eq!(stage.outcome(&pushed.sha, BAD_STATUS).await?.state, State::Error);
    shows(&browser, &format!("{RUNNING}?.innerText.includes('at the gate')")).await?;
    for fact in [
        "querySelector('[data-part=name]').innerText === 'anna/core/main'",
        "querySelector('[data-part=tag]').innerText === 'special-tag'",
        "querySelector('[data-part=state]').innerText === 'Building'",
        "querySelector('[data-part=title]').innerText === 'slow.sh'",
        "querySelector('[data-part=image]').innerText.startsWith('kozmic/debian')",
        "querySelector('[data-part=container]').innerText.length === 10",
        "querySelector('[data-part=message]').innerText.includes('<img src=x onerror=window.harmed=1>')",
        "querySelector('[data-part=author]').innerText.includes('&lt;b&gt;')",
        "querySelector('.log-tail').innerText.includes('<script>window.harmed=1</script>\\n20 %\\nat the gate')",
    ] {
        shows(&browser, &format!("{RUNNING}.{fact}")).await?;
    }
    let green = format!(
        "[...{RUNNING}.querySelectorAll('.log-tail span')].some(span => span.innerText === 'green' && getComputedStyle(span).color !== getComputedStyle(span.parentNode).color)"
    );
    shows(&browser, &green).await?;
    // A sign that turns the way of writing turns its own text only.
    let apart = format!(
        "(([message, author]) => author.left >= message.right)(['message', 'author'].map(name => {RUNNING}.querySelector(`[data-part=${{name}}]`).getBoundingClientRect()))"
    );
    shows(&browser, &apart).await?;
    let clock = format!("{RUNNING}.querySelector('[data-part=length]').innerText");
    let before = browser.eval(&clock).await?;
    shows(&browser, &format!("{clock} !== {before}")).await?;

    stage.open_gate(&job).await?;
    let built = stage.outcome(&pushed.sha, SLOW_STATUS).await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    shows(&browser, "document.body.innerText.includes('Nothing runs now.')").await?;
    shows(&browser, "document.querySelectorAll('.done').length === 3").await?;
    let states = browser.eval("states").await?;
    let states = states.as_array().context("states")?;
    assert!(states.iter().any(|state| state == "Building"), "{states:?}");
    ended(&stage, &browser).await?;
    without_scripts(&stage).await?;

    assert!(browser.eval("window.harmed ?? null").await?.is_null());
    let complaints = browser.complaints().await?;
    assert!(complaints.is_empty(), "{complaints:?}");
    browser.close().await?;
    stage.end().await
}

/// A build that ended unfolds by the keyboard, to its log's end, its artifact and its error.
async fn ended(stage: &Stage, browser: &Browser) -> Result<()> {
    let found = "window.of = (title) => [...document.querySelectorAll('.done')].find(done => done.querySelector('[data-part=script]').textContent === title)";
    browser.eval(&format!("({found}, window.slow = of('slow.sh'), window.bad = of('bad.sh'), 0)")).await?;
    shows(browser, "!slow.querySelector('.log-tail').checkVisibility()").await?;
    browser.eval("slow.querySelector('summary').focus()").await?;
    browser.client().active_element().await?.send_keys("\u{e007}").await?;
    shows(browser, "slow.open && slow.querySelector('.log-tail').checkVisibility()").await?;
    shows(browser, "slow.querySelector('.log-tail').innerText.includes('last words')").await?;
    shows(browser, "slow.querySelector('[data-part=sha256]').innerText.length === 64").await?;
    let link = browser.eval("slow.querySelector('[data-part=artifact]').getAttribute('href')").await?;
    let link = link.as_str().context("the artifact has a link")?;
    let path = link.strip_prefix(&stage.server.url()).context("it is served here")?;
    assert_eq!(stage.get(path).await?, "hostile");
    browser.eval("bad.open = true").await?;
    shows(browser, "bad.querySelector('[data-part=error]').checkVisibility() && bad.querySelector('[data-part=error]').innerText.includes('3')").await
}

/// The page is whole without scripts.
async fn without_scripts(stage: &Stage) -> Result<()> {
    let page = stage.get("/monitor/").await?;
    for fact in [
        "anna/core/main",
        "special-tag",
        "slow.sh",
        "last words",
        "<span class=\"f2\">green</span>",
        "/artifacts/binary/anna-core-special-tag-main-",
        "Nothing runs now.",
        ">Success<",
        ">Error<",
    ] {
        assert!(page.contains(fact), "{fact}: {page}");
    }
    assert!(!page.contains("<img src=x") && !page.contains("<script>window"), "{page}");
    Ok(())
}

#[tokio::test]
async fn a_page_whose_connection_is_lost_says_so_and_comes_back_by_itself() -> Result<()> {
    let mut stage = Stage::sound(script()).await?;
    let browser = Browser::start(View::DESKTOP).await?;
    browser.open(&format!("{}/monitor/", stage.server.url())).await?;
    shows(&browser, "document.querySelector('.wire').innerText === 'Live'").await?;
    stage.server.kill_9().await?;
    shows(&browser, "document.querySelector('.wire.lost')?.innerText.startsWith('Connecting again')").await?;
    stage.server.restart().await?;
    shows(&browser, "document.querySelector('.wire').innerText === 'Live'").await?;
    let pushed = stage.push("main", "After").await?;
    let job = stage.job(&pushed.sha, SLOW_STATUS).await?;
    shows(&browser, &format!("{RUNNING}?.innerText.includes('at the gate')")).await?;
    let page = stage.get("/monitor/").await?;
    assert!(page.contains("at the gate") && page.contains(">Building<"), "{page}");
    stage.open_gate(&job).await?;
    stage.outcome(&pushed.sha, SLOW_STATUS).await?;
    shows(&browser, "document.body.innerText.includes('Nothing runs now.')").await?;
    browser.close().await?;
    stage.end().await
}

#[tokio::test]
async fn the_page_fits_a_phone_whatever_builds_are_called() -> Result<()> {
    const BRANCH: &str = "feature/a-branch-without-an-end-a-branch-without-an-end-a-branch";
    let path = format!("anna/core/{BRANCH}.yaml");
    let recipes = [(path.as_str(), super::RECIPE)];
    let stage = Stage::sound(Script { recipes: &recipes, core: FILES, ..Script::default() }).await?;
    let pushed = stage.push_of(BRANCH, hostile()).await?;
    let job = stage.job(&pushed.sha, SLOW_STATUS).await?;
    stage.outcome(&pushed.sha, BAD_STATUS).await?;
    let browser = Browser::start(View { width: 375, ..View::PHONE }.dark()).await?;
    browser.sign_in(&stage.server.url(), "anna").await?;
    browser.open(&format!("{}/monitor/", stage.server.url())).await?;
    shows(&browser, &format!("{RUNNING}?.innerText.includes('at the gate')")).await?;
    browser.eval("document.querySelectorAll('.done').forEach(done => done.open = true)").await?;
    for width in [320, 375] {
        browser.look(View { width, ..View::PHONE }.dark()).await?;
        assert_eq!(browser.eval("document.documentElement.scrollWidth").await?, width);
        let broken = "[...document.querySelectorAll('.brand, .band nav a')].filter(part => part.getBoundingClientRect().height > 36).map(part => part.innerText)";
        assert_eq!(browser.eval(broken).await?, serde_json::json!([]), "words that stand on two lines");
    }
    stage.open_gate(&job).await?;
    stage.verdict("anna/core", &pushed.sha, "kozmic/slow.sh special-tag").await?;
    shows(&browser, "document.body.innerText.includes('Nothing runs now.')").await?;
    // Scripts of one branch are told apart in rows that are folded.
    browser.eval("document.querySelectorAll('.done').forEach(done => done.open = false)").await?;
    for script in ["slow.sh", "bad.sh"] {
        let row = format!(
            "[...document.querySelectorAll('.done summary')].filter(row => row.innerText.includes('{script}')).length === 1"
        );
        shows(&browser, &row).await?;
    }
    assert_eq!(browser.eval("document.documentElement.scrollWidth").await?, 375);
    browser.close().await?;
    stage.end().await
}
