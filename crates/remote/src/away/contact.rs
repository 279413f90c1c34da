//! The time since the server was last heard of.

use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// The lease before the server has told its own.
const LEASE: Duration = Duration::from_secs(180);

/// The contact with the server.
pub(super) struct Contact(watch::Sender<Heard>);

#[derive(Clone, Copy)]
struct Heard {
    at: Instant,
    lease: Duration,
}

impl Contact {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Heard { at: Instant::now(), lease: LEASE }))
    }

    /// Notes that the server was heard.
    pub(super) fn note(&self) {
        // Nobody has to wake up for this: who waits looks again when its time is over.
        self.0.send_if_modified(|heard| {
            heard.at = Instant::now();
            false
        });
    }

    /// Notes the length of the lease.
    pub(super) fn note_lease(&self, lease: Duration) {
        self.0.send_modify(|heard| *heard = Heard { at: Instant::now(), lease });
    }

    /// Waits until the server was not heard of for two thirds of the lease. Returns that time.
    pub(super) async fn lost(&self) -> Duration {
        let mut changes = self.0.subscribe();
        loop {
            let Heard { at, lease } = *changes.borrow_and_update();
            let most = lease * 2 / 3;
            if at.elapsed() >= most {
                return most;
            }
            tokio::select! {
                () = sleep_until(at + most) => {}
                // The sender is here, so this is a change.
                _ = changes.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test(start_paused = true)]
    async fn contact_is_lost_two_thirds_of_the_lease_after_the_last_word() {
        let (contact, begun) = (Contact::new(), Instant::now());
        let lost = contact.lost();
        tokio::pin!(lost);
        assert!(lost.as_mut().now_or_never().is_none());
        contact.note_lease(Duration::from_secs(30));
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(19)).await;
            assert!(lost.as_mut().now_or_never().is_none());
            contact.note();
        }
        assert_eq!(lost.await, Duration::from_secs(20));
        assert_eq!(begun.elapsed().as_secs(), 20 * 19 + 20);
    }
}
