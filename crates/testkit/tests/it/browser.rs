//! The browser's helpers, with a real Chromium.

use std::path::PathBuf;

use anyhow::{Context, Result};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use kozmic_testkit::browser::{Browser, View};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{LIMIT, github_of_anna};

const PAGE: &str = "<!doctype html><title>Trial</title><style>body{background:#fff}\
    @media (prefers-color-scheme: dark){body{background:#000}}</style>\
    <main data-status=pending><input id=name value=old><button>Go</button><p id=out></p></main>\
    <script nonce=n>document.querySelector('button').onclick=()=>{const main=document.querySelector('main');\
    setTimeout(()=>{main.dataset.status='success';\
    document.querySelector('#out').textContent=document.querySelector('#name').value},200)}</script>";

async fn pages() -> Result<String> {
    let page = || async { ([("content-security-policy", "script-src 'nonce-n'")], Html(PAGE)) };
    let broken = || async { Html("<script>console.error('oh no')</script><img src=/missing.png>") };
    let slow = || async { Html("<script>setTimeout(()=>location='/',100)</script>") };
    let app = Router::new().route("/", get(page)).route("/broken", get(broken)).route("/slow", get(slow));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

#[tokio::test]
async fn a_page_is_used_watched_and_photographed() -> Result<()> {
    let url = pages().await?;
    let browser = Browser::start(View::DESKTOP).await?;
    browser.open(&url).await?;
    browser.fill("#name", "new").await?;
    browser.click("button").await?;
    browser.wait_for("document.querySelector('main').dataset.status === 'success'", LIMIT).await?;
    assert_eq!(browser.text("#out").await?, "new");
    assert_eq!(browser.eval("[innerWidth, innerHeight]").await?, json!([1280, 800]));

    let colour = "getComputedStyle(document.body).backgroundColor";
    assert_eq!(browser.eval(colour).await?, "rgb(255, 255, 255)");
    browser.look(View::PHONE.dark()).await?;
    assert_eq!(browser.eval(colour).await?, "rgb(0, 0, 0)");
    browser.open(&url).await?;
    assert_eq!(
        browser.eval("[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]").await?[1],
        true
    );

    let dir = TempDir::new()?;
    let file = dir.path().join("pictures/page.png");
    browser.screenshot(&file).await?;
    assert!(std::fs::read(&file)?.starts_with(b"\x89PNG"));
    browser.close().await
}

#[tokio::test]
async fn waiting_goes_on_over_a_reload_and_ends_in_time() -> Result<()> {
    let url = pages().await?;
    let browser = Browser::start(View::DESKTOP).await?;
    browser.open(&format!("{url}/slow")).await?;
    browser.wait_for("document.title === 'Trial'", LIMIT).await?;
    let never = browser.wait_for("document.title === 'Never'", std::time::Duration::from_millis(300)).await;
    assert!(never.is_err_and(|error| error.to_string().contains("document.title === 'Never'")));
    Ok(())
}

#[tokio::test]
async fn complaints_of_the_console_are_heard() -> Result<()> {
    let url = pages().await?;
    let browser = Browser::start(View::DESKTOP).await?;
    browser.open(&format!("{url}/broken")).await?;
    let complaints = browser.complaints().await?.join("\n");
    assert!(complaints.contains("oh no") && complaints.contains("missing.png"), "{complaints}");
    Ok(())
}

#[tokio::test]
async fn a_dropped_browser_is_gone_and_its_profile_with_it() -> Result<()> {
    let github = github_of_anna().await?;
    let browser = Browser::start(View::PHONE).await?;
    browser.open(github.url()).await?;
    let capabilities = browser.client().capabilities().context("capabilities")?;
    let pid = capabilities["goog:processID"].as_u64().context("a process id")?;
    let profile = capabilities["chrome"]["userDataDir"].as_str().context("a profile")?.to_owned();
    assert!(PathBuf::from(format!("/proc/{pid}")).exists());
    drop(browser);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    assert!(!PathBuf::from(profile).exists());
    github.take_wrong_calls();
    Ok(())
}
