//! Pauses before something is tried again: longer and longer, and never the same for two runners.

use kozmic_runner::chance::up_to;
use std::time::Duration;

/// The longest pause, without its random part.
const LONGEST: Duration = Duration::from_secs(5);

/// The first pause.
const FIRST: Duration = Duration::from_millis(50);

/// The pauses between tries.
#[derive(Debug)]
pub(super) struct Pauses(Duration);

impl Pauses {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// Waits for the next pause.
    pub(super) async fn next(&mut self) {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST);
        tokio::time::sleep(pause + up_to(pause / 2)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_a_limit() {
        let (mut pauses, begun) = (Pauses::new(), Instant::now());
        pauses.next().await;
        assert!(begun.elapsed() < Duration::from_millis(100));
        for _ in 0..20 {
            let begun = Instant::now();
            pauses.next().await;
            assert!(begun.elapsed() <= LONGEST * 3 / 2 + Duration::from_millis(2));
        }
        assert_eq!(pauses.0, LONGEST);
    }
}
