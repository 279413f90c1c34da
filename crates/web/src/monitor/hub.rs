//! One look for all who watch: a thousand open monitors cost the store as much as one. The hub's task lives from the
//! first viewer to the last; it waits for the bell, gathers a little, looks, and tells what is different.

use super::{
    look,
    tails::Tails,
    view::{HISTORY, News, View},
};
use crate::app::{App, Shared};
use anyhow::Result;
use kozmic_edges::{broker::Topic, store::HistoryMark};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::broadcast,
    time::{sleep, timeout},
};

/// What changes within this time after the bell is told together.
const GATHER: Duration = Duration::from_millis(250);

/// How often to look without being woken.
const LOOK: Duration = Duration::from_secs(30);

/// How long to wait when the database or the disk has trouble.
const TROUBLE: Duration = Duration::from_secs(5);

/// How much news waits for a slow viewer; who lags further behind is told all anew.
const WAITING: usize = 64;

/// Of these, each viewer sees the newest that they may, where not everybody sees everything.
const REACH: u64 = 4 * HISTORY as u64;

/// Where viewers come to.
#[derive(Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<Option<Desk>>>);

/// What the task and the viewers share while there are any.
struct Desk {
    /// None until the first look is over.
    view: Option<Arc<View>>,
    news: broadcast::Sender<Told>,
}

/// Something new, and all that there is now.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) news: News,
    pub(crate) view: Arc<View>,
}

/// A viewer's seat: what there is, unless the first look has yet to come, and what comes.
pub(crate) struct Seat {
    pub(crate) view: Option<Arc<View>>,
    pub(crate) news: broadcast::Receiver<Told>,
}

impl Hub {
    /// Takes a seat. Whoever comes first wakes the hub.
    pub(crate) fn join(&self, app: &Shared) -> Seat {
        let mut desk = self.desk();
        if let Some(Desk { view, news }) = desk.as_ref() {
            return Seat { view: view.clone(), news: news.subscribe() };
        }
        let (sender, news) = broadcast::channel(WAITING);
        *desk = Some(Desk { view: None, news: sender.clone() });
        tokio::spawn(watch(Closing(self.clone()), sender, Arc::clone(app)));
        Seat { view: None, news }
    }

    /// Takes the desk away if nobody sits at it; true if so.
    fn leave(&self) -> bool {
        let mut desk = self.desk();
        let is_empty = desk.as_ref().is_none_or(|desk| desk.news.receiver_count() == 0);
        if is_empty {
            *desk = None;
        }
        is_empty
    }

    /// Tells what is new. Who sits down meanwhile has either heard it or finds it in the view.
    fn tell(&self, view: &Arc<View>, all: Vec<News>) {
        let mut desk = self.desk();
        let Some(desk) = desk.as_mut() else { return };
        desk.view = Some(Arc::clone(view));
        for news in all {
            // Without viewers it is heard by nobody, which is fine.
            let _ = desk.news.send(Told { news, view: Arc::clone(view) });
        }
    }

    fn desk(&self) -> MutexGuard<'_, Option<Desk>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the desk away when the task ends, however it ends: viewers then notice, and come again.
struct Closing(Hub);

impl Drop for Closing {
    fn drop(&mut self) {
        *self.0.desk() = None;
    }
}

/// Looks and tells until nobody watches any more.
async fn watch(hub: Closing, viewers: broadcast::Sender<Told>, app: Shared) {
    // The bell hangs before the first look: whatever changes after it is heard.
    let mut bell = app.edges.broker.bell(Topic::Monitor);
    let mut looker = Looker::default();
    loop {
        let pause = match looker.look(&app).await {
            Ok((view, news)) => {
                hub.0.tell(&view, news);
                GATHER
            }
            Err(fault) => {
                tracing::error!("the monitor cannot look: {fault:#}");
                TROUBLE
            }
        };
        sleep(pause).await;
        tokio::select! {
            _ = timeout(LOOK, bell.rung()) => {}
            () = viewers.closed() => {}
        }
        if viewers.receiver_count() == 0 && hub.0.leave() {
            return;
        }
    }
}

/// What the task remembers from one look to the next.
#[derive(Default)]
struct Looker {
    /// None before the first look.
    view: Option<Arc<View>>,
    newest: Option<HistoryMark>,
    tails: Tails,
}

impl Looker {
    /// What there is now, and what of it is new.
    async fn look(&mut self, app: &App) -> Result<(Arc<View>, Vec<News>)> {
        let before = self.view.clone().unwrap_or_default();
        let running = look::running(app, &mut self.tails).await?;
        let newest = app.edges.store.monitored_history(None, 1).await?.first().and_then(look::mark_of);
        let is_stale = self.view.is_none() || newest != self.newest || View::lacks_any_of(&running, &before);
        let ended = match is_stale {
            true => Some(look::ended(app, &mut self.tails, reach(app)).await?),
            false => None,
        };
        let view = Arc::new(before.with(running, ended));
        let news = match self.view {
            Some(_) => view.news_since(&before),
            None => vec![News::Status, News::History],
        };
        self.tails.keep(&view.attempts());
        (self.view, self.newest) = (Some(Arc::clone(&view)), newest);
        Ok((view, news))
    }
}

fn reach(app: &App) -> u64 {
    let is_public = app.face.auto_builder.as_ref().is_some_and(|face| face.monitor_is_public);
    if is_public { HISTORY as u64 } else { REACH }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(hub: &Hub) -> Seat {
        let (sender, news) = broadcast::channel(2);
        *hub.desk() = Some(Desk { view: None, news: sender });
        Seat { view: None, news }
    }

    #[tokio::test]
    async fn what_is_told_is_heard_and_found_by_who_comes_later() {
        let hub = Hub::default();
        let mut seat = desk(&hub);
        let view = Arc::new(View::default());
        hub.tell(&view, vec![News::Status, News::History]);
        assert!(matches!(seat.news.recv().await.unwrap().news, News::Status));
        assert!(matches!(seat.news.recv().await.unwrap().news, News::History));
        assert!(Arc::ptr_eq(hub.desk().as_ref().unwrap().view.as_ref().unwrap(), &view));
    }

    #[tokio::test]
    async fn a_viewer_that_lags_behind_is_told_so_and_holds_up_nobody() {
        let hub = Hub::default();
        let mut seat = desk(&hub);
        hub.tell(&Arc::default(), vec![News::Status, News::Status, News::Status]);
        assert!(matches!(seat.news.recv().await, Err(broadcast::error::RecvError::Lagged(1))));
    }

    #[test]
    fn the_desk_is_taken_away_only_from_nobody() {
        let hub = Hub::default();
        let seat = desk(&hub);
        assert!(!hub.leave());
        drop(seat);
        assert!(hub.leave() && hub.desk().is_none());
    }

    #[tokio::test]
    async fn when_the_task_ends_viewers_notice() {
        let hub = Hub::default();
        let mut seat = desk(&hub);
        drop(Closing(hub.clone()));
        assert!(matches!(seat.news.recv().await, Err(broadcast::error::RecvError::Closed)));
    }
}
