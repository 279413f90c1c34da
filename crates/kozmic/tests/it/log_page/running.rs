//! A job that writes on and on while somebody reads.

use super::reader::Reader;
use crate::world::World;
use anyhow::{Context, Result, ensure};
use kozmic_testkit::browser::{Key, Kind};

/// A hundred lines in a second, until the gate is open; not for ever, if nobody opens it.
const TALKATIVE: &str =
    "n=0; until [ -e /tmp/gate -o $n -ge 50000 ]; do echo \"line $((n += 1))\"; sleep 0.01; done; exit 1";

#[tokio::test]
async fn who_goes_up_in_a_log_that_grows_is_left_there_and_who_returns_follows() -> Result<()> {
    let world = World::new().await?;
    world.hook(TALKATIVE).await?;
    world.push("Begin").await?;
    world.build().await?;
    let mut readers = [Reader::of(&world, Kind::Chromium).await?, Reader::of(&world, Kind::Firefox).await?];
    for reader in &mut readers {
        reader.wait_growth(100).await?;
        go_up_in_every_way(reader).await?;
        return_to_the_end(reader).await?;
    }
    world.open_gate().await?;
    for reader in &mut readers {
        stay_free_after_the_end(reader).await?;
    }
    world.end().await
}

/// Each movement upwards, however small, stops following for good.
async fn go_up_in_every_way(reader: &mut Reader) -> Result<()> {
    for way in 0..6 {
        follow(reader).await?;
        let [left, top, right, bottom, border] = reader.bounds().await?;
        let at = (left + 200, top + 100);
        reader.focus().await?;
        match way {
            0 => reader.hands.wheel(at, -1, 1).await?,
            1 => reader.hands.press(Key::Up).await?,
            2 => reader.hands.press(Key::PageUp).await?,
            3 => reader.hands.draw_finger(at.0, top + 50, top + 120).await?,
            4 => reader.hands.drag(i64::midpoint(right, border), bottom - 20, bottom - 60).await?,
            _ => reader.hands.press(Key::Home).await?,
        }
        reader.wait_following(false).await.with_context(|| format!("way {way}"))?;
        reader.rest().await?;
        let place = reader.place().await?;
        reader.wait_growth(50).await?;
        let moved = reader.place().await? - place;
        ensure!(moved.abs() <= 1.0, "{:?}, way {way}: by {moved} pixels", reader.kind);
        let (_, last) = reader.sight().await?;
        ensure!(last < reader.count().await?);
    }
    Ok(())
}

/// By key, wheel and scrollbar; each time the lines that come later are in sight.
async fn return_to_the_end(reader: &mut Reader) -> Result<()> {
    for way in 0..3 {
        let [left, top, right, bottom, border] = reader.bounds().await?;
        reader.focus().await?;
        reader.hands.press(Key::PageUp).await?;
        reader.wait_following(false).await?;
        reader.rest().await?;
        match way {
            0 => reader.hands.press(Key::End).await?,
            1 => reader.hands.wheel((left + 200, top + 100), 20_000, 5).await?,
            _ => {
                reader.hands.press(Key::Home).await?;
                reader.wait_top().await?;
                reader.hands.drag(i64::midpoint(right, border), top + 20, bottom - 1).await?;
            }
        }
        reader.wait_following(true).await.with_context(|| format!("way back {way}"))?;
        reader.wait_growth(50).await?;
        reader.wait_end().await?;
    }
    Ok(())
}

/// The end of the job was seen, and nobody is held there.
async fn stay_free_after_the_end(reader: &mut Reader) -> Result<()> {
    reader.wait("document.querySelector('[data-part=feed]').innerText === 'ended'").await?;
    reader.wait_end().await?;
    let [left, top, ..] = reader.bounds().await?;
    let at = (left + 200, top + 100);
    reader.hands.wheel(at, -2, 20).await?;
    reader.wait_above_end().await?;
    reader.hands.wheel(at, 500, 1).await?;
    reader.wait_end().await?;
    reader.hands.wheel(at, -2, 20).await?;
    reader.wait_above_end().await
}

async fn follow(reader: &mut Reader) -> Result<()> {
    let follows = "document.querySelector('[data-part=follow]').getAttribute('aria-pressed') === 'true'";
    if reader.hands.eval(follows).await? != true {
        reader.press_button().await?;
    }
    reader.wait_following(true).await?;
    reader.wait_end().await
}
