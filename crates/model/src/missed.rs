//! Deliveries that did not reach Kozmic: decides which of them the forge is asked to send again, and when.

use crate::time::Timestamp;
use std::time::Duration;

/// The most times that a delivery is sent again, spread over most of a day. Some deliveries can never arrive.
pub const TRIES: i32 = 24;

/// The cost of a try after a try that this server or the forge refused: the next one will hardly do better.
pub const REFUSED: i32 = 8;

/// Pauses between tries while nothing arrives, in seconds; the last one repeats.
const PAUSES: [u64; 7] = [60, 120, 300, 600, 900, 1_800, 3_600];

/// Time after which a delivery that did not arrive is tried again, if others arrive.
const SETTLED: Duration = Duration::from_secs(60);

/// A delivery that did not reach Kozmic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The forge's id of the delivery.
    pub uuid: String,
    /// The forge's word for the event.
    pub event: String,
    /// Time at which the forge first sent it, by the forge's clock.
    pub missed_at: Timestamp,
    /// The cost of its tries so far, up to [`TRIES`].
    pub tries: i32,
    /// Time at which the forge was last asked to send it again.
    pub asked_at: Timestamp,
    /// Time at which Kozmic found that it has arrived.
    pub made_good_at: Option<Timestamp>,
}

/// The deliveries to send again now, out of all missed ones, the oldest first. Each is tried once. After that, all of
/// them are tried as soon as others arrive (`is_open`). While nothing arrives, only the oldest is tried, at growing
/// intervals: one is enough to find out.
pub fn due(missed: &[Missed], is_open: bool, now: Timestamp) -> Vec<&Missed> {
    let open =
        missed.iter().filter(|one| one.made_good_at.is_none() && one.tries < TRIES).collect::<Vec<_>>();
    let scout = scout(missed).map(|one| &one.uuid);
    let is_due = |one: &&Missed| {
        let passed = now.since(one.asked_at);
        match one.tries {
            0 => true,
            _ if is_open => passed >= SETTLED,
            tries => scout == Some(&one.uuid) && passed >= pause(tries),
        }
    };
    open.into_iter().filter(is_due).collect()
}

/// Time until the next try of deliveries that do not arrive, if no other is due earlier.
pub fn until_next(missed: &[Missed], now: Timestamp) -> Duration {
    scout(missed).map_or(Duration::ZERO, |one| pause(one.tries).saturating_sub(now.since(one.asked_at)))
}

/// The delivery that is tried instead of all: the oldest one that did not arrive at its first try.
fn scout(missed: &[Missed]) -> Option<&Missed> {
    missed.iter().find(|one| one.made_good_at.is_none() && (1..TRIES).contains(&one.tries))
}

fn pause(tries: i32) -> Duration {
    let place = usize::try_from(tries).unwrap_or_default().clamp(1, PAUSES.len());
    Duration::from_secs(PAUSES[place - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn missed(uuid: &str, tries: i32, seconds: u64) -> Missed {
        Missed {
            uuid: uuid.to_owned(),
            event: "push".to_owned(),
            missed_at: Timestamp(0),
            tries,
            asked_at: NOW.before(Duration::from_secs(seconds)),
            made_good_at: None,
        }
    }

    fn names(missed: &[Missed], is_open: bool) -> Vec<&str> {
        due(missed, is_open, NOW).into_iter().map(|one| one.uuid.as_str()).collect()
    }

    #[test]
    fn each_is_tried_at_once_and_the_oldest_alone_afterwards() {
        assert_eq!(names(&[missed("a", 0, 0), missed("b", 0, 0)], false), ["a", "b"]);
        let tried = [missed("a", 1, 61), missed("b", 1, 61), missed("c", 0, 0)];
        assert_eq!(names(&tried, false), ["a", "c"]);
        assert_eq!(names(&tried, true), ["a", "b", "c"]);
        assert!(names(&[missed("a", 1, 59), missed("b", 1, 59)], true).is_empty(), "they are on their way");
    }

    #[test]
    fn it_is_known_when_the_next_try_is_due() {
        let next = |missed: &[Missed]| until_next(missed, NOW).as_secs();
        assert_eq!(next(&[missed("a", 4, 100), missed("b", 1, 10)]), 500, "the scout's");
        assert_eq!(next(&[missed("a", 1, 10), missed("b", 0, 0)]), 50);
        assert_eq!(next(&[missed("a", TRIES, 10), missed("b", 1, 90)]), 0);
        assert_eq!(next(&[]), 0);
    }

    #[test]
    fn tries_come_ever_more_seldom_and_end() {
        for (tries, seconds, is_due) in
            [(2, 119, false), (2, 120, true), (23, 3_599, false), (23, 3_600, true)]
        {
            assert_eq!(!names(&[missed("a", tries, seconds)], false).is_empty(), is_due, "{tries} {seconds}");
        }
        assert!(names(&[missed("a", TRIES, 1_000_000)], true).is_empty());
        let good = Missed { made_good_at: Some(NOW), ..missed("a", 0, 0) };
        assert!(names(&[good], true).is_empty());
        let next = [missed("a", TRIES, 1_000_000), missed("b", 3, 1_000)];
        assert_eq!(names(&next, false), ["b"], "the next one goes ahead");
    }
}
