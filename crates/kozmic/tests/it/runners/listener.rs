//! A listener outside of Kozmic: scripts report their starts to it, and wait for its word before each part.

use crate::world::{LIMIT, World};
use anyhow::{Context, Result};
use kozmic_testkit::person::Page;
use std::{net::Ipv4Addr, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

/// Number of parts of a script.
const PARTS: usize = 4;

/// Number of lines that each part prints.
const LINES: usize = 1000;

/// One start of a script, as the script reported it.
#[derive(Clone, Debug)]
pub struct Start {
    /// The script's name.
    pub name: String,
    pub job: u64,
    pub attempt: i32,
    /// True if the script has ended.
    pub has_ended: bool,
    asked: usize,
    allowed: usize,
}

impl Start {
    /// True if the script waits for a word.
    pub fn waits(&self) -> bool {
        !self.has_ended && self.asked > self.allowed
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let name = words.next()?.to_owned();
        let (job, attempt) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { name, job, attempt, has_ended: false, asked: 0, allowed: 0 })
    }
}

#[derive(Default)]
struct State {
    starts: Vec<Start>,
    /// True if all scripts go on without waiting.
    is_open: bool,
}

/// A listener. Scripts that ask it end with an error when it is dropped.
pub struct Listener {
    port: u16,
    state: watch::Sender<State>,
    _accepting: AbortOnDropHandle<()>,
}

impl Listener {
    /// Listens to containers of this machine's engine.
    pub async fn new() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.context("listen to scripts")?;
        let (port, state) = (listener.local_addr()?.port(), watch::Sender::default());
        let accepting = tokio::spawn(accept(listener, state.clone()));
        Ok(Self { port, state, _accepting: AbortOnDropHandle::new(accepting) })
    }

    /// A script that reports its start, and asks before each of its parts. It prints the numbers from 1 to 4000.
    pub fn script(&self, name: &str) -> String {
        let port = self.port;
        let gateway = "hex=$(awk '$2 == \"00000000\" {print $3}' /proc/net/route); \
            host=$((16#${hex:6:2})).$((16#${hex:4:2})).$((16#${hex:2:2})).$((16#${hex:0:2}))";
        format!(
            "{gateway}; exec 3<>/dev/tcp/$host/{port} || exit 8; \
             echo \"{name} $KOZMIC_JOB_ID $KOZMIC_ATTEMPT\" >&3; echo start $KOZMIC_ATTEMPT; \
             for part in $(seq 0 {last}); do echo >&3; read -r _ <&3 || exit 9; \
             seq $((part * {LINES} + 1)) $(((part + 1) * {LINES})); done; echo end",
            last = PARTS - 1
        )
    }

    /// All starts so far, in their order.
    pub fn starts(&self) -> Vec<Start> {
        self.state.borrow().starts.clone()
    }

    /// The numbers of the attempts that began the script of this name.
    pub fn attempts_of(&self, name: &str) -> Vec<i32> {
        self.starts().iter().filter(|start| start.name == name).map(|start| start.attempt).collect()
    }

    /// Waits until this holds for the starts so far.
    pub async fn wait(&self, what: &str, is_it: impl Fn(&[Start]) -> bool) -> Result<()> {
        let mut changes = self.state.subscribe();
        let waited = timeout(LIMIT, changes.wait_for(|state| is_it(&state.starts))).await;
        waited.with_context(|| format!("not seen: {what}: {:?}", self.starts()))??;
        Ok(())
    }

    /// Waits for the next event, but not longer than this.
    pub async fn next_event(&self, limit: Duration) {
        timeout(limit, self.state.subscribe().changed()).await.ok();
    }

    /// Lets a script print its next part, and waits until it asks again or ends.
    pub async fn go_on(&self, at: usize) -> Result<()> {
        self.state.send_modify(|state| state.starts[at].allowed += 1);
        self.wait("the script goes on", |starts| starts[at].waits() || starts[at].has_ended).await
    }

    /// Lets the script of this name print all parts.
    pub async fn finish(&self, name: &str) -> Result<()> {
        let at = self.starts().iter().position(|start| start.name == name).context("it has started")?;
        for _ in 0..PARTS {
            self.go_on(at).await?;
        }
        Ok(())
    }

    /// Lets all scripts go on from now on, without a wait.
    pub fn open(&self) {
        self.state.send_modify(|state| state.is_open = true);
    }
}

async fn accept(listener: TcpListener, state: watch::Sender<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            if let Err(fault) = hear(stream, &state).await {
                eprintln!("a script is not heard any more: {fault:#}");
            }
        });
    }
}

async fn hear(stream: TcpStream, state: &watch::Sender<State>) -> Result<()> {
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    let start = lines.next_line().await?.as_deref().and_then(Start::read).context("a report of a start")?;
    let at = state.borrow().starts.len();
    state.send_modify(|state| state.starts.push(start));
    while let Ok(Some(_)) = lines.next_line().await {
        state.send_modify(|state| state.starts[at].asked += 1);
        let mut changes = state.subscribe();
        let may_go_on = |state: &State| state.is_open || state.starts[at].allowed >= state.starts[at].asked;
        tokio::select! {
            _ = changes.wait_for(may_go_on) => {}
            // A script that waits says nothing: it was stopped.
            _ = lines.next_line() => break,
        }
        state.send_modify(|state| state.starts[at].allowed = state.starts[at].asked);
        if to.write_all(b"go\n").await.is_err() {
            break;
        }
    }
    state.send_modify(|state| state.starts[at].has_ended = true);
    Ok(())
}

/// The log of one attempt.
pub async fn log_of(world: &World, job: u64, attempt: i32) -> Result<String> {
    let path = format!("/projects/{}/jobs/{job}/log/?attempt={attempt}", world.project);
    let page: Page = world.anna.get(&path).await?;
    page.ensure_ok()?;
    Ok(page.body)
}

/// Checks that the numbered lines of a log that may lack its end are there once each. The last line may be a part.
pub fn has_no_gap(log: &str) -> Result<()> {
    let (log, _) = log.rsplit_once('\n').unwrap_or_default();
    let numbers = log.lines().filter_map(|line| line.parse::<u32>().ok()).collect::<Vec<_>>();
    let is_whole = numbers.iter().copied().eq(1..=u32::try_from(numbers.len())?);
    anyhow::ensure!(
        is_whole && log.matches("start ").count() <= 1,
        "lines are missing or there twice: {log}"
    );
    Ok(())
}
