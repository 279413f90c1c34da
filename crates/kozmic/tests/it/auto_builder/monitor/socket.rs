//! The monitor's WebSocket, as a page of another author may use it.

use super::{BAD_STATUS, SLOW_STATUS, is_a_build, script, shows};
use crate::auto_builder::stage::{Stage, number_of};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::browser::{Browser, View};
use serde_json::Value;

const LISTEN: &str = "(window.told = [], window.wire = new WebSocket('/buildio'), wire.onmessage = ({ data }) => told.push(data), 0)";

/// The words of the states that a running build may have, in their order.
const STATES: [&str; 6] = ["waiting", "creating", "initializing", "building", "uploading", "success"];

#[tokio::test]
async fn the_socket_tells_all_at_first_and_then_only_what_changed() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let browser = Browser::start(View::DESKTOP).await?;
    // A page that opens no socket of its own.
    browser.open(&format!("{}/login/", stage.server.url())).await?;
    browser.eval(LISTEN).await?;
    shows(&browser, "told.length === 2").await?;
    let pushed = stage.push("main", "Begin").await?;
    let job = stage.job(&pushed.sha, SLOW_STATUS).await?;
    stage.outcome(&pushed.sha, BAD_STATUS).await?;
    shows(&browser, "told.some(text => JSON.parse(text).payload?.monitor?.includes('at the gate'))").await?;
    stage.open_gate(&job).await?;
    stage.outcome(&pushed.sha, SLOW_STATUS).await?;
    shows(
        &browser,
        "told.map(JSON.parse).some(({ event, payload }) => event === 'history' && payload.length === 3)",
    )
    .await?;
    let told = browser.eval("told").await?;
    let told = told.as_array().context("frames")?.iter();
    let told = told.map(|text| Ok(serde_json::from_str::<Value>(text.as_str().context("text")?)?));
    let told = told.collect::<Result<Vec<_>>>()?;
    assert_eq!((&told[0]["event"], &told[0]["payload"]), (&"status".into(), &serde_json::json!({})));
    assert_eq!(
        (&told[1]["event"], told[1]["payload"].as_array().map(Vec::len)),
        (&"history".into(), Some(1))
    );
    updates(&told, &number_of(&job)?)?;
    let last = told.last().context("a frame")?;
    assert_eq!(last["event"], "history");
    for (live, plain) in last["payload"]
        .as_array()
        .context("a list")?
        .iter()
        .zip(stage.json("/build/history").await?.as_array().context("a list")?)
    {
        assert_eq!(known(live)?, *plain);
    }
    // A later listener is told the same at once.
    browser.eval(LISTEN).await?;
    shows(&browser, "told.length === 2 && JSON.parse(told[1]).payload.length === 3").await?;
    browser.close().await?;
    stage.end().await
}

/// A build without what only the page is told.
fn known(build: &Value) -> Result<Value> {
    let mut build = build.clone();
    let object = build.as_object_mut().context("an object")?;
    for field in ["title", "html", "project", "page"] {
        ensure!(object.remove(field).is_some_and(|value| !value.is_null()), "{field}");
    }
    is_a_build(&build)?;
    Ok(build)
}

/// Each update is of one build and says something new; states only go on, and the end comes before the history.
fn updates(told: &[Value], id: &str) -> Result<()> {
    let all = told.iter().enumerate().filter(|(_, frame)| frame["event"] == "update");
    let all = all.map(|(at, frame)| (at, &frame["payload"])).collect::<Vec<_>>();
    all.iter().try_for_each(|(_, build)| known(build).map(drop))?;
    let own = all.iter().filter(|(_, build)| build["id"] == id).collect::<Vec<_>>();
    ensure!(own.windows(2).all(|pair| pair[0].1 != pair[1].1), "said twice: {own:#?}");
    let state = |build: &Value| STATES.iter().position(|state| build["status"] == *state);
    let states = own.iter().map(|(_, build)| state(build)).collect::<Vec<_>>();
    ensure!(states.iter().all(Option::is_some) && states.is_sorted(), "{own:#?}");
    let (at, end) = own.last().context("an update")?;
    ensure!(end["status"] == "success" && end["artifacts"][0]["size"] == 5, "{end:#}");
    ensure!(told[*at..].iter().any(|frame| frame["event"] == "history"), "no history after the end");
    Ok(())
}
