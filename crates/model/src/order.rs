//! The order of a ref's pushes, and its newest one. Deliveries come late, twice, in any order or never, and the forge
//! tells times in whole seconds. So the order is found from all pushes that are known, and not from the one that came
//! in last.
//!
//! Each push says where the ref was before: in the order of their times, pushes are joined end to end.
//! [`Order::is_clear`] is false if that leaves it open which one was last. The forge is then to be asked where the ref
//! is now.

mod walk;

use crate::{git::Sha, status::Status, time::Timestamp};
use std::time::Duration;
use walk::Walk;

/// Greatest error in the time of a push: forges tell whole seconds, and of the moment in which they wrote a payload.
pub const BLUR: Duration = Duration::from_secs(5);

/// The distance between the positions of two pushes that came in one after the other: there is room between them for
/// pushes that come late.
pub const STRIDE: i64 = 1 << 20;

/// The position of a build that has none yet.
pub const UNPLACED: i64 = 0;

/// One step of a ref, or a look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Counts up in the order in which moves became known.
    pub id: i64,
    /// The object that the ref was at before; zeros if it did not exist, none if nobody tells.
    pub before: Option<Sha>,
    /// The object that it is at since; zeros if it was deleted.
    pub after: Sha,
    /// Time of that, by the forge's clock.
    pub at: Timestamp,
    /// The way in which it became known.
    pub source: Source,
}

/// The way in which a move became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A delivery told of it.
    Told,
    /// The forge was asked when all moves of smaller ids were known.
    Seen,
}

impl Source {
    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Seen => "seen",
        }
    }
}

/// The known moves of one ref in their order.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The oldest first.
    pub moves: Vec<&'a Move>,
    /// Whether there is no doubt which one is the last.
    pub is_clear: bool,
}

impl<'a> Order<'a> {
    /// Puts moves in order, in whichever they are given.
    pub fn of(moves: &'a [Move]) -> Self {
        let mut known = moves.iter().collect::<Vec<_>>();
        known.sort_by_key(|one| (one.at, one.id));
        let seen = known.iter().copied().filter(|one| one.source == Source::Seen).max_by_key(|one| one.id);
        let Some(seen) = seen else {
            let Walk { moves, is_clear } = Walk::of(known, None);
            return Self { moves, is_clear };
        };
        let later = since(&known, seen);
        let is_later = |one: &&Move| later.iter().any(|later| later.id == one.id);
        let (later, earlier): (Vec<_>, Vec<_>) =
            known.into_iter().filter(|one| one.id != seen.id).partition(is_later);
        // Moves that came in since then without a later time may have been known to the forge when it was asked. One that
        // goes on from there may be told by a clock that was put back.
        let is_doubtful = |one: &&Move| {
            let goes_on = one.before.as_ref() == Some(&seen.after);
            one.id > seen.id && one.after != seen.after && (goes_on || is_close(one, seen))
        };
        let has_doubts = earlier.iter().any(is_doubtful) || later.iter().any(|one| one.at <= seen.at);
        let Walk { mut moves, .. } = Walk::of(earlier, None);
        let newer = Walk::of(later, Some(&seen.after));
        moves.push(seen);
        moves.extend(newer.moves);
        Self { moves, is_clear: newer.is_clear && !has_doubts }
    }

    /// The object that the ref is at.
    pub fn head(&self) -> Option<&'a Sha> {
        self.moves.last().map(|last| &last.after)
    }
}

/// The moves that came after a look at the ref: by their time, or because they go on from what was seen.
fn since<'a>(known: &[&'a Move], seen: &Move) -> Vec<&'a Move> {
    let is_known = |one: &Move| known.iter().any(|other| other.id < seen.id && is_same(one, other));
    let mut left = known.iter().copied().filter(|one| one.id > seen.id).collect::<Vec<_>>();
    let mut later = left.extract_if(.., |one| one.at > seen.at.after(BLUR)).collect::<Vec<_>>();
    left.retain(|one| is_close(one, seen) && !is_known(one));
    let mut places = vec![&seen.after];
    while let Some(place) = places.pop() {
        for one in left.extract_if(.., |one| one.before.as_ref() == Some(place)) {
            places.push(&one.after);
            later.push(one);
        }
    }
    later.sort_by_key(|one| (one.at, one.id));
    later
}

fn is_close(one: &Move, other: &Move) -> bool {
    one.at.after(BLUR) >= other.at && other.at.after(BLUR) >= one.at
}

/// Whether two moves are told in the same words: one of them may be the other, sent once more.
fn is_same(one: &Move, other: &Move) -> bool {
    (&one.before, &one.after, one.at) == (&other.before, &other.after, other.at)
}

/// The positions of a ref's builds, given the present ones in the order of their pushes, the oldest first. If the last
/// one is the newest since now, `fresh` is its position. Of the others only those change that stand out of order.
pub fn positions(present: &[i64], fresh: Option<i64>) -> Vec<i64> {
    let mut positions = present.to_vec();
    if let (Some(last), Some(fresh)) = (positions.last_mut(), fresh) {
        *last = fresh;
    }
    let mut above = i64::MAX;
    for position in positions.iter_mut().rev() {
        let highest = above - 1;
        *position = if *position == UNPLACED { highest } else { (*position).min(highest) };
        above = *position;
    }
    positions
}

/// Whether a job runs once more when its ref is back at its commit. A job that passed or failed by itself stands; one
/// that was stopped, or could not be run, is owed. The Auto Builder's jobs run anyway, since their links are to lead
/// there.
pub fn is_owed(status: Status, is_automatic: bool) -> bool {
    match status {
        Status::Held | Status::Enqueued | Status::Pending => false,
        Status::Canceled | Status::Error => true,
        Status::Success | Status::Failure => is_automatic,
    }
}

#[cfg(test)]
mod tests;
