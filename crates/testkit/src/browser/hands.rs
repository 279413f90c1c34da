//! A person's input to a page, in each supported browser: wheel, keys, finger and mouse.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Browser, Firefox, View};

/// Kind of a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Chromium, and browsers that are based on it.
    Chromium,
    /// Firefox.
    Firefox,
}

/// A key that scrolls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called as they are on a keyboard")]
pub enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Space,
}

/// A person at a browser. It ends when this is dropped.
pub enum Hands {
    /// Chromium.
    Chromium(Box<Browser>),
    /// Firefox.
    Firefox(Box<Firefox>),
}

impl Hands {
    /// Starts a browser with a new profile.
    pub async fn on(kind: Kind, view: View) -> Result<Self> {
        Ok(match kind {
            Kind::Chromium => Self::Chromium(Box::new(Browser::with_scrollbars(view).await?)),
            Kind::Firefox => Self::Firefox(Box::new(Firefox::start(view).await?)),
        })
    }

    /// Opens a page and waits until it is loaded.
    pub async fn open(&mut self, url: &str) -> Result<()> {
        match self {
            Self::Chromium(browser) => browser.open(url).await,
            Self::Firefox(browser) => browser.open(url).await,
        }
    }

    /// Signs in with GitHub through the double's page.
    pub async fn sign_in(&mut self, kozmic: &str, login: &str) -> Result<()> {
        self.open(&format!("{kozmic}/_auth/")).await?;
        self.eval(&format!("document.querySelector('button[value={login}]').click()")).await?;
        let back = format!("location.href.startsWith({})", json!(format!("{kozmic}/")));
        self.wait_for(&back, Duration::from_secs(20)).await
    }

    /// The value of a JavaScript expression.
    pub async fn eval(&mut self, expression: &str) -> Result<Value> {
        match self {
            Self::Chromium(browser) => browser.eval(expression).await,
            Self::Firefox(browser) => browser.eval(expression).await,
        }
    }

    /// Waits until a JavaScript expression is true.
    pub async fn wait_for(&mut self, condition: &str, limit: Duration) -> Result<()> {
        match self {
            Self::Chromium(browser) => browser.wait_for(condition, limit).await,
            Self::Firefox(browser) => browser.wait_for(condition, limit).await,
        }
    }

    /// Turns the wheel over a point, `times` times by `by` pixels; negative is up.
    pub async fn wheel(&mut self, at: (i64, i64), by: i64, times: usize) -> Result<()> {
        let (x, y) = at;
        let turn = json!({"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": by, "duration": 0});
        self.act(json!([{"type": "wheel", "id": "wheel", "actions": vec![turn; times]}])).await
    }

    /// Presses a key.
    pub async fn press(&mut self, key: Key) -> Result<()> {
        let actions = ["keyDown", "keyUp"].map(|what| json!({"type": what, "value": key.code()}));
        self.act(json!([{"type": "key", "id": "keys", "actions": actions}])).await
    }

    /// Moves a finger over the page, from one height to another.
    pub async fn draw_finger(&mut self, x: i64, from: i64, to: i64) -> Result<()> {
        match self {
            Self::Firefox(browser) => browser.draw_finger(x, from, to).await,
            Self::Chromium(_) => self.act(drag("touch", x, from, to)).await,
        }
    }

    /// Presses the mouse's button, moves the mouse from one height to another, and releases the button: drags a
    /// scrollbar, or selects text. Chromium takes a scrollbar's position from the first step on, so it moves one step
    /// less.
    pub async fn drag(&mut self, x: i64, from: i64, to: i64) -> Result<()> {
        self.act(drag("mouse", x, from, to)).await
    }

    /// Clicks a point.
    pub async fn click(&mut self, at: (i64, i64)) -> Result<()> {
        let (x, y) = at;
        let actions = json!([
            {"type": "pointerMove", "x": x, "y": y, "duration": 0},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]);
        self.act(json!([{"type": "pointer", "id": "mouse", "actions": actions}])).await
    }

    /// Gives the page this size in its own pixels, and enlarges each of them: a narrow window, a zoomed page.
    pub async fn resize(&mut self, width: u32, height: u32, zoom: f64) -> Result<()> {
        match self {
            Self::Chromium(browser) => {
                let size =
                    json!({"width": width, "height": height, "deviceScaleFactor": zoom, "mobile": false});
                browser.devtools("Emulation.setDeviceMetricsOverride", size).await.map(drop)
            }
            Self::Firefox(browser) => browser.resize(width, height, zoom).await,
        }
    }

    async fn act(&mut self, sources: Value) -> Result<()> {
        match self {
            Self::Chromium(browser) => browser.act(sources).await,
            Self::Firefox(browser) => browser.act(sources).await,
        }
        .context("move the hands")
    }
}

impl Key {
    /// The key's character in WebDriver.
    fn code(self) -> char {
        match self {
            Self::Up => '\u{e013}',
            Self::Down => '\u{e015}',
            Self::PageUp => '\u{e00e}',
            Self::PageDown => '\u{e00f}',
            Self::Home => '\u{e011}',
            Self::End => '\u{e010}',
            Self::Space => ' ',
        }
    }
}

fn drag(pointer: &str, x: i64, from: i64, to: i64) -> Value {
    const STEPS: i64 = 16;
    let place = |y: i64, pause: i64| json!({"type": "pointerMove", "x": x, "y": y, "duration": pause});
    let mut actions = vec![place(from, 0), json!({"type": "pointerDown", "button": 0})];
    actions.extend((1..=STEPS).map(|step| place(from + (to - from) * step / STEPS, 20)));
    actions.push(json!({"type": "pointerUp", "button": 0}));
    json!([{"type": "pointer", "id": pointer, "parameters": {"pointerType": pointer}, "actions": actions}])
}
