//! The time that something ran and the time that it waited. They are two figures, because a pause before a restart is
//! no work.
//!
//! For a job, they are those of one attempt. A build ran while at least one of its jobs ran, by their current state. It
//! waited while at least one job waited and none ran.

use crate::time::Timestamp;
use std::time::Duration;

/// The times of one attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Time at which it began to wait for a runner, if that is known.
    pub queued_at: Option<Timestamp>,
    /// Time at which a runner took it.
    pub started_at: Option<Timestamp>,
    /// Time at which it ended.
    pub finished_at: Option<Timestamp>,
}

/// A length of time that may still grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// The length so far.
    pub so_far: Duration,
    /// True if it still grows.
    pub grows: bool,
}

/// The time that something ran, and the time that it waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// None if it never began to run.
    pub ran: Option<Length>,
    /// None if it is unknown.
    pub waited: Option<Length>,
}

/// A start and a later end.
type Interval = (Timestamp, Timestamp);

impl Spent {
    /// The times of some attempts together, in their current state.
    pub fn of(spans: &[Span], now: Timestamp) -> Self {
        let runs = spans.iter().filter_map(|span| span.run(now)).collect::<Vec<_>>();
        let waits = spans.iter().filter_map(|span| span.wait(now)).collect::<Vec<_>>();
        let is_running = spans.iter().any(|span| span.started_at.is_some() && span.finished_at.is_none());
        let is_waiting = spans.iter().any(|span| span.started_at.is_none() && span.finished_at.is_none());
        let ran = covered(runs.clone());
        let both = covered(runs.iter().chain(&waits).copied().collect());
        let length = |so_far, grows| Length { so_far, grows };
        Self {
            ran: (!runs.is_empty()).then(|| length(ran, is_running)),
            waited: (!waits.is_empty()).then(|| length(both.saturating_sub(ran), is_waiting && !is_running)),
        }
    }
}

impl Span {
    /// The times that this attempt ran and waited.
    pub fn spent(self, now: Timestamp) -> Spent {
        Spent::of(&[self], now)
    }

    fn run(&self, now: Timestamp) -> Option<Interval> {
        self.started_at.map(|start| (start, self.finished_at.unwrap_or(now)))
    }

    fn wait(&self, now: Timestamp) -> Option<Interval> {
        self.queued_at.map(|start| (start, self.started_at.or(self.finished_at).unwrap_or(now)))
    }
}

impl Length {
    /// The moment at which it would have begun, if it had no gaps.
    pub fn since(self, now: Timestamp) -> Timestamp {
        now.before(self.so_far)
    }
}

/// The time that lies in at least one of the intervals. An interval that ends before its start, because of a clock that
/// was set, counts as empty.
fn covered(mut intervals: Vec<Interval>) -> Duration {
    intervals.retain(|(start, end)| start < end);
    intervals.sort();
    let mut reached = None::<Timestamp>;
    let mut sum = Duration::ZERO;
    for (start, end) in intervals {
        let from = reached.map_or(start, |reached| reached.max(start));
        sum += end.since(from);
        reached = Some(reached.map_or(end, |reached| reached.max(end)));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(queued: i64, started: Option<i64>, finished: Option<i64>) -> Span {
        let at = |seconds: i64| Timestamp(seconds * 1_000);
        Span { queued_at: Some(at(queued)), started_at: started.map(at), finished_at: finished.map(at) }
    }

    /// Ran and waited, in seconds; a `+` marks a time that still grows.
    fn told(spans: &[Span], now: i64) -> (String, String) {
        let spent = Spent::of(spans, Timestamp(now * 1_000));
        let tell = |length: Option<Length>| {
            length.map_or("-".to_owned(), |length| {
                format!("{}{}", length.so_far.as_secs(), if length.grows { "+" } else { "" })
            })
        };
        (tell(spent.ran), tell(spent.waited))
    }

    #[test]
    fn a_pause_before_a_restart_is_nobodys_work() {
        let minutes = 26 * 60;
        let restarted = span(minutes, Some(minutes + 3), Some(minutes + 5));
        for (spans, ran, waited) in [
            (vec![restarted], "2", "3"),
            (vec![span(0, Some(1), Some(3)), restarted], "4", "4"),
            (vec![span(0, Some(1), Some(3)), span(minutes, None, Some(minutes + 9))], "2", "10"),
            (vec![span(0, Some(1), Some(3)), span(minutes, None, None)], "2", "41+"),
            (vec![span(0, Some(1), Some(3)), span(minutes, Some(minutes + 3), None)], "39+", "4"),
        ] {
            assert_eq!(told(&spans, minutes + 40), (ran.to_owned(), waited.to_owned()), "{spans:?}");
        }
    }

    #[test]
    fn jobs_that_run_at_once_are_counted_once() {
        for (spans, ran, waited) in [
            (vec![span(0, Some(1), Some(9)), span(0, Some(2), Some(5))], "8", "1"),
            (vec![span(0, Some(1), Some(9)), span(0, Some(9), Some(12))], "11", "1"),
            (vec![span(0, Some(1), Some(4)), span(0, Some(6), Some(7))], "4", "3"),
            (vec![span(0, Some(1), Some(4)), span(2, None, None)], "3", "17+"),
            (vec![span(0, Some(1), None), span(2, None, None)], "19+", "1"),
        ] {
            assert_eq!(told(&spans, 20), (ran.to_owned(), waited.to_owned()), "{spans:?}");
        }
    }

    #[test]
    fn what_never_ran_has_no_length_and_what_is_not_known_is_not_told() {
        assert_eq!(told(&[span(3, None, None)], 20), ("-".into(), "17+".into()));
        assert_eq!(told(&[span(3, None, Some(5))], 20), ("-".into(), "2".into()));
        assert_eq!(
            told(&[Span { queued_at: None, ..span(0, Some(4), Some(6)) }], 20),
            ("2".into(), "-".into())
        );
        assert_eq!(told(&[], 20), ("-".into(), "-".into()));
    }

    #[test]
    fn a_clock_that_went_back_makes_nothing_negative() {
        assert_eq!(told(&[span(9, Some(5), Some(7))], 20), ("2".into(), "0".into()));
        assert_eq!(told(&[span(5, Some(9), Some(7))], 20), ("0".into(), "4".into()));
        assert_eq!(told(&[span(50, Some(60), None)], 20), ("0+".into(), "10".into()));
        let both = [span(0, Some(9), Some(7)), span(0, Some(1), Some(4))];
        assert_eq!(told(&both, 20), ("3".into(), "6".into()));
    }
}
