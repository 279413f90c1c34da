//! The monitor's answers for programs.

use super::{BAD_STATUS, SLOW_STATUS, is_a_build, script};
use crate::auto_builder::stage::{CORE, Script, Stage, number_of};
use anyhow::{Context, Result};
use kozmic_testkit::github::State;
use serde_json::Value;
use std::collections::BTreeSet;

#[tokio::test]
async fn each_address_tells_of_builds_as_documented() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let before = stage.json("/build/history").await?;
    assert_eq!((before.as_array().map(Vec::len), &before[0]["baseimage"]), (Some(1), &Value::from("")));
    let pushed = stage.push("main", "First line\n\nand more").await?;
    let job = stage.job(&pushed.sha, SLOW_STATUS).await?;
    stage.outcome(&pushed.sha, BAD_STATUS).await?;
    let container = stage.printed(&job, "at the gate").await?;
    let number = number_of(&job)?;

    let status = stage.json("/build/status").await?;
    let build = &status[&number];
    assert_eq!(status.as_object().map(serde_json::Map::len), Some(1), "{status:#}");
    is_a_build(build)?;
    assert_eq!((&build["status"], &build["ended"]), (&Value::from("building"), &Value::Null));
    assert_eq!((&build["error"], &build["artifact"]), (&Value::Null, &Value::Null));
    assert_eq!(build["docker"], container[..10]);
    assert_eq!(build["commits"][0]["message"], "First line");
    assert_eq!(build["commits"][0]["id"], pushed.sha);
    assert!(build["baseimage"].as_str().is_some_and(|image| image.starts_with("kozmic/debian")), "{build:#}");

    stage.open_gate(&job).await?;
    let built = stage.outcome(&pushed.sha, SLOW_STATUS).await?;
    assert_eq!(built.state, State::Success);
    assert_eq!(stage.json("/build/status").await?, serde_json::json!({}));
    let history = stage.json("/build/history").await?;
    let all = history.as_array().context("a list")?;
    all.iter().try_for_each(is_a_build)?;
    let ids = all.iter().map(|build| build["id"].as_str().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!((all.len(), ids[0]), (3, number.as_str()), "the last one first");
    let build = &all[0];
    let name = format!("anna-core-special-tag-main-{}.bin", &pushed.sha[..10]);
    assert_eq!((&build["status"], &build["tag"]), (&"success".into(), &"special-tag".into()));
    assert_eq!(build["artifact"], format!("binary/{name}"));
    assert_eq!((&build["artifacts"][0]["name"], &build["artifacts"][0]["size"]), (&name.into(), &20.into()));
    assert!(build["ended"].as_i64() >= build["started"].as_i64());
    assert!(
        build["monitor"].as_str().is_some_and(|lines| lines.contains("20 %\nat the gate\nlast words")),
        "{build:#}"
    );
    let bad = all.iter().find(|build| build["status"] == "error").context("the other failed")?;
    assert!(bad["error"].as_str().is_some_and(|error| error.contains('3')), "{bad:#}");

    let full = stage.get("/build/history/full").await?;
    assert_eq!(serde_json::from_str::<Value>(&full)?, history);
    logs(&stage, &number).await?;
    stage.end().await
}

/// A whole log is told by its job's number and by its branch.
async fn logs(stage: &Stage, number: &str) -> Result<()> {
    let log = stage.get(&format!("/report/{number}")).await?;
    assert!(
        log.contains("green <img") && log.contains("\n20 %\nat the gate\n") && log.contains("last words"),
        "{log}"
    );
    assert!(!log.contains('\u{1b}') && !log.contains("10 %"), "{log:?}");
    let raw = stage.get(&format!("/report/{number}?raw")).await?;
    assert!(raw.contains("\u{1b}[32mgreen") && raw.contains("10 %\r20 %"), "{raw:?}");
    let part = reqwest::Client::new().get(format!("{}/report/{number}?raw", stage.server.url()));
    let part = part.header("Range", "bytes=-9").send().await?;
    assert_eq!((part.status().as_u16(), part.text().await?.as_str()), (206, &raw[raw.len() - 9..]));
    let newest = stage.get("/build/logs/anna/core/main").await?;
    let all = stage.json("/build/history").await?;
    let last = all.as_array().context("a list")?.iter().filter(|build| build["name"] == "anna/core/main");
    let last = last.max_by_key(|build| build["id"].as_str().and_then(|id| id.parse::<u64>().ok()));
    let id = last.and_then(|build| build["id"].as_str()).context("main was built")?;
    assert_eq!(newest, stage.get(&format!("/report/{id}")).await?);
    for missing in
        ["/report/999", "/report/-1", "/report/x", "/build/logs/anna/core/gone", "/build/logs/anna/none/main"]
    {
        let answer = reqwest::get(format!("{}{missing}", stage.server.url())).await?;
        assert_eq!(answer.status(), 404, "{missing}");
    }
    Ok(())
}

