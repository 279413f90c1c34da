//! Somebody who reads a log: what of it is in sight, and moving about.

use crate::world::{LIMIT, World};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::browser::{Hands, Kind, View};

/// The numbers of the lines in sight, in their order.
const SIGHT: &str = "(() => {
    const view = document.querySelector('[data-part=view]').getBoundingClientRect();
    const seen = ({ top, bottom }) => bottom > view.top + 1 && top < view.bottom - 1;
    return [...document.querySelectorAll('.l')].filter((line) => seen(line.getBoundingClientRect()))
        .map((line) => Number(line.id.slice(1))).sort((one, other) => one - other);
})()";
/// How far the view's upper edge is from the log's beginning, in pixels: rows have 20.
const PLACE: &str = "(() => {
    const line = document.querySelector('.l');
    const edge = document.querySelector('[data-part=view]').getBoundingClientRect().top;
    return line ? (Number(line.id.slice(1)) - 1) * 20 + edge - line.getBoundingClientRect().top : -1;
})()";
/// How many lines the page says there are.
const COUNT: &str = "Number(document.querySelector('[data-part=count]').textContent.replace(/\\D/g, ''))";
/// Whether nothing moved for some frames, longer than the page itself waits for the next step.
const REST: &str = "(() => {
    const top = document.querySelector('[data-part=view]').scrollTop;
    if (top !== window.topBefore) window.restsSince = performance.now();
    window.topBefore = top;
    return performance.now() - window.restsSince > 400;
})()";

/// A reader in front of a build's log.
pub struct Reader {
    pub hands: Hands,
    pub kind: Kind,
}

impl Reader {
    /// Opens the page of the latest build.
    pub async fn of(world: &World, kind: Kind) -> Result<Self> {
        let mut hands = Hands::on(kind, View::DESKTOP).await?;
        hands.sign_in(&world.server.url(), "anna").await?;
        hands.open(&format!("{}/projects/{}/builds/latest/", world.server.url(), world.project)).await?;
        Ok(Self { hands, kind })
    }

    pub async fn wait(&mut self, condition: &str) -> Result<()> {
        let waited = self.hands.wait_for(condition, LIMIT).await;
        waited.with_context(|| format!("{:?}", self.kind))
    }

    /// Waits until nothing moves any more.
    pub async fn rest(&mut self) -> Result<()> {
        self.wait(REST).await
    }

    pub async fn count(&mut self) -> Result<u64> {
        self.hands.eval(COUNT).await?.as_u64().context("the number of lines is a number")
    }

    /// The first and the last line in sight; none between them is missing, and they fill the view.
    pub async fn sight(&mut self) -> Result<(u64, u64)> {
        let lines = self.hands.eval(SIGHT).await?;
        let lines: Vec<u64> = serde_json::from_value(lines)?;
        let (first, last) = lines.first().zip(lines.last()).context("some line is in sight")?;
        let height = self.hands.eval("document.querySelector('[data-part=view]').clientHeight").await?;
        let fit = height.as_u64().context("a height is a number")? / 20;
        ensure!(lines.len() as u64 == last - first + 1, "{:?}: gaps between {lines:?}", self.kind);
        ensure!(lines.len() as u64 >= fit.min(*last) - 1, "{:?}: only {lines:?}", self.kind);
        Ok((*first, *last))
    }

    /// How far the view's upper edge is from the log's beginning, in pixels.
    pub async fn place(&mut self) -> Result<f64> {
        self.hands.eval(PLACE).await?.as_f64().context("a place is a number")
    }

    /// Waits until the view is there, to a pixel.
    pub async fn wait_place(&mut self, place: f64) -> Result<()> {
        self.wait(&format!("Math.abs({PLACE} - {place}) <= 1")).await
    }

    /// Waits until the beginning of the log is in sight.
    pub async fn wait_top(&mut self) -> Result<()> {
        self.wait(&format!("{SIGHT}[0] === 1")).await
    }

    /// Waits until the end of the log is in sight.
    pub async fn wait_end(&mut self) -> Result<()> {
        self.wait(&format!("{SIGHT}.at(-1) === {COUNT} && {COUNT} > 0")).await
    }

    /// Waits until the end of the log is out of sight, and stays so though the page is drawn again.
    pub async fn wait_above_end(&mut self) -> Result<()> {
        self.wait(&format!("{SIGHT}.at(-1) < {COUNT}")).await?;
        self.rest().await?;
        let (_, last) = self.sight().await?;
        let count = self.count().await?;
        ensure!(last < count, "{:?}: at line {last} of {count} again", self.kind);
        Ok(())
    }

    /// Waits until so many more lines have come.
    pub async fn wait_growth(&mut self, more: u64) -> Result<()> {
        let enough = self.count().await? + more;
        self.wait(&format!("{COUNT} >= {enough}")).await
    }

    /// Whether the button says that the end is followed.
    pub async fn wait_following(&mut self, follows: bool) -> Result<()> {
        let button = "document.querySelector('[data-part=follow]').getAttribute('aria-pressed')";
        self.wait(&format!("{button} === '{follows}'")).await
    }

    pub async fn press_button(&mut self) -> Result<()> {
        self.hands.eval("document.querySelector('[data-part=follow]').click()").await.map(drop)
    }

    /// Puts the keyboard's focus into the log.
    pub async fn focus(&mut self) -> Result<()> {
        self.hands.eval("document.querySelector('[data-part=view]').focus()").await.map(drop)
    }

    /// Left, top, right and bottom of the view, without its scrollbars; then its right border.
    pub async fn bounds(&mut self) -> Result<[i64; 5]> {
        let bounds = "(() => {
            const view = document.querySelector('[data-part=view]');
            const { left, top, right } = view.getBoundingClientRect();
            return [left, top, left + view.clientWidth, top + view.clientHeight, right].map(Math.round);
        })()";
        Ok(serde_json::from_value(self.hands.eval(bounds).await?)?)
    }
}
