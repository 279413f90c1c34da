//! More lines than browsers can scroll by themselves: Firefox fails beyond a million, Chromium beyond 1,677,720.

use super::{marks, reader::Reader};
use crate::world::World;
use anyhow::{Context, Result, ensure};
use kozmic_testkit::browser::{Key, Kind};
use std::fmt::Write;

const LINES: u64 = 2_000_000;

#[tokio::test]
async fn each_of_two_million_lines_can_be_reached_in_chromium() -> Result<()> {
    reach_each_line(Kind::Chromium).await
}

#[tokio::test]
async fn each_of_two_million_lines_can_be_reached_in_firefox() -> Result<()> {
    reach_each_line(Kind::Firefox).await
}

async fn reach_each_line(kind: Kind) -> Result<()> {
    let world = World::new().await?;
    world.hook("exit 1").await?;
    world.push("Begin").await?;
    let build = world.finished().await?;
    // An engine would need minutes for so many lines on a busy machine: each of them says its number.
    let log = world.server.data_dir().join(format!("logs/0/{}-1.log", build.job()?));
    ensure!(log.exists());
    std::fs::write(log, numbers(LINES)?)?;
    let mut reader = Reader::of(&world, kind).await?;
    reader.wait_ended().await?;
    reader.wait_count(LINES).await?;
    leave_the_end_by_small_steps(&mut reader).await?;
    step_through_the_middle(&mut reader).await?;
    reach_both_ends(&mut reader).await?;
    drag_the_scrollbar(&mut reader).await?;
    keep_the_place(&mut reader).await?;
    marks::link_and_mark_lines(&mut reader).await?;
    world.end().await
}

fn numbers(last: u64) -> Result<String> {
    let mut text = String::new();
    for number in 1..=last {
        writeln!(text, "{number}")?;
    }
    Ok(text)
}

/// The job failed, so its log opens at its end; nothing holds a reader there.
async fn leave_the_end_by_small_steps(reader: &mut Reader) -> Result<()> {
    reader.wait_end().await?;
    let end = reader.rest().await?;
    for step in 1..=3 {
        reader.wheel(-3, 10).await?;
        reader.wait_place(end - 30.0 * f64::from(step)).await?;
    }
    return_by_the_button(reader, end).await?;
    reader.press(Key::Up).await?;
    reader.wait_above(end - 2.0).await?;
    let place = reader.rest().await?;
    reader.press(Key::Up).await?;
    reader.wait_above(place - 2.0).await?;
    return_by_the_button(reader, end).await?;
    let bounds = reader.bounds().await?;
    reader.hands.draw_finger(bounds.text, bounds.top + 50, bounds.top + 120).await?;
    reader.wait_above(end - 20.0).await
}

async fn return_by_the_button(reader: &mut Reader, end: f64) -> Result<()> {
    reader.rest().await?;
    reader.press_button().await?;
    reader.wait_place(end).await
}

/// A notch of the wheel is a line also where a pixel of the scrollbar is worth thousands of them.
async fn step_through_the_middle(reader: &mut Reader) -> Result<()> {
    for line in [100_000, 894_801, 1_200_000, 1_677_750] {
        reader.hands.eval(&format!("location.hash = '#L{line}'")).await?;
        reader.wait(&format!("document.querySelector('#L{line}.target')")).await?;
        let mut place = reader.rest().await?;
        let text = reader.text(line).await?;
        ensure!(text == line.to_string(), "{:?}: line {line} says {text}", reader.kind);
        let (first, last) = reader.sight().await?;
        ensure!(first < line && line < last, "{:?}: {line} is not in {first}–{last}", reader.kind);
        for _ in 0..3 {
            reader.wheel(20, 1).await?;
            place += 20.0;
            reader.wait_place(place).await.with_context(|| format!("a step from line {line}"))?;
        }
        turn_pages(reader, place).await.with_context(|| format!("pages from line {line}"))?;
    }
    Ok(())
}

