//! Scripts in the page: reads values from it, and waits inside of it instead of asking repeatedly.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use fantoccini::error::CmdError;
use fantoccini::wd::TimeoutConfiguration;
use serde_json::{Value, json};

use super::Browser;

/// Answers when the condition is true. It looks whenever the page changes, and before each frame is drawn. The
/// condition is inserted as text: the page's security policy may forbid to make functions from strings.
const WAIT: &str = r"
const holds = () => { try { return !!(CONDITION) } catch { return false } };
let over = false;
const finish = (answer) => { if (!over) { over = true; observer.disconnect(); done(answer) } };
const look = () => { if (holds()) finish(true) };
const observer = new MutationObserver(look);
observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
addEventListener('pagehide', () => finish(false));
const frame = () => { look(); if (!over) requestAnimationFrame(frame) };
frame();
setTimeout(() => finish(false), limit);
";

/// Longest time that one script waits. If its page is left, the driver does not always notice earlier.
const SLICE: Duration = Duration::from_secs(2);
/// Time for which the driver waits longer than the script itself.
const GRACE: Duration = Duration::from_millis(500);
/// Longest time of a script that does not wait: a page that reads a long log is busy for a while.
const LONGEST: Duration = Duration::from_secs(30);

/// A JavaScript promise: true if a condition becomes true within a limit, but not longer than [`SLICE`].
pub(super) fn promise(condition: &str, limit: Duration) -> String {
    let limit = limit.min(SLICE).as_millis();
    let wait = WAIT.replace("CONDITION", condition);
    format!("new Promise((done) => {{ const limit = {limit};{wait} }})")
}

impl Browser {
    /// The value of a JavaScript expression.
    pub async fn eval(&self, expression: &str) -> Result<Value> {
        let outcome = self.client.execute(&format!("return ({expression})"), Vec::new()).await;
        outcome.with_context(|| format!("run in the page: {expression}"))
    }

    /// Waits until a JavaScript expression is true, even across reloads and redirects.
    pub async fn wait_for(&self, condition: &str, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        let script = format!("const [limit, done] = arguments;{}", WAIT.replace("CONDITION", condition));
        self.limit_scripts(SLICE + GRACE).await?;
        let outcome = self.wait_by(&script, (condition, limit), end).await;
        self.limit_scripts(LONGEST).await?;
        outcome
    }

    async fn limit_scripts(&self, limit: Duration) -> Result<()> {
        let timeouts = TimeoutConfiguration::new(Some(limit), None, None);
        self.client.update_timeouts(timeouts).await.context("set the scripts' time limit")
    }

    async fn wait_by(&self, script: &str, (condition, limit): (&str, Duration), end: Instant) -> Result<()> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let slice = u64::try_from(left.min(SLICE).as_millis()).unwrap_or(u64::MAX);
            match self.client.execute_async(script, vec![json!(slice)]).await {
                Ok(Value::Bool(true)) => return Ok(()),
                Err(error) if !went_away(&error) => {
                    return Err(error).with_context(|| format!("wait in the page for: {condition}"));
                }
                _ if left.is_zero() => return Err(self.lateness(condition, limit).await),
                _ => {}
            }
        }
    }

    async fn lateness(&self, condition: &str, limit: Duration) -> anyhow::Error {
        let url = self.client.current_url().await.map(String::from).unwrap_or_default();
        let text = self.eval("document.body.innerText").await.unwrap_or_default();
        anyhow!(
            "within {limit:?} it did not become true: {condition}\nat {url}:\n{}",
            text.as_str().unwrap_or("")
        )
    }
}

/// True if the page may have been left while the script waited.
fn went_away(error: &CmdError) -> bool {
    let CmdError::Standard(error) = error else { return false };
    ["script timeout", "unload", "navigat", "context", "detached", "aborted"]
        .iter()
        .any(|word| error.message.to_lowercase().contains(word))
}
