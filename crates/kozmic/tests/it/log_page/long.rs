//! A million lines, more than browsers can scroll over by themselves.

use super::reader::Reader;
use crate::world::World;
use anyhow::{Result, ensure};
use kozmic_testkit::browser::{Key, Kind};

#[tokio::test]
async fn each_of_a_million_lines_can_be_reached_in_every_browser() -> Result<()> {
    let world = World::new().await?;
    world.hook("seq -f 'line %.0f' 1 1000000; exit 1").await?;
    world.push("Begin").await?;
    world.finished().await?;
    for kind in [Kind::Chromium, Kind::Firefox] {
        let mut reader = Reader::of(&world, kind).await?;
        reader.wait("document.querySelector('[data-part=feed]').innerText === 'ended'").await?;
        leave_the_end_by_small_steps(&mut reader).await?;
        step_through_the_middle(&mut reader).await?;
        reach_both_ends(&mut reader).await?;
        drag_the_scrollbar(&mut reader).await?;
        resize(&mut reader).await?;
    }
    world.end().await
}

/// The job failed, so its log opens at its end; nothing holds a reader there.
async fn leave_the_end_by_small_steps(reader: &mut Reader) -> Result<()> {
    let [left, top, ..] = reader.bounds().await?;
    let at = (left + 200, top + 100);
    reader.wait_end().await?;
    ensure!(reader.count().await? >= 1_000_000);
    reader.hands.wheel(at, -3, 20).await?;
    reader.wait_above_end().await?;
    reader.press_button().await?;
    reader.wait_end().await?;
    reader.focus().await?;
    reader.hands.press(Key::Up).await?;
    reader.hands.press(Key::Up).await?;
    reader.wait_above_end().await?;
    reader.press_button().await?;
    reader.wait_end().await?;
    reader.hands.draw_finger(at.0, top + 50, top + 120).await?;
    reader.wait_above_end().await
}

/// Where a pixel of the scrollbar is worth thousands of lines, a notch of the wheel is still one.
async fn step_through_the_middle(reader: &mut Reader) -> Result<()> {
    let [left, top, ..] = reader.bounds().await?;
    for line in [100_000, 500_000, 894_801, 987_654] {
        reader.hands.eval(&format!("location.hash = '#L{line}'")).await?;
        reader.wait(&format!("document.querySelector('#L{line}.target')")).await?;
        reader.rest().await?;
        let (first, last) = reader.sight().await?;
        ensure!(first < line && line < last, "{:?}: {line} is not in {first}–{last}", reader.kind);
        let mut place = reader.place().await?;
        for _ in 0..3 {
            reader.hands.wheel((left + 200, top + 100), 20, 1).await?;
            place += 20.0;
            reader.wait_place(place).await?;
        }
        reader.rest().await?;
        reader.wait_place(place).await?;
        turn_a_page(reader, place).await?;
    }
    Ok(())
}

async fn turn_a_page(reader: &mut Reader, place: f64) -> Result<()> {
    reader.focus().await?;
    reader.hands.press(Key::PageDown).await?;
    reader.rest().await?;
    let turned = reader.place().await? - place;
    let [_, top, _, bottom, _] = reader.bounds().await?;
    let height = f64::from(i32::try_from(bottom - top)?);
    ensure!(turned > height / 2.0 && turned <= height, "{:?}: {turned} of {height}", reader.kind);
    reader.hands.press(Key::PageUp).await?;
    reader.wait_place(place).await
}

async fn reach_both_ends(reader: &mut Reader) -> Result<()> {
    reader.focus().await?;
    reader.hands.press(Key::Home).await?;
    reader.wait_top().await?;
    reader.hands.press(Key::Down).await?;
    reader.wait("document.querySelector('[data-part=view]').scrollTop > 0").await?;
    reader.hands.press(Key::End).await?;
    reader.wait_end().await?;
    let last = "document.querySelector('[data-part=view]').innerText.includes('line 1000000')";
    reader.wait(last).await
}

/// In the middle of the bar is the middle of the log.
async fn drag_the_scrollbar(reader: &mut Reader) -> Result<()> {
    let [_, top, right, bottom, border] = reader.bounds().await?;
    let bar = i64::midpoint(right, border);
    reader.hands.drag(bar, bottom - 20, i64::midpoint(top, bottom)).await?;
    reader.rest().await?;
    let (first, _) = reader.sight().await?;
    ensure!((300_000..700_000).contains(&first), "{:?}: line {first}", reader.kind);
    reader.hands.drag(bar, i64::midpoint(top, bottom), bottom - 1).await?;
    reader.wait_end().await
}

/// A window that changes leaves the reader where he is.
async fn resize(reader: &mut Reader) -> Result<()> {
    reader.hands.eval("location.hash = '#L600000'").await?;
    reader.rest().await?;
    let place = reader.place().await?;
    for height in [250, 420] {
        let resize = format!("document.querySelector('.log').style.maxHeight = '{height}px'");
        reader.hands.eval(&resize).await?;
        reader.wait(&format!("document.querySelector('.log').clientHeight <= {height}")).await?;
        reader.rest().await?;
        reader.wait_place(place).await?;
        reader.sight().await?;
    }
    Ok(())
}
