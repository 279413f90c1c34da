//! The connections through which logs arrive: one for each attempt. A newer one ends the older one.

use super::Server;
use anyhow::Result;
use kozmic_edges::logs::Position;
use kozmic_model::job::Attempt;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

/// All open connections of logs.
#[derive(Default)]
pub(super) struct OpenLogs(Mutex<HashMap<Attempt, Open>>);

struct Open {
    /// Held by the connection that writes.
    writing: Arc<AsyncMutex<()>>,
    /// The newest connection's end.
    newest: CancellationToken,
    /// The number of connections.
    count: usize,
    /// The log's end, as far as a connection has told it.
    end: Option<Position>,
}

/// A connection's right to write a log.
pub(super) struct Turn<'a> {
    logs: &'a OpenLogs,
    attempt: Attempt,
    /// Canceled when a newer connection is there.
    pub(super) replaced: CancellationToken,
    writing: Option<OwnedMutexGuard<()>>,
}

impl OpenLogs {
    /// Ends the older connection of a log, and waits until it is over.
    pub(super) async fn take(&self, attempt: Attempt) -> Turn<'_> {
        let (replaced, writing) = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let open = all.entry(attempt).or_insert_with(Open::new);
            open.newest.cancel();
            open.newest = CancellationToken::new();
            open.count += 1;
            (open.newest.clone(), Arc::clone(&open.writing))
        };
        let mut turn = Turn { logs: self, attempt, replaced, writing: None };
        tokio::select! {
            writing = writing.lock_owned() => turn.writing = Some(writing),
            () = turn.replaced.cancelled() => {}
        }
        turn
    }

    /// The end of a log that is open.
    fn end(&self, attempt: Attempt) -> Option<Position> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&attempt)?.end
    }
}

impl Open {
    fn new() -> Self {
        Self { writing: Arc::default(), newest: CancellationToken::new(), count: 0, end: None }
    }
}

impl Turn<'_> {
    /// Notes the log's end.
    pub(super) fn note(&self, end: Position) {
        let mut all = self.logs.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = all.get_mut(&self.attempt).filter(|_| self.writing.is_some()) {
            open.end = Some(end);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut all = self.logs.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = all.get_mut(&self.attempt) {
            open.count -= 1;
            if open.count == 0 {
                all.remove(&self.attempt);
            }
        }
    }
}

impl Server {
    /// The end of an attempt's log, as the server has it.
    pub(super) async fn log_end(&self, attempt: Attempt) -> Result<Position> {
        match self.logs.end(attempt) {
            Some(end) => Ok(end),
            None => self.registry.logs().end(attempt).await,
        }
    }
}