#[tokio::test]
async fn a_branch_has_its_newest_log_and_a_tag_of_its_name_has_none() -> Result<()> {
    const QUICK: &str =
        "buildscripts: [quick.sh]\nquick.sh: {archives: /tmp/a, artifact: x, format: binary}\n";
    let recipes = [("anna/core/v1.yaml", QUICK), ("anna/core/feature/x.yaml", QUICK)];
    let core = [("quick.sh", "#!/bin/sh\ngit -C /core log -1 --format=%s\ncp /core/file /tmp/a/x\n")];
    let stage = Stage::sound(Script { recipes: &recipes, core: &core, ..Script::default() }).await?;
    stage.github.push_tag(CORE, "v1", "main").await?;
    // A later push is built: so the earlier one was looked at.
    let slashed = stage.push("feature/x", "With slashes").await?;
    stage.outcome(&slashed.sha, "quick.sh").await?;
    assert!(stage.get("/build/logs/anna/core/feature/x").await?.contains("With slashes"));
    let tag = reqwest::get(format!("{}/build/logs/anna/core/v1", stage.server.url())).await?;
    assert_eq!(tag.status(), 404);
    let branch = stage.push("v1", "Of the branch").await?;
    stage.outcome(&branch.sha, "quick.sh").await?;
    assert!(stage.get("/build/logs/anna/core/v1").await?.contains("Of the branch"));
    let history = stage.json("/build/history").await?;
    let of_v1 = history.as_array().context("a list")?.iter().filter(|build| build["name"] == "anna/core/v1");
    assert_eq!(of_v1.count(), 1, "{history:#}");
    stage.end().await
}

#[tokio::test]
async fn the_whole_history_is_one_list_however_long_it_is() -> Result<()> {
    const MANY: usize = 205;
    // None of these is in the repository, so each ends at once, without a container.
    let names = (0..MANY).map(|number| format!("gone-{number}.sh")).collect::<Vec<_>>();
    let jobs = names
        .iter()
        .map(|name| format!("{name}: {{archives: /a, artifact: x, format: binary, tag: {name}}}\n"));
    let recipe = format!("buildscripts: [{}]\n{}", names.join(", "), jobs.collect::<String>());
    let recipes = [("anna/core/main.yaml", recipe.as_str())];
    let stage = Stage::sound(Script { recipes: &recipes, ..Script::default() }).await?;
    let pushed = stage.push("main", "Many").await?;
    for name in &names {
        assert_eq!(stage.outcome(&pushed.sha, &format!("{name} {name}")).await?.state, State::Error);
    }
    let full = stage.json("/build/history/full").await?;
    let full = full.as_array().context("a list")?;
    full.iter().try_for_each(is_a_build)?;
    let ids = full.iter().filter_map(|build| build["id"].as_str()).collect::<BTreeSet<_>>();
    assert_eq!((full.len(), ids.len()), (MANY + 1, MANY + 1));
    let ends = full.iter().map(|build| build["ended"].as_i64()).collect::<Vec<_>>();
    assert!(ends.iter().all(Option::is_some) && ends.is_sorted_by(|one, next| one >= next), "{ends:?}");
    let last = stage.json("/build/history").await?;
    assert_eq!(last.as_array().context("a list")?[..], full[..25]);
    stage.end().await
}