/// A page is turned by keys, and back to the pixel; between them the rows may have been shifted anew.
async fn turn_pages(reader: &mut Reader, place: f64) -> Result<()> {
    let bounds = reader.bounds().await?;
    let height = f64::from(i32::try_from(bounds.bottom - bounds.top)?);
    for key in [Key::PageDown, Key::Space] {
        reader.press(key).await?;
        reader.wait_below(place + height / 2.0).await?;
        let turned = reader.rest().await? - place;
        ensure!(turned <= height, "{:?}, {key:?}: {turned} of {height}", reader.kind);
        reader.press(Key::PageUp).await?;
        reader.wait_place(place).await?;
        reader.rest().await?;
    }
    Ok(())
}

async fn reach_both_ends(reader: &mut Reader) -> Result<()> {
    reader.press(Key::Home).await?;
    reader.wait_top().await?;
    reader.press(Key::Down).await?;
    reader.wait("document.querySelector('[data-part=view]').scrollTop > 0").await?;
    reader.press(Key::End).await?;
    reader.wait_end().await?;
    let last = "document.querySelector('[data-part=view]').innerText.includes('2000000')";
    reader.wait(last).await?;
    leap_while_a_page_is_turned(reader).await
}

/// A movement of the browser's own goes on after its place was set: it takes nobody away from an end.
async fn leap_while_a_page_is_turned(reader: &mut Reader) -> Result<()> {
    for _ in 0..3 {
        let end = reader.rest().await?;
        reader.press(Key::PageUp).await?;
        reader.wait_above(end - 1.0).await?;
        reader.press(Key::End).await?;
        reader.rest().await?;
        reader.wait_place(end).await.context("the end while a page is turned")?;
    }
    for _ in 0..3 {
        reader.press(Key::Home).await?;
        reader.rest().await?;
        reader.wait_top().await.context("the top while a page is turned")?;
        reader.press(Key::PageDown).await?;
        reader.wait_below(1.0).await?;
    }
    reader.press(Key::End).await?;
    reader.wait_end().await
}

/// In the middle of the bar is the middle of the log.
async fn drag_the_scrollbar(reader: &mut Reader) -> Result<()> {
    reader.rest().await?;
    let bounds = reader.bounds().await?;
    reader.drag_up(i64::midpoint(bounds.top, bounds.bottom)).await?;
    reader.rest().await?;
    let (first, _) = reader.sight().await?;
    ensure!((700_000..1_300_000).contains(&first), "{:?}: line {first}", reader.kind);
    reader.press(Key::Home).await?;
    reader.wait_top().await?;
    reader.rest().await?;
    reader.drag_down().await?;
    reader.wait_end().await
}

/// A window that changes leaves the reader where he is, and a step is a step in it: less high, narrow, zoomed.
async fn keep_the_place(reader: &mut Reader) -> Result<()> {
    reader.hands.eval("location.hash = '#L600000'").await?;
    reader.wait("document.querySelector('#L600000.target')").await?;
    let mut place = reader.rest().await?;
    for (width, height, zoom) in [(1280, 500, 1.0), (390, 844, 2.0), (853, 533, 1.5), (1280, 800, 1.0)] {
        reader.hands.resize(width, height, zoom).await?;
        reader.wait(&format!("innerWidth === {width} && innerHeight === {height}")).await?;
        reader.hands.eval("document.querySelector('.log').scrollIntoView({ block: 'end' })").await?;
        let stayed = reader.rest().await?;
        ensure!((stayed - place).abs() <= 1.0, "{:?}, {width} wide: from {place} to {stayed}", reader.kind);
        reader.sight().await?;
        for by in [20, -20, 20] {
            reader.wheel(by, 1).await?;
            place += f64::from(i32::try_from(by)?);
            reader.wait_place(place).await?;
        }
        place = reader.rest().await?;
    }
    Ok(())
}
