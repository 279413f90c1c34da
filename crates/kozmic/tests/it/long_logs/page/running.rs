//! A job that keeps printing while a person reads its log.

use super::reader::Reader;
use crate::world::World;
use anyhow::{Context, Result, ensure};
use kozmic_testkit::browser::{Key, Kind};

/// Some lines, then a hundred in a second, until the gate is open; not for ever, if nobody opens it. A pause is the
/// shell's own, on a pipe that nobody writes to.
const TALKATIVE: &str = "mkfifo /tmp/quiet; exec 3<> /tmp/quiet; seq 200; n=0
until [ -e /tmp/gate -o $n -ge 50000 ]; do echo \"line $((n += 1))\"; read -t 0.01 -u 3; done; exit 1";

/// The ways up: each stops following, however small.
#[derive(Debug, Clone, Copy)]
enum Up {
    Wheel,
    Arrow,
    Page,
    Finger,
    Scrollbar,
    Home,
}

/// The ways back to the end: each begins following again.
#[derive(Debug, Clone, Copy)]
enum Back {
    Key,
    Wheel,
    Scrollbar,
}

#[tokio::test]
async fn who_goes_up_in_a_log_that_grows_is_left_there_and_who_returns_follows_in_chromium() -> Result<()> {
    go_up_and_return(Kind::Chromium).await
}

#[tokio::test]
async fn who_goes_up_in_a_log_that_grows_is_left_there_and_who_returns_follows_in_firefox() -> Result<()> {
    go_up_and_return(Kind::Firefox).await
}

async fn go_up_and_return(kind: Kind) -> Result<()> {
    let world = World::new().await?;
    world.hook(TALKATIVE).await?;
    world.push("Begin").await?;
    world.build().await?;
    let mut reader = Reader::of(&world, kind).await?;
    reader.wait_count(200).await?;
    click_on_the_way_to_a_line(&mut reader).await?;
    for way in [Up::Wheel, Up::Arrow, Up::Page, Up::Finger, Up::Scrollbar, Up::Home] {
        go_up(&mut reader, way).await.with_context(|| format!("up by {way:?}"))?;
    }
    mark_and_stay(&mut reader).await?;
    for way in [Back::Key, Back::Wheel, Back::Scrollbar] {
        return_to_the_end(&mut reader, way).await.with_context(|| format!("back by {way:?}"))?;
    }
    end_while_a_page_is_turned(&mut reader).await?;
    world.open_gate().await?;
    stay_free_after_the_end(&mut reader).await?;
    world.end().await
}

/// A line that is linked to and still to come is brought into sight, also after a click that moved nothing.
async fn click_on_the_way_to_a_line(reader: &mut Reader) -> Result<()> {
    let line = reader.count().await? + 300;
    reader.hands.eval(&format!("location.hash = '#L{line}'")).await?;
    reader.wait_following(false).await?;
    let bounds = reader.bounds().await?;
    reader.hands.click((bounds.text, bounds.top + 50)).await?;
    ensure!(reader.count().await? < line, "{:?}: line {line} came before the click", reader.kind);
    reader.wait(&format!("document.querySelector('#L{line}.target')")).await?;
    let (first, last) = reader.sight().await?;
    ensure!(first < line && line <= last, "{:?}: {line} is not in {first}–{last}", reader.kind);
    Ok(())
}

/// The view stays where it was led, while lines come.
async fn go_up(reader: &mut Reader, way: Up) -> Result<()> {
    follow(reader).await?;
    let bounds = reader.bounds().await?;
    match way {
        Up::Wheel => reader.wheel(-1, 1).await?,
        Up::Arrow => reader.press(Key::Up).await?,
        Up::Page => reader.press(Key::PageUp).await?,
        Up::Finger => reader.hands.draw_finger(bounds.text, bounds.top + 50, bounds.top + 120).await?,
        Up::Scrollbar => reader.drag_up(bounds.bottom - 60).await?,
        Up::Home => reader.press(Key::Home).await?,
    }
    reader.wait_following(false).await?;
    let place = reader.rest().await?;
    reader.wait_growth(20).await?;
    reader.wait_place(place).await?;
    let (_, last) = reader.sight().await?;
    ensure!(last < reader.count().await?);
    Ok(())
}

/// Text that is marked to be copied is not taken from the page by what comes.
async fn mark_and_stay(reader: &mut Reader) -> Result<()> {
    follow(reader).await?;
    let bounds = reader.bounds().await?;
    reader.hands.drag(bounds.text, bounds.top + 30, bounds.top + 90).await?;
    reader.wait_following(false).await?;
    let marked = reader.hands.eval("getSelection().toString()").await?;
    ensure!(marked.as_str().is_some_and(|text| text.lines().count() == 4), "{marked} is marked");
    let place = reader.rest().await?;
    reader.wait_growth(20).await?;
    reader.wait_place(place).await?;
    ensure!(reader.hands.eval("getSelection().toString()").await? == marked);
    Ok(())
}

/// The lines that come later are in sight.
async fn return_to_the_end(reader: &mut Reader, way: Back) -> Result<()> {
    reader.press(Key::Home).await?;
    reader.wait_following(false).await?;
    reader.wait_top().await?;
    match way {
        Back::Key => reader.press(Key::End).await?,
        Back::Wheel => reader.wheel_to_the_end().await?,
        Back::Scrollbar => reader.drag_down().await?,
    }
    reader.wait_following(true).await?;
    reader.wait_growth(20).await?;
    reader.wait_end().await
}

/// A movement of the browser's own goes on after its place was set: the end is followed all the same.
async fn end_while_a_page_is_turned(reader: &mut Reader) -> Result<()> {
    for _ in 0..3 {
        follow(reader).await?;
        reader.press(Key::PageUp).await?;
        reader.wait_following(false).await?;
        reader.press(Key::End).await?;
        reader.wait_growth(50).await?;
        reader.wait_following(true).await.context("the end while a page is turned")?;
        reader.wait_end().await?;
    }
    Ok(())
}

/// The end of the job was seen, and nobody is held there.
async fn stay_free_after_the_end(reader: &mut Reader) -> Result<()> {
    reader.wait_ended().await?;
    reader.wait_end().await?;
    let end = reader.rest().await?;
    for (by, place) in [(-2, end - 40.0), (2, end), (-2, end - 40.0)] {
        reader.wheel(by, 20).await?;
        reader.wait_place(place).await?;
    }
    reader.rest().await?;
    reader.wait_place(end - 40.0).await
}

async fn follow(reader: &mut Reader) -> Result<()> {
    if !reader.follows().await? {
        reader.press_button().await?;
    }
    reader.wait_following(true).await?;
    reader.wait_end().await
}
