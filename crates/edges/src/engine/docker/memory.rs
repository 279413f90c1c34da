//! The memory that the engine has of containers: it keeps its last events in memory, and forgets all of them when it is
//! started anew. So it tells whether the engine that answers is the one that saw something happen.

use super::{ContainerId, DockerEngine, EngineError};
use crate::engine::{Memory, Moment};
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use std::{pin::pin, time::Duration};
use tokio::time::Instant;

/// Number of events that an engine keeps (seen with Docker 20.10; some versions keep fewer).
const KEPT: usize = 256;

/// Silence after which nothing more comes: an engine tells all that it remembers at once. An event that has just
/// happened may come a moment late.
const QUIET: Duration = Duration::from_secs(1);

/// The time for which a busy engine is listened to.
const LONGEST: Duration = Duration::from_secs(5);

impl DockerEngine {
    /// Asks over a connection of its own: an engine that stops takes no new ones, and answers on those that it has.
    pub(super) async fn recall(
        &self,
        container: &ContainerId,
        moment: Moment,
    ) -> Result<Memory, EngineError> {
        let options = EventsOptionsBuilder::default().since("0").build();
        let docker = self.anew()?;
        docker.ping().await.map_err(|fault| self.fault(fault))?;
        let end = Instant::now() + LONGEST;
        let mut events = pin!(docker.events(Some(options)));
        let mut count = 0;
        while let Ok(event) = tokio::time::timeout_at(end.min(Instant::now() + QUIET), events.next()).await {
            let event = event.ok_or_else(|| self.gone())?.map_err(|fault| self.fault(fault))?;
            let is_of_it = event.actor.and_then(|actor| actor.id).as_ref() == Some(&container.0);
            if is_of_it && event.action.as_deref() == Some(action(moment)) {
                return Ok(Memory::Seen);
            }
            count += 1;
        }
        Ok(if count < KEPT { Memory::NotSeen } else { Memory::Unknown })
    }

    fn gone(&self) -> EngineError {
        let cause = "it closed the connection while it told its events".to_owned();
        EngineError::Unreachable { engine: self.settings.url.clone(), cause }
    }
}

fn action(moment: Moment) -> &'static str {
    match moment {
        Moment::Start => "start",
        Moment::End => "die",
    }
}
