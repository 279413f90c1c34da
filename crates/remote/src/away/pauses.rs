//! Pauses before something is tried again: longer and longer, and never the same for two runners.

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

/// A random time of at most this length.
pub(super) fn up_to(most: Duration) -> Duration {
    let mut bytes = [0; 2];
    // Without randomness the pause is the longest.
    let part = getrandom::fill(&mut bytes).map_or(u16::MAX, |()| u16::from_le_bytes(bytes));
    most * u32::from(part) / u32::from(u16::MAX)
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
        assert!(pauses.0 == LONGEST && up_to(LONGEST) <= LONGEST);
    }
}
