//! The result of the last try to write to the database.

use kozmic_model::time::Timestamp;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::OnceCell;

/// Shortest time between the beginnings of two tries to write to the database, because anybody may ask.
const PULSE: Duration = Duration::from_secs(1);

/// The last try to write to the database, or the one that goes on.
#[derive(Default)]
pub struct Pulse(Mutex<Option<Try>>);

/// A try, with the time at which it began.
#[derive(Clone)]
struct Try {
    at: Timestamp,
    /// The reason why the database cannot be written, if there is one. Empty while the try goes on.
    trouble: Arc<OnceCell<Option<String>>>,
}

impl Pulse {
    /// The reason why the database cannot be written; none if it can. Makes a try, unless there is a recent one. A try
    /// that goes on is waited for: the result before it may be old.
    pub(crate) async fn trouble(
        &self,
        now: Timestamp,
        attempt: impl Future<Output = Option<String>>,
    ) -> Option<String> {
        let recent = self.recent(now);
        recent.trouble.get_or_init(|| attempt).await.clone()
    }

    fn recent(&self, now: Timestamp) -> Try {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = last.take().filter(|last| now.since(last.at) < PULSE || !last.trouble.initialized());
        last.insert(usable.unwrap_or_else(|| Try { at: now, trouble: Arc::default() })).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::{future::ready, pin::pin};
    use tokio::sync::oneshot;

    const LATER: Timestamp = Timestamp(60_000);

    #[tokio::test]
    async fn a_try_that_goes_on_is_waited_for_and_the_result_before_it_is_old() {
        let pulse = Pulse::default();
        assert_eq!(pulse.trouble(Timestamp(0), ready(None)).await, None);
        let (end, ended) = oneshot::channel();
        let mut first = pin!(pulse.trouble(LATER, async { ended.await.ok() }));
        assert_eq!(first.as_mut().now_or_never(), None);
        let mut second = pin!(pulse.trouble(LATER, ready(None)));
        assert_eq!(second.as_mut().now_or_never(), None);
        end.send("it does not answer".to_owned()).unwrap();
        let told = tokio::join!(first, second);
        assert_eq!(
            (told.0.as_deref(), told.1.as_deref()),
            (Some("it does not answer"), Some("it does not answer"))
        );
    }

    #[tokio::test]
    async fn a_recent_result_is_used_again() {
        let pulse = Pulse::default();
        let busy = || ready(Some("busy".to_owned()));
        assert_eq!(pulse.trouble(Timestamp(0), busy()).await.as_deref(), Some("busy"));
        assert_eq!(pulse.trouble(Timestamp(999), ready(None)).await.as_deref(), Some("busy"));
        assert_eq!(pulse.trouble(Timestamp(1_000), ready(None)).await, None);
    }
}
