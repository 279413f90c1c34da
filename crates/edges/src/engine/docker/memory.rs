//! The engine's memory of containers. It keeps its last events in memory, and forgets them when it restarts. So the
//! memory shows if the engine that answers is the same process that saw an event.

use super::{ContainerId, DockerEngine, EngineError};
use crate::engine::{Memory, Moment};
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use std::{pin::pin, time::Duration};
use tokio::time::Instant;

/// The number of events that an engine keeps (seen with Docker 20.10; some versions keep fewer).
const KEPT: usize = 256;

/// The silence after which no more events come: an engine sends all remembered events at once. An event that has just
/// happened may arrive a moment late.
const QUIET: Duration = Duration::from_secs(1);

/// The longest time for which the events of a busy engine are read.
const LONGEST: Duration = Duration::from_secs(5);

impl DockerEngine {
    /// Asks over a new connection: an engine that is stopping accepts no new ones, but still answers on old ones.
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
