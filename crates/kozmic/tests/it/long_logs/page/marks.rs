//! Lines with links, selected text and search results: what a person does at a place in a log.

use super::reader::Reader;
use anyhow::{Result, ensure};

/// In the middle of a long log.
pub async fn link_and_mark_lines(reader: &mut Reader) -> Result<()> {
    reader.hands.eval("location.hash = '#L400000'").await?;
    reader.wait("document.querySelector('#L400000.target')").await?;
    reader.rest().await?;
    let (first, _) = reader.sight().await?;
    link(reader, first + 3).await?;
    mark(reader, first + 2).await?;
    let text = reader.text(first + 5).await?;
    ensure!(reader.hands.eval(&format!("window.find('{text}')")).await? == true, "{text} is not found");
    open_anew(reader, first + 3).await?;
    reader.hands.eval("location.hash = '#L1600000'").await?;
    open_anew(reader, 1_600_000).await
}

/// A click on a line's number marks it, puts it into the address, and moves nothing.
async fn link(reader: &mut Reader, line: u64) -> Result<()> {
    let place = reader.rest().await?;
    let (x, y) = middle(reader, &format!("#L{line} > a")).await?;
    reader.hands.click((x, y)).await?;
    reader
        .wait(&format!("location.hash === '#L{line}' && document.querySelector('#L{line}.target')"))
        .await?;
    ensure!(reader.hands.eval("document.querySelectorAll('.target').length").await? == 1);
    reader.wait_place(place).await
}

/// The mouse marks lines' text, without their numbers.
async fn mark(reader: &mut Reader, line: u64) -> Result<()> {
    let bounds = reader.bounds().await?;
    let (_, from) = middle(reader, &format!("#L{line}")).await?;
    reader.hands.drag(bounds.text, from, from + 40).await?;
    let marked = reader.hands.eval("getSelection().toString()").await?;
    let between = reader.text(line + 1).await?;
    let lines: Vec<_> = marked.as_str().unwrap_or_default().lines().collect();
    ensure!(lines.len() == 3 && lines[1] == between, "{:?}: {lines:?} are marked", reader.kind);
    Ok(())
}

/// The address alone leads there, also where a browser puts back the place of a page while its log is short.
async fn open_anew(reader: &mut Reader, line: u64) -> Result<()> {
    reader.hands.eval("window.isOld = true, location.reload()").await?;
    reader.wait("!window.isOld").await?;
    reader.wait_ended().await?;
    reader.wait(&format!("document.querySelector('#L{line}.target')")).await?;
    reader.rest().await?;
    let (first, last) = reader.sight().await?;
    ensure!(first < line && line < last, "{:?}: {line} is not in {first}–{last}", reader.kind);
    Ok(())
}

/// The middle of an element, in the window.
async fn middle(reader: &mut Reader, selector: &str) -> Result<(i64, i64)> {
    let middle = format!(
        "(() => {{
            const {{ left, right, top, bottom }} = document.querySelector('{selector}').getBoundingClientRect();
            return [(left + right) / 2, (top + bottom) / 2].map(Math.round);
        }})()"
    );
    Ok(serde_json::from_value(reader.hands.eval(&middle).await?)?)
}
