//! Sends a job's log over a WebSocket, from any byte on: first the bytes that exist, then further ones as they come,
//! and at the end the job's last state.

use super::{
    Broken, close, frames, listen, origin::OurSocket, send, socket::Socket, stay, text, tick, ticks,
};
use crate::{
    address::{Ask, At},
    app::Shared,
    attempts,
    auth::Looker,
    error::WebError,
    log_text,
};
use axum::{extract::State, response::Response};
use kozmic_edges::{broker::Topic, logs::LogReader, store};
use kozmic_model::{
    ids::{JobId, ProjectId},
    job::{Attempt, Job},
    status::Status,
};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// The most that one frame carries, in bytes of log.
const PIECE: usize = 256 * 1024;

/// Pause after a frame that follows closely on another one: the bytes that come meanwhile are sent as one frame. It is
/// too short for people to notice, and a script that prints byte by byte does not keep the server busy.
const BREATH: Duration = Duration::from_millis(10);

/// The longest time in which the database answers. The log stands still meanwhile.
const CHECK: Duration = Duration::from_secs(15);

/// Pause before the database is asked again that did not answer.
const AGAIN: Duration = Duration::from_secs(2);

/// The position of a viewer in the log, with the attempt.
#[derive(Deserialize)]
pub(crate) struct Have {
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    attempt: i32,
}

/// One viewer of one job's log.
struct Viewer {
    app: Shared,
    looker: Looker,
    socket: Socket,
    job: Job,
    attempt: Attempt,
    log: LogReader,
    offset: u64,
    told: Option<Status>,
    /// Time at which the last bytes were sent.
    sent: Option<Instant>,
    /// The time to ask the database again, if it was away at the last question: it may know of a change.
    again: Option<Instant>,
}

/// `GET /projects/<id>/jobs/<job>/log/live?offset=N`
pub(crate) async fn log(
    State(app): State<Shared>,
    looker: Looker,
    At((project, job)): At<(ProjectId, JobId)>,
    Ask(have): Ask<Have>,
    ours: OurSocket,
) -> Result<Response, WebError> {
    let project = looker.project(&app, project).await?;
    let job = app.edges.store.builds().job(project.id, job).await?.ok_or(WebError::NotFound)?;
    Ok(ours.gathering(PIECE).open(move |socket| async move {
        let mut viewer = Viewer::new(app, looker, socket, job, &have);
        let watched = viewer.watch().await;
        viewer.part(watched);
    }))
}

/// `GET /projects/<id>/jobs/<job>/log/live/<attempt>?offset=N`: the log of an attempt that ended, even if another
/// follows.
pub(crate) async fn log_of_attempt(
    State(app): State<Shared>,
    looker: Looker,
    At((project, job, attempt)): At<(ProjectId, JobId, i32)>,
    Ask(have): Ask<Have>,
    ours: OurSocket,
) -> Result<Response, WebError> {
    let project = looker.project(&app, project).await?;
    let job = attempts::find(&app, project.id, job, &attempts::Wanted { attempt: Some(attempt) }).await?;
    if !job.status.is_finished() {
        return Err(WebError::NotFound);
    }
    Ok(ours.gathering(PIECE).open(move |socket| async move {
        let mut viewer = Viewer::new(app, looker, socket, job, &have);
        let shown = viewer.show().await;
        viewer.part(shown);
    }))
}

impl Viewer {
    fn new(app: Shared, looker: Looker, socket: Socket, job: Job, have: &Have) -> Self {
        let attempt = job.shown_attempt();
        let log = app.edges.logs.reader(attempt);
        // A viewer's bytes of an earlier attempt are no part of this log.
        let is_same = have.attempt == 0 || have.attempt == attempt.number;
        let offset = if is_same { have.offset } else { 0 };
        Self { app, looker, socket, job, attempt, log, offset, told: None, sent: None, again: None }
    }

    /// Shows the log of an attempt that ended.
    async fn show(&mut self) -> Result<(), Broken> {
        send(&mut self.socket, frames::hello(self.attempt.number)).await?;
        self.tell().await?;
        close(&mut self.socket).await;
        Ok(())
    }

    /// Logs an error if the connection broke off by the server's fault.
    fn part(&self, seen: Result<(), Broken>) {
        if let Err(Broken::Ours(fault)) = seen {
            tracing::error!(job.id = self.job.id.0, "a live log broke off: {fault:#}");
        }
    }

