//! A person who reads a log: the visible part of it, and moving in it.

use crate::world::{LIMIT, World};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::browser::{Hands, Key, Kind, View};

/// The numbers of the lines in sight, in their order.
const SIGHT: &str = "(() => {
    const view = document.querySelector('[data-part=view]').getBoundingClientRect();
    const seen = ({ top, bottom }) => bottom > view.top + 1 && top < view.bottom - 1;
    return [...document.querySelectorAll('.l')].filter((line) => seen(line.getBoundingClientRect()))
        .map((line) => Number(line.id.slice(1))).sort((one, other) => one - other);
})()";
/// Distance of the view's upper edge from the log's beginning, in pixels: rows have 20.
const PLACE: &str = "(() => {
    const line = document.querySelector('.l');
    const edge = document.querySelector('[data-part=view]').getBoundingClientRect().top;
    return line ? (Number(line.id.slice(1)) - 1) * 20 + edge - line.getBoundingClientRect().top : -1;
})()";
/// Number of lines as the page says it.
const COUNT: &str = "Number(document.querySelector('[data-part=count]').textContent.replace(/\\D/g, ''))";
/// Whether the button says that the end is followed.
const FOLLOWS: &str =
    "(document.querySelector('[data-part=follow]').getAttribute('aria-pressed') === 'true')";
/// Whether the view has stood still for so long, and for so many frames, that no movement goes on.
const STILL: &str = "(() => {
    const stands = PLACE === window.seenAt;
    window.seenAt = PLACE;
    window.still = stands ? window.still + 1 : 0;
    if (!stands) window.since = performance.now();
    return window.still > 16 && performance.now() - window.since > 300;
})()";

/// A reader in front of a build's log.
pub struct Reader {
    pub hands: Hands,
    pub kind: Kind,
}

/// Place of the view in the window, in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub top: i64,
    pub bottom: i64,
    /// Over the lines' text.
    pub text: i64,
    /// Over the scrollbar.
    pub bar: i64,
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

    /// Waits until nothing moves any more, and tells how far the view's upper edge is from the log's beginning.
    pub async fn rest(&mut self) -> Result<f64> {
        self.hands.eval("window.seenAt = null").await?;
        self.wait(&STILL.replace("PLACE", PLACE)).await?;
        self.hands.eval(PLACE).await?.as_f64().context("a place is a number")
    }

    /// Waits until the view is there, to a pixel.
    pub async fn wait_place(&mut self, place: f64) -> Result<()> {
        self.wait(&format!("Math.abs({PLACE} - {place}) <= 1")).await
    }

    /// Waits until the view is below a place.
    pub async fn wait_below(&mut self, place: f64) -> Result<()> {
        self.wait(&format!("{PLACE} > {place}")).await
    }

    /// Waits until the view is above a place.
    pub async fn wait_above(&mut self, place: f64) -> Result<()> {
        self.wait(&format!("{PLACE} < {place}")).await
    }

    /// Waits until so many lines are there.
    pub async fn wait_count(&mut self, lines: u64) -> Result<()> {
        self.wait(&format!("{COUNT} >= {lines}")).await
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

    /// The text of a line.
    pub async fn text(&mut self, line: u64) -> Result<String> {
        let text = self.hands.eval(&format!("document.querySelector('#L{line} > span').textContent")).await?;
        text.as_str().map(str::to_owned).context("a line has text")
    }

    /// Waits until the beginning of the log is in sight.
    pub async fn wait_top(&mut self) -> Result<()> {
        self.wait(&format!("{SIGHT}[0] === 1 && document.querySelector('[data-part=view]').scrollTop === 0"))
            .await
    }

    /// Waits until the end of the log is in sight.
    pub async fn wait_end(&mut self) -> Result<()> {
        self.wait(&format!("{SIGHT}.at(-1) === {COUNT} && {COUNT} > 0")).await
    }

    /// Waits until the job's failure has reached the page: the log, and what stands above it.
    pub async fn wait_ended(&mut self) -> Result<()> {
        self.wait("document.querySelector('[data-part=feed]').innerText === 'ended'").await?;
        self.wait("document.querySelector('main').dataset.status === 'failure'").await
    }

    /// Waits until so many more lines have come.
    pub async fn wait_growth(&mut self, more: u64) -> Result<()> {
        let enough = self.count().await? + more;
        self.wait_count(enough).await
    }

    /// Waits until the button says whether the end is followed.
    pub async fn wait_following(&mut self, follows: bool) -> Result<()> {
        self.wait(&format!("{FOLLOWS} === {follows}")).await
    }

    /// Whether the button says that the end is followed.
    pub async fn follows(&mut self) -> Result<bool> {
        Ok(self.hands.eval(FOLLOWS).await? == true)
    }

    pub async fn press_button(&mut self) -> Result<()> {
        self.hands.eval("document.querySelector('[data-part=follow]').click()").await.map(drop)
    }

    /// Presses a key in the log.
    pub async fn press(&mut self, key: Key) -> Result<()> {
        self.hands.eval("document.querySelector('[data-part=view]').focus()").await?;
        self.hands.press(key).await
    }

    /// Turns the wheel over the log.
    pub async fn wheel(&mut self, by: i64, times: usize) -> Result<()> {
        let bounds = self.bounds().await?;
        self.hands.wheel((bounds.text, bounds.top + 100), by, times).await
    }

    /// Turns the wheel down until the end is followed: it goes away while the wheel turns.
    pub async fn wheel_to_the_end(&mut self) -> Result<()> {
        let kind = self.kind;
        let turning = async {
            while !self.follows().await? {
                self.wheel(200_000, 5).await?;
            }
            Ok(())
        };
        tokio::time::timeout(LIMIT, turning).await.with_context(|| format!("{kind:?} reaches no end"))?
    }

    /// Drags the scrollbar from its lower end.
    pub async fn drag_up(&mut self, to: i64) -> Result<()> {
        let Bounds { bar, bottom, .. } = self.bounds().await?;
        self.hands.drag(bar, bottom - 18, to).await
    }

    /// Drags the scrollbar from its upper end beyond the lower one.
    pub async fn drag_down(&mut self) -> Result<()> {
        let Bounds { bar, top, bottom, .. } = self.bounds().await?;
        self.hands.drag(bar, top + 18, bottom + 20).await
    }

    pub async fn bounds(&mut self) -> Result<Bounds> {
        let bounds = "(() => {
            const view = document.querySelector('[data-part=view]');
            const { left, top, right } = view.getBoundingClientRect();
            const inner = left + view.clientWidth;
            if (inner === right) throw new Error('the view has no scrollbar');
            return [top, top + view.clientHeight, left + 110, (inner + right) / 2].map(Math.round);
        })()";
        let [top, bottom, text, bar] = serde_json::from_value(self.hands.eval(bounds).await?)?;
        Ok(Bounds { top, bottom, text, bar })
    }
}
