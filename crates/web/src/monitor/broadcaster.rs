//! Looks once for all live viewers: a thousand open monitors cost the store as much as one. The broadcaster's task runs
//! from the first viewer to the last. It waits for a bell, waits a little for more changes, looks, and sends the
//! differences.

use super::{
    look,
    tails::Tails,
    view::{Difference, HISTORY, View},
};
use crate::app::{App, Shared};
use anyhow::Result;
use futures_util::FutureExt;
use kozmic_edges::{
    broker::{Bell, Topic},
    store::HistoryMark,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::broadcast, time::sleep};

/// Time after a bell in which changes are collected and sent together.
const GATHER: Duration = Duration::from_millis(250);

/// Interval at which the broadcaster looks even if no bell rings.
const LOOK: Duration = Duration::from_secs(30);

/// Pause if the database or the disk has trouble.
const TROUBLE: Duration = Duration::from_secs(5);

/// The most differences that wait for a slow viewer. If it is further behind, it gets everything again.
const WAITING: usize = 64;

/// Number of the newest builds that are searched for a viewer who may not see everything.
const REACH: u64 = 4 * HISTORY as u64;

/// The broadcaster, which viewers join.
#[derive(Clone, Default)]
pub(crate) struct Broadcaster(Arc<Mutex<Option<Feed>>>);

/// The data that the task and the viewers share.
struct Feed {
    /// The last view; none until the first look is over.
    view: Option<Arc<View>>,
    differences: broadcast::Sender<Told>,
}

/// One difference, together with the whole new view.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) difference: Difference,
    pub(crate) view: Arc<View>,
}

/// A viewer's connection to the broadcaster: the present view if there was a first look, and the differences to come.
pub(crate) struct Seat {
    pub(crate) view: Option<Arc<View>>,
    pub(crate) differences: broadcast::Receiver<Told>,
}

impl Broadcaster {
    /// Adds a viewer. The first viewer starts the broadcaster's task.
    pub(crate) fn join(&self, app: &Shared) -> Seat {
        let mut feed = self.feed();
        if let Some(Feed { view, differences }) = feed.as_ref() {
            return Seat { view: view.clone(), differences: differences.subscribe() };
        }
        let (sender, differences) = broadcast::channel(WAITING);
        *feed = Some(Feed { view: None, differences: sender.clone() });
        tokio::spawn(watch(Task { broadcaster: self.clone(), differences: sender }, Arc::clone(app)));
        Seat { view: None, differences }
    }

    /// Ends the shared data if there are no viewers; true if so.
    fn leave(&self) -> bool {
        let mut feed = self.feed();
        let is_empty = feed.as_ref().is_none_or(|feed| feed.differences.receiver_count() == 0);
        if is_empty {
            *feed = None;
        }
        is_empty
    }

    /// Sends the differences. A viewer that joins meanwhile either receives them or finds them in the view.
    fn tell(&self, view: &Arc<View>, all: Vec<Difference>) {
        let mut feed = self.feed();
        let Some(feed) = feed.as_mut() else { return };
        feed.view = Some(Arc::clone(view));
        for difference in all {
            // It fails only if there are no viewers.
            let _ = feed.differences.send(Told { difference, view: Arc::clone(view) });
        }
    }

