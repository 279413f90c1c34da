//! The set-up's pages in a real browser, and the requests that they refuse.

use super::Fresh;
use crate::world::LIMIT;
use anyhow::{Context, Result};
use kozmic_testkit::browser::{Browser, View};
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::Child,
};

/// The set-up, and its link.
async fn begin(fresh: &Fresh) -> Result<(Child, String)> {
    let dir = fresh.dir.path().display().to_string();
    let mut command = fresh.kozmic(&["setup", "--output", &dir, "--browser=127.0.0.1:0"]);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("an output")?).lines();
    let find = async {
        while let Some(line) = lines.next_line().await? {
            if let Some(link) = line.trim().strip_prefix("http://") {
                return Ok(format!("http://{link}"));
            }
        }
        anyhow::bail!("it shows no link")
    };
    let link = tokio::time::timeout(LIMIT, find).await.context("it shows no link")??;
    // It goes on to speak, to whoever listens.
    tokio::spawn(async move { while lines.next_line().await.is_ok_and(|line| line.is_some()) {} });
    Ok((child, link))
}

#[tokio::test]
async fn a_server_is_set_up_in_a_browser_and_the_pages_are_gone() -> Result<()> {
    let fresh = Fresh::new().await?;
    let (mut child, link) = begin(&fresh).await?;
    let browser = Browser::start(View::DESKTOP).await?;
    browser.open(&link).await?;
    let [url, listen, data, github, id, secret, people, ..] =
        <[String; 9]>::try_from(fresh.answers()).map_err(|_| anyhow::anyhow!("nine answers"))?;
    browser.fill("[name=public_url]", "ci.example.com").await?;
    browser.fill("[name=listen]", &listen).await?;
    browser.fill("[name=data_dir]", &data).await?;
    browser.fill("[name=github_url]", &github).await?;
    browser.click("button[value=on]").await?;
    let fault = browser.text("#public_url-fault").await?;
    assert!(fault.contains("https://"), "{fault}");
    browser.fill("[name=public_url]", &url).await?;
    browser.click("button[value=on]").await?;

    let application = browser.find("a[target=_blank]").await?.attr("href").await?.unwrap_or_default();
    assert!(
        application.starts_with(&format!("{github}/settings/applications/new?oauth_application")),
        "{application}"
    );
    assert_eq!(browser.text("pre.snippet").await?, format!("{url}/_auth/auth-callback/"));
    browser.fill("[name=github_client_id]", &id).await?;
    browser.fill("[name=github_client_secret]", &secret).await?;
    browser.fill("[name=sign_in_allowed]", &people).await?;
    browser.click("button[value=on]").await?;
    let tried = browser.text(".tries").await?;
    assert!(tried.contains("Docker engine") && !tried.contains("FAIL"), "{tried}");
    assert!(fresh.names()?.is_empty(), "nothing is written yet");
    let page = browser.eval("document.documentElement.outerHTML").await?.to_string();
    assert!(!page.contains(&secret), "{page}");
    assert_eq!(browser.eval("location.search").await?, "", "later addresses have no code in them");
    browser.click("button[value=on]").await?;
    let end = browser.text("main").await?;
    let settings = fresh.path("kozmic.toml").display().to_string();
    assert!(
        end.contains("The set-up is over") && end.contains(&format!("check --config {settings}")),
        "{end}"
    );
    let complaints = browser.complaints().await?;
    assert!(complaints.is_empty(), "{complaints:?}");

    let status = tokio::time::timeout(LIMIT, child.wait()).await.context("the set-up ends")??;
    assert!(status.success() && reqwest::get(&link).await.is_err(), "nobody listens any more");
    assert_eq!(fresh.names()?, ["github-client-secret", "kozmic.toml"]);
    let read = fresh.run(&["config", "show", "--config", &settings], &[]).await?;
    assert_eq!(read.code, Some(0), "{}{}", read.out, read.said);
    browser.close().await
}

#[tokio::test]
async fn whoever_guesses_shuts_the_pages_and_learns_nothing() -> Result<()> {
    let fresh = Fresh::new().await?;
    let (mut child, link) = begin(&fresh).await?;
    let (address, _) = link.split_once("/?").context("the link has a query")?;
    let stranger = reqwest::Client::builder().no_proxy().build()?;
    assert_eq!(stranger.get(address).send().await?.status(), 403, "no code is no guess");
    let mut guesses = 0;
    while let Ok(page) = stranger.get(format!("{address}/?code={guesses:032x}")).send().await {
        assert_eq!(page.status(), 403);
        guesses += 1;
        assert!(guesses <= 100, "it goes on and on");
    }
    let status = tokio::time::timeout(LIMIT, child.wait()).await.context("the set-up ends")??;
    assert!(!status.success() && fresh.names()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn others_of_the_machine_do_not_keep_a_person_out() -> Result<()> {
    let fresh = Fresh::new().await?;
    let (_child, link) = begin(&fresh).await?;
    let (address, _) = link.trim_start_matches("http://").split_once('/').context("an address")?;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(address).await?);
    }
    assert_eq!(reqwest::get(&link).await?.status(), 200, "one that says nothing gives way");
    Ok(())
}
