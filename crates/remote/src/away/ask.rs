//! Calls that are repeated when their answers are lost.

use super::{Shared, link::LinkFault, pauses::Pauses};
use crate::protocol::call::{About, Answer, Call, Step};
use anyhow::{Error, Result, anyhow};
use kozmic_model::job::Attempt;
use kozmic_runner::coordinator::Stopped;

impl Shared {
    /// Makes a call about an attempt, until there is an answer or the attempt must stop.
    pub(super) async fn ask(&self, of: Attempt, step: Step) -> Result<Answer> {
        self.repeat(of, Call::Attempt { of: of.into(), step }).await
    }

    /// Makes a call about images for an attempt, until there is an answer or the attempt must stop.
    pub(super) async fn ask_of_image(&self, of: Attempt, about: About) -> Result<Answer> {
        self.repeat(of, Call::Image { of: of.into(), about }).await
    }

    /// Makes a call once.
    pub(super) async fn ask_once(&self, call: Call) -> Result<Answer> {
        self.link.call(&call).await.map_err(in_words)
    }

    /// Makes a call that belongs to no attempt, until there is an answer or the server is away for too long.
    pub(super) async fn ask_for_a_while(&self, call: Call) -> Result<Answer> {
        let mut pauses = Pauses::new();
        loop {
            let fault = match self.link.call(&call).await {
                Err(LinkFault::Lost(fault)) => fault,
                answered => return answered.map_err(in_words),
            };
            tokio::select! {
                () = pauses.next() => {}
                _ = self.contact.lost() => return Err(fault),
                () = self.stop.cancelled() => return Err(fault),
            }
        }
    }

    async fn repeat(&self, of: Attempt, call: Call) -> Result<Answer> {
        let mut pauses = Pauses::new();
        loop {
            let fault = match self.link.call(&call).await {
                Err(LinkFault::Lost(fault)) => fault,
                answered => return answered.map_err(in_words),
            };
            tracing::debug!(job.id = of.job.0, error = format!("{fault:#}"), "a call is repeated");
            tokio::select! {
                () = pauses.next() => {}
                outcome = self.stopped(of) => return Err(Stopped(outcome).into()),
                () = self.stop.cancelled() => return Err(fault),
            }
        }
    }
}

/// The fault as the runner gets it: the sentence of the server's coordinator alone, as if it were in this process.
pub(super) fn in_words(fault: LinkFault) -> Error {
    match fault {
        LinkFault::Refused { words, .. } => anyhow!(words),
        lost @ LinkFault::Lost(_) => lost.into(),
    }
}
