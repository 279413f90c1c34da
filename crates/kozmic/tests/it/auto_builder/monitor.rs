//! The monitor of the Auto Builder, for people with a browser and for programs.

mod addresses;
mod page;
mod people;
mod socket;

use super::stage::Script;
use crate::world::LIMIT;
use anyhow::{Context, Result, ensure};
use kozmic_testkit::browser::Browser;
use serde_json::{Value, json};

const RECIPE: &str = "\
buildscripts: [slow.sh, bad.sh]
slow.sh: {archives: /tmp/archives, artifact: out.bin, format: binary, tag: special-tag}
bad.sh: {archives: /tmp/archives, artifact: out.bin, format: binary}
";

/// Prints what would do harm in a page, in colours, and waits.
const SLOW: &str = r#"#!/bin/bash
printf '\033[32mgreen\033[0m <img src=x onerror=window.harmed=1><script>window.harmed=1</script>\n'
printf '10 %%\r20 %%\n\033]0;a title\007at the gate\n'
until [ -e /tmp/gate ]; do sleep 0.02; done
echo last words
cp /core/file /tmp/archives/out.bin
"#;

const FILES: &[(&str, &str)] = &[("slow.sh", SLOW), ("bad.sh", "#!/bin/sh\nexit 3\n")];

/// Names of the statuses of the two.
const SLOW_STATUS: &str = "slow.sh special-tag";
const BAD_STATUS: &str = "bad.sh";

fn script() -> Script<'static> {
    Script { recipes: &[("anna/core/main.yaml", RECIPE)], core: FILES, ..Script::default() }
}

/// Waits until a page shows what it should.
async fn shows(browser: &Browser, what: &str) -> Result<()> {
    let shown = browser.wait_for(what, LIMIT).await;
    let body = browser.eval("document.body.innerText").await?;
    shown.with_context(|| format!("{what} of\n{}", body.as_str().unwrap_or_default()))
}

/// A build's fields are all there, and each is what the documentation says.
fn is_a_build(build: &Value) -> Result<()> {
    let texts = ["name", "status", "monitor", "docker", "baseimage", "id", "log"];
    let texts_or_null = ["error", "artifact", "tag"];
    let object = build.as_object().context("an object")?;
    let fields = texts.iter().chain(&texts_or_null).chain(&["started", "ended", "commits", "artifacts"]);
    ensure!(fields.clone().all(|field| object.contains_key(*field)), "{build:#}");
    ensure!(object.len() == fields.count(), "{build:#}");
    ensure!(texts.iter().all(|field| build[field].is_string()), "{build:#}");
    ensure!(
        texts_or_null.iter().all(|field| build[field].is_string() || build[field].is_null()),
        "{build:#}"
    );
    ensure!(build["started"].is_i64() && (build["ended"].is_i64() || build["ended"].is_null()), "{build:#}");
    for commit in build["commits"].as_array().context("commits")? {
        let shape = json!({
            "id": commit["id"].as_str().context("an id")?,
            "message": commit["message"].as_str().context("a message")?,
            "url": commit["url"],
            "author": { "name": commit["author"]["name"].as_str().context("a name")? },
        });
        ensure!(*commit == shape, "{commit:#}");
    }
    for made in build["artifacts"].as_array().context("artifacts")? {
        let shape = json!({
            "name": made["name"].as_str().context("a name")?,
            "link": made["link"].as_str().context("a link")?,
            "url": made["url"],
            "size": made["size"].as_u64().context("a size")?,
            "sha256": made["sha256"].as_str().context("a checksum")?,
            "removed": made["removed"].as_bool().context("whether it is there")?,
        });
        ensure!(*made == shape, "{made:#}");
    }
    Ok(())
}
