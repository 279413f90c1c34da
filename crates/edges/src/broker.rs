//! The bells: wake-ups for tasks that wait for news. A task registers first and looks after that, so it misses nothing.
//!
//! A bell carries no data: the state is in the store. A ring without listeners costs nothing, and two rings are heard
//! as one. After a crash, a missed ring does not matter, because each task also looks every few seconds.

use kozmic_model::ids::{JobId, ProjectId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;

/// The subject of a bell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A delivery was stored.
    Deliveries,
    /// A job was enqueued, or a waiting job was canceled.
    Jobs,
    /// A message to the forge waits to be sent.
    Outbox,
    /// A job's log grew.
    Log(JobId),
    /// A job's state changed, or somebody asked to cancel it.
    Job(JobId),
    /// Something that a project's pages show has changed.
    Project(ProjectId),
    /// Something that the list of projects shows has changed.
    Projects,
    /// Something that the monitor shows has changed: a job of the Auto Builder, or its log.
    Monitor,
    /// A project was deleted, or a job of a deleted project ended that may have been its last one.
    DeletedProjects,
    /// Images on runners' engines may be surplus, because somebody dropped one or deleted a project.
    Images,
}

/// The broker of an installation of one process: bells in memory.
#[derive(Clone, Default)]
pub struct Broker {
    bells: Arc<Mutex<HashMap<Topic, watch::Sender<()>>>>,
}

impl Broker {
    /// Wakes all tasks that wait for the topic.
    pub fn ring(&self, topic: Topic) {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(&topic) {
            // Without listeners, sending fails, and the bell is removed.
            if bell.send(()).is_err() {
                bells.remove(&topic);
            }
        }
    }

    /// Registers for the topic: the bell hears every ring from now on.
    pub fn bell(&self, topic: Topic) -> Bell {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        Bell(bells.entry(topic).or_insert_with(|| watch::channel(()).0).subscribe())
    }
}

/// A registration at the broker.
pub struct Bell(watch::Receiver<()>);

impl Bell {
    /// Waits until the bell has rung since the last call.
    pub async fn rung(&mut self) {
        if self.0.changed().await.is_err() {
            // The bell was removed while this task listened: no ring will come.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_between_registering_and_waiting_is_heard() {
        let broker = Broker::default();
        let mut bell = broker.bell(Topic::Jobs);
        broker.ring(Topic::Jobs);
        broker.ring(Topic::Jobs);
        bell.rung().await;
    }

    #[tokio::test]
    async fn a_bell_without_listeners_is_taken_down_and_hung_up_again() {
        let broker = Broker::default();
        drop(broker.bell(Topic::Outbox));
        broker.ring(Topic::Outbox);
        assert!(broker.bells.lock().unwrap().is_empty());
        let mut bell = broker.bell(Topic::Outbox);
        broker.ring(Topic::Outbox);
        bell.rung().await;
    }
}