    fn feed(&self) -> MutexGuard<'_, Option<Feed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The broadcaster's task. However it ends, it removes the shared data: viewers notice that and join again.
struct Task {
    broadcaster: Broadcaster,
    differences: broadcast::Sender<Told>,
}

impl Drop for Task {
    fn drop(&mut self) {
        let mut feed = self.broadcaster.feed();
        // After the last viewer left, the next one may already have a new task.
        if feed.as_ref().is_some_and(|feed| feed.differences.same_channel(&self.differences)) {
            *feed = None;
        }
    }
}

/// Looks and sends differences until there are no more viewers.
async fn watch(task: Task, app: Shared) {
    // The bells listen before the first look, so every later change rings.
    let mut bells = Bells {
        jobs: app.edges.broker.bell(Topic::Monitor),
        projects: app.edges.broker.bell(Topic::Projects),
    };
    let mut looker = Looker::default();
    loop {
        match looker.look(&app).await {
            Ok((view, differences)) => {
                task.broadcaster.tell(&view, differences);
                sleep(GATHER).await;
                tokio::select! {
                    is_history_certain = bells.rung() => looker.is_history_certain &= is_history_certain,
                    () = task.differences.closed() => {}
                }
            }
            Err(fault) => {
                tracing::error!("the monitor cannot look: {fault:#}");
                sleep(TROUBLE).await;
            }
        }
        if task.differences.receiver_count() == 0 && task.broadcaster.leave() {
            return;
        }
    }
}

/// The bells that wake the broadcaster.
struct Bells {
    jobs: Bell,
    projects: Bell,
}

impl Bells {
    /// Waits until there may be something new. False if the ended jobs may have changed, too: a project may have been
    /// deleted, or its repository made private.
    async fn rung(&mut self) -> bool {
        let is_certain = tokio::select! {
            () = self.jobs.rung() => true,
            () = self.projects.rung() => false,
            () = sleep(LOOK) => false,
        };
        // Both bells ring when a job ends: that is one reason to look.
        let _ = self.jobs.rung().now_or_never();
        is_certain && self.projects.rung().now_or_never().is_none()
    }
}

/// The facts that the task keeps from one look to the next.
#[derive(Default)]
struct Looker {
    /// The last view; none before the first look.
    view: Option<Arc<View>>,
    newest: Option<HistoryMark>,
    /// True if nothing but a newly ended job can have changed the ended jobs.
    is_history_certain: bool,
    tails: Tails,
}

impl Looker {
    /// The present view, and its differences from the last one.
    async fn look(&mut self, app: &App) -> Result<(Arc<View>, Vec<Difference>)> {
        let before = self.view.clone().unwrap_or_default();
        let running = look::running(app, &mut self.tails).await?;
        let newest =
            app.edges.store.builds().monitored_history(None, 1).await?.first().and_then(look::mark_of);
        let is_same = self.is_history_certain && newest == self.newest;
        let is_stale = !is_same || View::lacks_any_of(&running, &before);
        let ended = match is_stale {
            true => Some(look::ended(app, &mut self.tails, reach(app)).await?),
            false => None,
        };
        let view = Arc::new(before.with(running, ended));
        let differences = match self.view {
            Some(_) => view.differences_from(&before),
            None => vec![Difference::Status, Difference::History],
        };
        self.tails.keep(&view.attempts());
        (self.view, self.newest, self.is_history_certain) = (Some(Arc::clone(&view)), newest, true);
        Ok((view, differences))
    }
}

fn reach(app: &App) -> u64 {
    let is_public = app.face.auto_builder.as_ref().is_some_and(|face| face.monitor_is_public);
    if is_public { HISTORY as u64 } else { REACH }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(broadcaster: &Broadcaster) -> Seat {
        let (sender, differences) = broadcast::channel(2);
        *broadcaster.feed() = Some(Feed { view: None, differences: sender });
        Seat { view: None, differences }
    }

    fn task(broadcaster: &Broadcaster) -> Task {
        Task {
            broadcaster: broadcaster.clone(),
            differences: broadcaster.feed().as_ref().unwrap().differences.clone(),
        }
    }

    #[tokio::test]
    async fn what_is_told_is_heard_and_found_by_who_comes_later() {
        let broadcaster = Broadcaster::default();
        let mut seat = feed(&broadcaster);
        let view = Arc::new(View::default());
        broadcaster.tell(&view, vec![Difference::Status, Difference::History]);
        assert!(matches!(seat.differences.recv().await.unwrap().difference, Difference::Status));
        assert!(matches!(seat.differences.recv().await.unwrap().difference, Difference::History));
        assert!(Arc::ptr_eq(broadcaster.feed().as_ref().unwrap().view.as_ref().unwrap(), &view));
    }

    #[tokio::test]
    async fn a_viewer_that_lags_behind_is_told_so_and_holds_up_nobody() {
        let broadcaster = Broadcaster::default();
        let mut seat = feed(&broadcaster);
        broadcaster.tell(&Arc::default(), vec![Difference::Status, Difference::Status, Difference::Status]);
        assert!(matches!(seat.differences.recv().await, Err(broadcast::error::RecvError::Lagged(1))));
    }

    #[test]
    fn the_feed_is_taken_away_only_from_nobody() {
        let broadcaster = Broadcaster::default();
        let seat = feed(&broadcaster);
        assert!(!broadcaster.leave());
        drop(seat);
        assert!(broadcaster.leave() && broadcaster.feed().is_none());
    }

    #[tokio::test]
    async fn when_the_task_ends_viewers_notice() {
        let broadcaster = Broadcaster::default();
        let mut seat = feed(&broadcaster);
        drop(task(&broadcaster));
        assert!(matches!(seat.differences.recv().await, Err(broadcast::error::RecvError::Closed)));
    }

    #[test]
    fn a_task_that_ends_leaves_the_next_ones_feed_alone() {
        let broadcaster = Broadcaster::default();
        drop(feed(&broadcaster));
        let task = task(&broadcaster);
        assert!(broadcaster.leave());
        let _seat = feed(&broadcaster);
        drop(task);
        assert!(broadcaster.feed().is_some());
    }

    #[tokio::test]
    async fn one_ring_of_both_bells_is_one_reason_to_look() {
        let broker = kozmic_edges::broker::Broker::default();
        let mut bells = Bells { jobs: broker.bell(Topic::Monitor), projects: broker.bell(Topic::Projects) };
        for (topics, is_certain) in [
            (&[Topic::Monitor][..], true),
            (&[Topic::Projects], false),
            (&[Topic::Monitor, Topic::Projects], false),
        ] {
            topics.iter().for_each(|topic| broker.ring(*topic));
            assert_eq!(bells.rung().await, is_certain, "{topics:?}");
            assert!(bells.rung().now_or_never().is_none(), "{topics:?}");
        }
    }
}
