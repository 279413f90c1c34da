//! The page of the runners in a real browser: an administrator adds a runner, drains it, and removes it.

use crate::world::{GATE, LIMIT, World};
use anyhow::{Context, Result};
use kozmic_testkit::browser::{Browser, View};

/// A condition for the browser: the page's main part has these words.
fn has(words: &str) -> String {
    format!("document.querySelector('main').innerText.includes('{words}')")
}

async fn fits(browser: &Browser, what: &str) -> Result<()> {
    let width = browser.eval("document.documentElement.scrollWidth").await?;
    assert_eq!(width, View::PHONE.width, "{what} does not fit");
    Ok(())
}

#[tokio::test]
async fn an_administrator_adds_a_runner_and_the_page_follows_without_a_reload() -> Result<()> {
    let world = World::with(&[("KOZMIC_ADMINS", "anna")]).await?;
    let page = format!("{}/runners/", world.server.url());
    let browser = Browser::start(View::PHONE).await?;
    browser.sign_in(&world.server.url(), "anna").await?;
    browser.open(&page).await?;
    browser.wait_for(&has("this server"), LIMIT).await?;
    fits(&browser, "the page").await?;
    browser.fill("[name=title]", "big-1").await?;
    browser.fill("[name=labels]", "gpu").await?;
    browser.click("form[action='/runners/'] button").await?;
    browser.wait_for(&has("The runner big-1 is added"), LIMIT).await?;
    fits(&browser, "the page with the token").await?;
    let token = browser.text(".secret").await?;
    assert!(token.starts_with("kzr_"), "{token}");

    let own = world.anna.get("/runners/").await?.body;
    let own = own.split("/drain/").next().and_then(|start| start.rsplit('/').next()).context("a button")?;
    let press = async |button: &str| -> Result<()> {
        world.anna.post_form("/runners/", &format!("/runners/{own}/{button}/"), &[]).await?.ensure_ok()?;
        Ok(())
    };
    press("drain").await?;
    let told = "document.querySelector('.trouble')?.innerText.includes('All runners were told')";
    browser.wait_for(told, LIMIT).await?;
    assert_eq!(browser.text(".secret").await?, token, "the page with the token stays");
    browser.open(&page).await?;
    browser.wait_for(&has("draining"), LIMIT).await?;
    press("resume").await?;
    browser.wait_for(&format!("!{}", has("draining")), LIMIT).await?;

    world.hook(&format!("echo begun; {GATE}")).await?;
    world.push("Begin").await?;
    browser.wait_for(&has("anna/hello: Tests"), LIMIT).await?;
    browser.wait_for(&has("busy 1 of"), LIMIT).await?;
    world.live().await?.read_until("begun", LIMIT).await?;
    world.open_gate().await?;
    browser.wait_for(&format!("!{}", has("anna/hello: Tests")), LIMIT).await?;

    browser.click("a[href$='/remove/']").await?;
    browser.click(".deletion button.danger").await?;
    browser.wait_for(&has("big-1 is removed"), LIMIT).await?;
    assert_eq!(browser.eval("document.querySelectorAll('.runner').length").await?, 1);
    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.close().await?;
    world.end().await
}
