//! Logs on their way to the server, each over a connection of its own.
//!
//! The log's file on this machine is written first. From there it is sent, as fast as the server takes it. So a
//! connection that breaks loses nothing, and the attempt waits for no network.

mod send;

use super::{Shared, pauses::Pauses};
use anyhow::{Result, bail};
use kozmic_edges::logs::Position;
use kozmic_model::job::Attempt;
use send::Parted;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// The logs of all attempts of this runner.
#[derive(Default)]
pub(super) struct Uplinks(Mutex<HashMap<Attempt, Arc<Uplink>>>);

/// One log.
pub(super) struct Uplink {
    attempt: Attempt,
    /// The file grew.
    grew: Notify,
    /// The server may have less than it said.
    again: Notify,
    sent: watch::Sender<Sent>,
    stop: CancellationToken,
}

/// The part of a log that the server has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sent {
    /// Nothing is known yet.
    Unknown,
    /// The server has everything up to here.
    Have(Position),
    /// The server takes no more of it.
    Refused,
}

impl Uplinks {
    /// Notes that an attempt's log grew.
    pub(super) fn grew(&self, attempt: Attempt) {
        if let Some(uplink) = self.of(attempt) {
            uplink.grew.notify_one();
        }
    }

    /// Asks the server again for the part of a log that it has.
    pub(super) fn begin_again(&self, attempt: Attempt) {
        if let Some(uplink) = self.of(attempt) {
            uplink.sent.send_replace(Sent::Unknown);
            uplink.again.notify_one();
        }
    }

    /// Ends the connection of a log.
    pub(super) fn end(&self, attempt: Attempt) {
        let uplink = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt);
        if let Some(uplink) = uplink {
            uplink.stop.cancel();
        }
    }

    fn of(&self, attempt: Attempt) -> Option<Arc<Uplink>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&attempt).cloned()
    }

    /// The log of an attempt; true if it was not there before.
    fn add(&self, attempt: Attempt, stop: &CancellationToken) -> (Arc<Uplink>, bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.len();
        let uplink = all.entry(attempt).or_insert_with(|| Arc::new(Uplink::new(attempt, stop.child_token())));
        (Arc::clone(uplink), all.len() > count)
    }
}

impl Uplink {
    fn new(attempt: Attempt, stop: CancellationToken) -> Self {
        let sent = watch::Sender::new(Sent::Unknown);
        Self { attempt, grew: Notify::new(), again: Notify::new(), sent, stop }
    }

    /// Sends the log until the attempt has ended.
    async fn run(self: Arc<Self>, shared: Arc<Shared>, mut is_taken_up: bool) {
        let mut pauses = Pauses::new();
        loop {
            let before = self.sent.borrow().clone();
            let parted = tokio::select! {
                parted = Box::pin(self.send(&shared, &mut is_taken_up)) => parted,
                () = self.stop.cancelled() => return,
            };
            let job = self.attempt.job.0;
            let wait = async {
                match parted {
                    Parted::Again => pauses = Pauses::new(),
                    Parted::Lost(fault) => {
                        tracing::debug!(
                            job.id = job,
                            error = format!("{fault:#}"),
                            "a log's connection broke"
                        );
                        // Without progress the pauses grow: the server hangs up at once while its disk is full.
                        if *self.sent.borrow() != before {
                            pauses = Pauses::new();
                        }
                        pauses.next().await;
                    }
                    // Another process of this runner sends this log now, unless this one writes it, too.
                    Parted::Replaced => self.grew.notified().await,
                    Parted::Refused(words) => {
                        tracing::warn!(job.id = job, words, "the server takes no more of a log");
                        self.sent.send_replace(Sent::Refused);
                        self.again.notified().await;
                    }
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Waits until the part that the server has is as wanted.
    async fn until(&self, mut is_so: impl FnMut(&Sent) -> bool) -> Result<Sent> {
        let mut sent = self.sent.subscribe();
        tokio::select! {
            sent = sent.wait_for(|sent| is_so(sent)) => Ok(sent?.clone()),
            () = self.stop.cancelled() => bail!("the log is no longer sent"),
        }
    }
}

impl Shared {
    /// Begins to send the log of a new attempt.
    pub(super) fn begin_log(self: &Arc<Self>, attempt: Attempt) {
        drop(self.add_log(attempt, false));
    }

    /// Begins to send the log of an attempt that an earlier process had. If its file is shorter than the server's, the
    /// rest is fetched first. After this, the file may be written.
    pub(super) async fn take_up_log(self: &Arc<Self>, attempt: Attempt) -> Result<()> {
        let uplink = self.add_log(attempt, true);
        uplink.until(|sent| *sent != Sent::Unknown).await.map(drop)
    }

    /// Waits until the server has the whole log of an attempt. Returns its end; none if the server does not take it.
    pub(super) async fn whole_log(&self, attempt: Attempt) -> Result<Option<Position>> {
        let end = self.logs.end(attempt).await?;
        let Some(uplink) = self.uplinks.of(attempt) else { return Ok(Some(end)) };
        uplink.grew.notify_one();
        let is_over = |sent: &Sent| match sent {
            Sent::Unknown => false,
            Sent::Have(position) => *position >= end,
            Sent::Refused => true,
        };
        match uplink.until(is_over).await? {
            Sent::Refused => Ok(None),
            Sent::Unknown | Sent::Have(_) => Ok(Some(end)),
        }
    }

    fn add_log(self: &Arc<Self>, attempt: Attempt, is_taken_up: bool) -> Arc<Uplink> {
        let (uplink, is_new) = self.uplinks.add(attempt, &self.stop);
        if is_new {
            self.tasks.spawn(Arc::clone(&uplink).run(Arc::clone(self), is_taken_up));
        }
        uplink
    }
}
