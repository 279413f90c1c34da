//! Logs of any size arrive completely, from any offset, for any number of viewers.

mod page;

use crate::world::{LIMIT, World};
use anyhow::Result;
use futures_util::future::try_join_all;

#[tokio::test]
async fn two_hundred_thousand_lines_reach_ten_viewers_whole() -> Result<()> {
    let world = World::new().await?;
    world.hook("seq -f 'line %06.0f of a long log, which goes on and on' 1 200000").await?;
    world.push("Begin").await?;
    let build = world.build().await?;
    let job = build.job()?;
    let mut viewers = try_join_all((0..10).map(|_| world.anna.live(world.project, job, 0))).await?;
    try_join_all(viewers.iter_mut().map(|viewer| viewer.read_to_end(LIMIT))).await?;
    let log = world.log().await?;
    assert_eq!(log.lines().filter(|line| line.starts_with("line ")).count(), 200_000);
    assert!(log.contains("\nline 200000 of a long log, which goes on and on\n"));
    assert!(viewers.iter().all(|viewer| viewer.text() == log));

    let offset = u64::try_from(log.find("line 150000").unwrap_or_default())?;
    let mut late = world.anna.live(world.project, job, offset).await?;
    late.read_to_end(LIMIT).await?;
    assert!(late.text().starts_with("line 150000 of") && log.ends_with(late.text()));
    world.end().await
}

#[tokio::test]
async fn bytes_that_are_no_text_and_torn_characters_do_no_harm() -> Result<()> {
    let world = World::new().await?;
    world.hook("head -c 100000 /dev/urandom; for i in $(seq 3000); do printf 'ü€😀'; done; echo; printf '\\033[31mred\\033[0m\\n'").await?;
    world.push("Begin").await?;
    let mut live = world.live().await?;
    live.read_to_end(LIMIT).await?;
    assert!(live.text().contains(&"ü€😀".repeat(3000)));
    let raw = world.anna.raw_log(world.project, world.build().await?.job()?).await?;
    assert!(raw.ends_with(b"\x1b[31mred\x1b[0m\n"), "escape sequences are stored as they came");
    assert_eq!(live.offset(), u64::try_from(raw.len())?);
    world.end().await
}
