//! The bells: who waits for news registers first, then looks, so that nothing is missed.
//!
//! A bell carries no data: what is true stands in the store. Ringing for nobody costs nothing, ringing twice is
//! heard once, and a missed ring (after a crash) is made good by looking every few seconds.

use kozmic_model::ids::{JobId, ProjectId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;

/// Subject of a bell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A delivery was stored.
    Deliveries,
    /// A job was enqueued, or one that waited was canceled.
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
    /// A project was deleted, or a job ended that may have been the last of one.
    Graves,
}

/// The broker of an installation of one process: bells in memory.
#[derive(Clone, Default)]
pub struct Broker {
    bells: Arc<Mutex<HashMap<Topic, watch::Sender<()>>>>,
}

impl Broker {
    /// Wakes all who wait for the topic.
    pub fn ring(&self, topic: Topic) {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(&topic) {
            // Without listeners sending fails: the bell is taken down.
            if bell.send(()).is_err() {
                bells.remove(&topic);
            }
        }
    }

    /// Registers for the topic: every ring from now on is heard.
    pub fn bell(&self, topic: Topic) -> Bell {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        Bell(bells.entry(topic).or_insert_with(|| watch::channel(()).0).subscribe())
    }
}

/// A registration at the broker.
pub struct Bell(watch::Receiver<()>);

impl Bell {
    /// Waits until the bell rang since the last time that this was asked.
    pub async fn rung(&mut self) {
        if self.0.changed().await.is_err() {
            // The bell was taken down while we listened: nothing will come.
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
