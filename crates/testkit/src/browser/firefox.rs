//! Firefox without a screen, driven by WebDriver BiDi, which is built into it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::View;
use super::bidi::Bidi;
use super::script;
use crate::program::{Program, Show};

/// The line that it prints when it can be driven. Its address follows.
const READY: &str = "WebDriver BiDi listening on ";
const START_LIMIT: Duration = Duration::from_secs(60);
/// Preferences: wheel events take the same way as a person's, there is a touch screen, and one process is enough for
/// pages.
const PREFERENCES: &str = "\
user_pref(\"dom.ipc.processCount\", 1);
user_pref(\"dom.ipc.processPrelaunch.enabled\", false);
user_pref(\"remote.events.async.wheel.enabled\", true);
user_pref(\"dom.w3c_touch_events.enabled\", 1);
";
/// States of a finger in `sendNativeTouchPoint`.
const CONTACT: u32 = 2;
const RELEASE: u32 = 4;

/// A Firefox with one window. It ends when this is dropped.
pub struct Firefox {
    bidi: Bidi,
    page: Value,
    window: Value,
    _program: Program,
    _profile: TempDir,
}

impl Firefox {
    /// Starts a Firefox with a new profile.
    pub async fn start(view: View) -> Result<Self> {
        let profile = TempDir::with_prefix("kozmic-firefox-").context("make a browser's profile")?;
        std::fs::write(profile.path().join("user.js"), PREFERENCES).context("write its preferences")?;
        let mut program = Program::start(command(&profile), Show::OnPanic)?;
        let line = program.wait_for_line(START_LIMIT, |line| line.starts_with(READY)).await;
        let line = line.context("start Firefox: is the package firefox-esr installed?")?;
        let mut bidi = Bidi::connect(line.trim_start_matches(READY)).await?;
        let page = first_context(&mut bidi, json!({})).await?;
        let window = first_context(&mut bidi, json!({"moz:scope": "chrome"})).await?;
        let mut browser = Self { bidi, page, window, _program: program, _profile: profile };
        browser.resize(view.width, view.height, 1.0).await?;
        Ok(browser)
    }

    /// Gives the page this size in its own pixels, and enlarges each of them.
    pub(super) async fn resize(&mut self, width: u32, height: u32, zoom: f64) -> Result<()> {
        let size = json!({"width": width, "height": height});
        let parameters = json!({"context": self.page, "viewport": size, "devicePixelRatio": zoom});
        self.bidi.call("browsingContext.setViewport", parameters).await.map(drop)
    }

    /// Opens a page and waits until it is loaded.
    pub async fn open(&mut self, url: &str) -> Result<()> {
        let parameters = json!({"context": self.page, "url": url, "wait": "complete"});
        self.bidi
            .call("browsingContext.navigate", parameters)
            .await
            .with_context(|| format!("open {url}"))?;
        Ok(())
    }

    /// The value of a JavaScript expression.
    pub async fn eval(&mut self, expression: &str) -> Result<Value> {
        let page = self.page.clone();
        self.run(page, &format!("Promise.resolve({expression})")).await
    }

    /// Waits until a JavaScript expression is true, even across reloads.
    pub async fn wait_for(&mut self, condition: &str, limit: Duration) -> Result<()> {
        let end = tokio::time::Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            let promise = script::promise(condition, left);
            let page = self.page.clone();
            match self.run(page, &promise).await {
                Ok(Value::Bool(true)) => return Ok(()),
                // The page may have been left meanwhile.
                _ if !left.is_zero() => {}
                outcome => {
                    let text = self.eval("document.body.innerText").await.unwrap_or_default();
                    bail!("within {limit:?} it did not become true: {condition} ({outcome:?}) in {text}")
                }
            }
        }
    }

    /// Performs WebDriver's actions of these sources.
    pub(super) async fn act(&mut self, sources: Value) -> Result<()> {
        let parameters = json!({"context": self.page, "actions": sources});
        self.bidi.call("input.performActions", parameters).await.map(drop)
    }

    /// Moves a finger down or up over the page. The events of actions would not scroll, so native touch events are
    /// sent.
    pub(super) async fn draw_finger(&mut self, x: i64, from: i64, to: i64) -> Result<()> {
        let origin = self.eval("[mozInnerScreenX, mozInnerScreenY]").await?;
        let [left, top] = [&origin[0], &origin[1]].map(|side| side.as_f64().unwrap_or_default());
        const STEPS: i64 = 16;
        for step in 0..=STEPS {
            let y = from + (to - from) * step / STEPS;
            let state = if step == STEPS { RELEASE } else { CONTACT };
            let point = format!("Math.round({left} + {x}), Math.round({top} + {y})");
            // The answer comes when the next frame is drawn: that is as fast as a finger.
            let touch = format!("windowUtils.sendNativeTouchPoint(1, {state}, {point}, 1, 90)");
            let frame = "new Promise((done) => requestAnimationFrame(() => done(true)))";
            let window = self.window.clone();
            self.run(window, &format!("({touch}, {frame})")).await?;
        }
        Ok(())
    }

    async fn run(&mut self, context: Value, promise: &str) -> Result<Value> {
        let expression = format!("({promise}).then((value) => JSON.stringify(value) ?? 'null')");
        let target = json!({"context": context});
        let parameters = json!({"expression": expression, "target": target, "awaitPromise": true});
        let outcome = self.bidi.call("script.evaluate", parameters).await?;
        match outcome["result"]["value"].as_str() {
            Some(text) => Ok(serde_json::from_str(text)?),
            None => bail!("run in the page: {promise}: {}", outcome["exceptionDetails"]["text"]),
        }
    }
}

/// The command of Firefox. It prints its messages on standard error. System access is needed for
/// [`Firefox::draw_finger`].
fn command(profile: &TempDir) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec $(command -v firefox-esr || echo firefox) \"$@\" 2>&1", "firefox"])
        .args(["--headless", "--new-instance", "--remote-debugging-port=0", "--remote-allow-system-access"])
        .arg("--profile")
        .arg(profile.path())
        .env("HOME", profile.path());
    command
}

async fn first_context(bidi: &mut Bidi, parameters: Value) -> Result<Value> {
    let tree = bidi.call("browsingContext.getTree", parameters).await?;
    Ok(tree["contexts"][0]["context"].clone())
}
