//! Random times, so that many runners do not do the same at the same moment.

use std::time::Duration;

/// A random time of at most this length.
pub fn up_to(most: Duration) -> Duration {
    let mut bytes = [0; 2];
    // Without randomness the time is the longest.
    let part = getrandom::fill(&mut bytes).map_or(u16::MAX, |()| u16::from_le_bytes(bytes));
    most * u32::from(part) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_time_is_not_longer_than_asked_for() {
        let most = Duration::from_secs(5);
        assert!((0..100).all(|_| up_to(most) <= most));
    }
}
