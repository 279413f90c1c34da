//! Measures a build that prints a lot while a thousand monitors are open: they must not slow it.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Options;
use super::engine::Bare;
use super::figures::{Series, line, row, title};
use super::usage;
use super::variant::Variant;
use super::workshop::{Plan, Unpushed, Workshop};

/// Number of viewers.
const VIEWERS: usize = 1_000;
/// Number of viewers that connect at the same time.
const COMING: usize = 50;
/// Number of lines that the build prints.
const LINES: usize = 100_000;
const REPOSITORY: &str = "anna/loud";
const BRANCH: &str = "main";
/// Longest wait of a viewer for the next frame. Ticks come more often.
const LIMIT: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Results of one variant, round by round.
#[derive(Default)]
struct Cost {
    took: Series,
    processor: Series,
    memory: Series,
}

/// Number of updates and bytes that one viewer received.
#[derive(Clone, Copy)]
struct Watched {
    updates: usize,
    bytes: usize,
}

pub(super) async fn measure(options: &Options, bare: &Bare, variants: &[Variant]) -> Result<()> {
    for variant in variants {
        let workshop = Workshop::set(options, variant, &plan()).await?;
        let outcome = rounds(options.viewer_rounds, &workshop, bare).await;
        workshop.clear().await?;
        outcome.with_context(|| format!("watch {}", variant.name))?;
    }
    Ok(())
}

fn plan() -> Plan {
    let script = "autobuild/loud.sh";
    let recipe = format!(
        "buildscripts:\n  - {script}\n{script}:\n  archives: /tmp/archives\n  artifact: loud.bin\n  format: binary\n"
    );
    let text = format!(
        "#!/bin/bash\nseq -f 'line %.0f of what a build prints when it has much to tell' {LINES}\n\
         echo done > /tmp/archives/loud.bin\n"
    );
    Plan {
        branches: vec![(REPOSITORY.to_owned(), vec![BRANCH.to_owned()])],
        recipe,
        scripts: vec![(script.to_owned(), text)],
        slots: None,
    }
}

async fn rounds(rounds: usize, workshop: &Workshop, bare: &Bare) -> Result<()> {
    let (mut alone, mut seen) = (Cost::default(), Cost::default());
    let (mut updates, mut bytes) = (Series::default(), Series::default());
    // The first round is not counted: it fills caches.
    let push = workshop.commit(REPOSITORY, BRANCH).await?;
    build(workshop, bare, &push, &mut Cost::default()).await?;
    for _ in 0..rounds {
        let push = workshop.commit(REPOSITORY, BRANCH).await?;
        build(workshop, bare, &push, &mut alone).await?;
        let push = workshop.commit(REPOSITORY, BRANCH).await?;
        let mut viewers = come(workshop, &push.sha).await?;
        build(workshop, bare, &push, &mut seen).await?;
        while let Some(viewer) = viewers.join_next().await {
            let Watched { updates: count, bytes: size } = viewer.context("a viewer broke")??;
            updates.add(count as f64);
            bytes.add(size as f64 / 1024.0);
        }
    }
    title(
        &format!("A build that prints {LINES} lines: ms from delivery to status (n = {rounds})"),
        "÷ alone",
    );
    row("nobody watches", &alone.took, &alone.took);
    row(&format!("{VIEWERS} open monitors"), &seen.took, &alone.took);
    let costs = |cost: &Cost| (cost.processor.median(), cost.memory.median());
    let ((busy, memory), (more, most)) = (costs(&alone), costs(&seen));
    line(&format!(
        "  Server: {busy:.2} s of processor and {memory:.0} MB at most alone, {more:.2} s and {most:.0} MB watched"
    ));
    line(&format!(
        "  Each viewer: {:.0} updates, {:.0} KB; all saw the end",
        updates.median(),
        bytes.median()
    ));
    Ok(())
}

/// Measures one build, from its delivery to its success.
async fn build(workshop: &Workshop, bare: &Bare, push: &Unpushed, cost: &mut Cost) -> Result<()> {
    let (pid, before) = (workshop.pid()?, workshop.github.last_status_id());
    usage::forget_peak(pid)?;
    let processor = usage::processor_seconds(pid)?;
    let delivered = workshop.deliver(push).await?;
    let end = workshop.successes(1, before).await?;
    workshop.settle(bare).await?;
    cost.took.add((end - delivered.at).as_secs_f64() * 1000.0);
    cost.processor.add(usage::processor_seconds(pid)? - processor);
    cost.memory.add(usage::peak_memory(pid)?);
    Ok(())
}

/// Opens the monitors. Each counts as open when it shows something, and stays until it shows the commit's end.
async fn come(workshop: &Workshop, sha: &str) -> Result<JoinSet<Result<Watched>>> {
    let url = format!("{}/buildio", workshop.server.url().replacen("http", "ws", 1));
    let open = |_| async {
        let (mut socket, _) = connect_async(&url).await.context("open a monitor")?;
        next(&mut socket).await?;
        anyhow::Ok(socket)
    };
    let sockets = stream::iter(0..VIEWERS).map(open).buffer_unordered(COMING);
    let sockets: Vec<Socket> = sockets.try_collect().await?;
    Ok(sockets.into_iter().map(|socket| watch(socket, sha.to_owned())).collect())
}

async fn watch(mut socket: Socket, sha: String) -> Result<Watched> {
    let mut watched = Watched { updates: 0, bytes: 0 };
    loop {
        let frame = next(&mut socket).await?;
        let is_update = frame.starts_with(r#"{"event":"update""#);
        watched.bytes += frame.len();
        watched.updates += usize::from(is_update);
        let has_ended = frame.starts_with(r#"{"event":"history""#)
            || (is_update && frame.contains(r#""status":"success""#));
        if has_ended && frame.contains(&sha) {
            return Ok(watched);
        }
    }
}

/// The text of the next frame.
async fn next(socket: &mut Socket) -> Result<String> {
    loop {
        let message = tokio::time::timeout(LIMIT, socket.next()).await.context("a monitor stands still")?;
        let message = message.context("a monitor ended")?.context("a monitor broke off")?;
        if let Message::Text(text) = message {
            return Ok(text.as_str().to_owned());
        }
    }
}
