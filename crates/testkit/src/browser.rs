//! A real browser without a screen, for tests that look at pages: Chromium, driven by chromedriver. Firefox is used in
//! addition for input on which browsers differ.

mod bidi;
mod driver;
mod firefox;
mod hands;
mod script;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use driver::Driver;
pub use firefox::Firefox;
pub use hands::{Hands, Key, Kind};

/// Paths of the browser in distributions' packages.
const CHROMIUM: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/snap/bin/chromium"];
/// Options that switch parts of the browser off.
const QUIET: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Size and colours with which the browser shows pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Width of the page, in CSS pixels.
    pub width: u32,
    /// Height of the page, in CSS pixels.
    pub height: u32,
    /// True if the person prefers dark colours.
    pub dark: bool,
}

/// A browser with one window. It ends when this is dropped.
pub struct Browser {
    client: Client,
    driver: Driver,
    _profile: TempDir,
}

impl View {
    /// The screen of a desktop computer.
    pub const DESKTOP: Self = Self { width: 1280, height: 800, dark: false };
    /// The screen of a phone.
    pub const PHONE: Self = Self { width: 390, height: 844, dark: false };

    /// The same with dark colours.
    #[must_use]
    pub fn dark(self) -> Self {
        Self { dark: true, ..self }
    }
}

impl Browser {
    /// Starts a browser with a fresh profile.
    pub async fn start(view: View) -> Result<Self> {
        Self::start_with(view, &["--hide-scrollbars"]).await
    }

    /// Starts a browser whose scrollbars can be dragged.
    pub async fn with_scrollbars(view: View) -> Result<Self> {
        Self::start_with(view, &[]).await
    }

    async fn start_with(view: View, more: &[&str]) -> Result<Self> {
        let mut driver = Driver::start().await?;
        let profile = TempDir::with_prefix("kozmic-browser-").context("make a browser's profile")?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(view, profile.path(), more))
            .connect(&driver.url())
            .await
            .context("start Chromium: are the packages chromium and chromium-driver installed?")?;
        let session = client.session_id().await.context("ask for the session")?.unwrap_or_default();
        driver.owns(session, client.capabilities());
        let browser = Self { client, driver, _profile: profile };
        browser.look(view).await?;
        Ok(browser)
    }

    /// Changes the window's size and colours.
    pub async fn look(&self, view: View) -> Result<()> {
        let size = json!({
            "width": view.width,
            "height": view.height,
            "deviceScaleFactor": 1,
            "mobile": view.width < 600,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await?;
        let scheme = if view.dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await.map(drop)
    }

    /// Opens a page and waits until it is loaded.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.client.goto(url).await.with_context(|| format!("open {url}"))
    }

    /// Signs in with GitHub through the double's page.
    pub async fn sign_in(&self, kozmic: &str, login: &str) -> Result<()> {
        self.open(&format!("{kozmic}/_auth/")).await?;
        self.click(&format!("button[value='{login}']")).await?;
        let back = format!("location.href.startsWith({})", json!(format!("{kozmic}/")));
        self.wait_for(&back, Duration::from_secs(10)).await
    }

    /// Clicks the first element that this CSS selector finds, as soon as it exists.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let element = self.find(selector).await?;
        element.click().await.with_context(|| format!("click {selector}"))
    }

    /// Types into the field that this CSS selector finds. The former text is removed.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.find(selector).await?;
        element.clear().await.with_context(|| format!("clear {selector}"))?;
        element.send_keys(text).await.with_context(|| format!("type into {selector}"))
    }

    /// The first element that this CSS selector finds, as soon as it exists.
    pub async fn find(&self, selector: &str) -> Result<Element> {
        let there = format!("document.querySelector({})", json!(selector));
        self.wait_for(&there, Duration::from_secs(10)).await?;
        self.client.find(Locator::Css(selector)).await.with_context(|| format!("find {selector}"))
    }

    /// The visible text of the first element that this CSS selector finds.
    pub async fn text(&self, selector: &str) -> Result<String> {
        self.find(selector).await?.text().await.with_context(|| format!("read {selector}"))
    }

    /// Writes a picture of the page to a PNG file.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let picture = self.client.screenshot().await.context("take a picture")?;
        if let Some(parent) = file.parent() {
            tokio::fs::create_dir_all(parent).await.context("make the pictures' directory")?;
        }
        tokio::fs::write(file, picture).await.with_context(|| format!("write {}", file.display()))
    }

    /// Faults of the page in the browser's console: errors, and assets that did not load.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let entries = self.driver.log(&self.client).await?;
        Ok(entries.into_iter().filter(|entry| entry.starts_with("SEVERE")).collect())
    }

    /// The client of the driver, for everything else.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Ends the browser and waits for its end. That is cleaner than dropping it.
    pub async fn close(self) -> Result<()> {
        self.client.clone().close().await.context("close the browser")
    }
}

fn chromium() -> &'static str {
    CHROMIUM.into_iter().find(|path| Path::new(path).exists()).unwrap_or(CHROMIUM[0])
}

fn capabilities(view: View, profile: &Path, more: &[&str]) -> Map<String, Value> {
    let mut args: Vec<String> = QUIET.iter().chain(more).map(|&arg| arg.to_owned()).collect();
    args.push(format!("--user-data-dir={}", profile.display()));
    args.push(format!("--window-size={},{}", view.width, view.height));
    let mut capabilities = Map::new();
    capabilities.insert("browserName".to_owned(), json!("chrome"));
    capabilities.insert("goog:chromeOptions".to_owned(), json!({"binary": chromium(), "args": args}));
    capabilities.insert("goog:loggingPrefs".to_owned(), json!({"browser": "ALL"}));
    capabilities
}