    /// Shows the log until the job has ended or the viewer is gone.
    async fn watch(&mut self) -> Result<(), Broken> {
        let broker = &self.app.edges.broker;
        let mut log_bell = broker.bell(Topic::Log(self.job.id));
        let mut job_bell = broker.bell(Topic::Job(self.job.id));
        let mut project_bell = broker.bell(Topic::Project(self.job.project));
        let mut ticks = ticks();
        // The bells listen already, so every change after this look rings.
        self.look().await?;
        send(&mut self.socket, frames::hello(self.attempt.number)).await?;
        loop {
            self.tell().await?;
            let again = self.again;
            if self.job.status.is_finished() {
                close(&mut self.socket).await;
                return Ok(());
            }
            tokio::select! {
                () = log_bell.rung() => {}
                () = job_bell.rung() => self.renew().await?,
                // It may concern this job, too: a new push cancels the jobs that it replaces.
                () = project_bell.rung() => self.stay().await?,
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => self.stay().await?,
                _ = ticks.tick() => {
                    self.stay().await?;
                    tick(&mut self.socket, frames::TICK).await?;
                }
                heard = listen(&mut self.socket) => heard?,
            }
        }
    }

    /// Sends the changes: the state if it changed, and the log's new bytes. The last state follows the last byte.
    async fn tell(&mut self) -> Result<(), Broken> {
        let status = self.job.status;
        if self.told.replace(status) != Some(status) && !status.is_finished() {
            send(&mut self.socket, frames::status(&self.job, None)).await?;
        }
        let has_sent = self.drain(status.is_finished()).await?;
        if status.is_finished() {
            let note = forgotten(&self.app, &self.job).await?;
            send(&mut self.socket, frames::status(&self.job, note.as_deref())).await?;
        } else if has_sent {
            let before = self.sent.replace(Instant::now());
            // The first two frames are sent at once: Kozmic's own line, and the script's first output.
            if before.is_some_and(|before| before.elapsed() < 2 * BREATH) {
                sleep(BREATH).await;
            }
        }
        Ok(())
    }

    /// Sends the log's bytes from the viewer's position to the end; true if there were any.
    async fn drain(&mut self, over: bool) -> Result<bool, Broken> {
        let start = self.offset;
        loop {
            let bytes = self.log.read(self.offset, PIECE).await?;
            let (data, used) = text::whole(&bytes, over && bytes.len() < PIECE);
            if used > 0 {
                let next = self.offset + used as u64;
                send(&mut self.socket, frames::log(self.offset, next, &data)).await?;
                self.offset = next;
            }
            if bytes.len() < PIECE {
                return Ok(self.offset > start);
            }
        }
    }

    /// Reads the job again. Another attempt begins another log.
    async fn renew(&mut self) -> Result<(), Broken> {
        match self.look().await? {
            true => send(&mut self.socket, frames::hello(self.attempt.number)).await,
            false => Ok(()),
        }
    }

    /// Reads the job's row; true if another attempt began. If the database is away, the log goes on as before.
    async fn look(&mut self) -> Result<bool, Broken> {
        match self.app.edges.store.builds().job(self.job.project, self.job.id).await {
            Ok(Some(job)) => self.job = job,
            Ok(None) => {}
            Err(fault) if store::is_away(&fault) => self.again = Some(Instant::now() + AGAIN),
            Err(fault) => return Err(fault.into()),
        }
        let attempt = self.job.shown_attempt();
        if self.attempt == attempt {
            return Ok(false);
        }
        self.attempt = attempt;
        self.log = self.app.edges.logs.reader(attempt);
        self.offset = 0;
        Ok(true)
    }

    /// Continues while the viewer may see the job, and reads the job again. If the database is away, the log goes on
    /// until it is back, unless the viewer's token ends.
    async fn stay(&mut self) -> Result<(), Broken> {
        let check = stay(&self.app, &self.looker, Some(self.job.project));
        let checked = timeout(CHECK, check).await;
        self.again = None;
        let broken = match checked {
            Ok(Ok(())) => return self.renew().await,
            _ if self.looker.has_ended() => Broken::Gone,
            // It froze. The next tick is early enough for another wait.
            Err(_) => return Ok(()),
            Ok(Err(broken)) if is_away(&broken) => {
                self.again = Some(Instant::now() + AGAIN);
                return Ok(());
            }
            Ok(Err(broken)) => broken,
        };
        close(&mut self.socket).await;
        Err(broken)
    }
}

/// True if the database did not answer.
fn is_away(broken: &Broken) -> bool {
    matches!(broken, Broken::Ours(fault) if store::is_away(fault))
}

/// The note for a log that is no longer kept.
async fn forgotten(app: &Shared, job: &Job) -> Result<Option<String>, Broken> {
    log_text::forgotten(app, job).await.map_err(|fault| match fault {
        WebError::Ours(fault) => Broken::Ours(fault),
        _ => Broken::Gone,
    })
}
