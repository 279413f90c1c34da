//! The order of a ref's pushes, and the newest push. Deliveries arrive late, twice, in any order or never, and the
//! forge gives times in whole seconds. So the order is computed from all known pushes, not from the push that arrived
//! last.
//!
//! Each push names the ref's commit before it: in the order of their times, pushes are joined end to end.
//! [`Order::is_clear`] is false if the last push is uncertain. Kozmic then asks the forge for the ref's current commit.

mod walk;

use crate::{git::Sha, status::Status, time::Timestamp};
use std::time::Duration;
use walk::Walk;

/// The greatest error in the time of a push: forges give whole seconds, at the moment when they wrote a payload.
pub const BLUR: Duration = Duration::from_secs(5);

/// The distance between the positions of two pushes that arrived one after the other: it leaves room for pushes that
/// arrive late.
pub const STRIDE: i64 = 1 << 20;

/// The position of a build that has no position yet.
pub const UNPLACED: i64 = 0;

/// One step of a ref, or one look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Number of the move, in the order in which moves became known.
    pub id: i64,
    /// The ref's object before; zeros if the ref did not exist, none if it is unknown.
    pub before: Option<Sha>,
    /// The ref's object after; zeros if the ref was deleted.
    pub after: Sha,
    /// Time of the move, by the forge's clock.
    pub at: Timestamp,
    /// The source of the move.
    pub source: Source,
}

/// The source of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A delivery reported it.
    Told,
    /// The forge was asked for the ref, when all moves with smaller ids were known.
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
    /// The moves, the oldest first.
    pub moves: Vec<&'a Move>,
    /// True if the last move is certain.
    pub is_clear: bool,
}

impl<'a> Order<'a> {
    /// Puts the moves in order. They may be given in any order.
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
        // A move that arrived after the look without a later time may have happened before the look. A move that goes
        // on from the seen object may have its time from a clock that was put back.
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

    /// The ref's current object.
    pub fn head(&self) -> Option<&'a Sha> {
        self.moves.last().map(|last| &last.after)
    }
}

/// The moves that came after a look at the ref: by their time, or because they continue from the seen object.
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

/// True if two moves have the same content: one of them may be a repeated delivery of the other.
fn is_same(one: &Move, other: &Move) -> bool {
    (&one.before, &one.after, one.at) == (&other.before, &other.after, other.at)
}

/// The positions of a ref's builds. `present` has the current positions in the order of the pushes, the oldest first.
/// If the last one has just become the newest, `fresh` is its new position. Of the others, only positions out of order
/// change.
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

/// True if a job runs once more when its ref returns to its commit. A job that passed or failed by itself does not; a
/// job that was stopped or could not be run does. The Auto Builder's jobs do in any case, because their links must lead
/// to this commit again.
pub fn is_owed(status: Status, is_automatic: bool) -> bool {
    match status {
        Status::Held | Status::Enqueued | Status::Pending => false,
        Status::Canceled | Status::Error => true,
        Status::Success | Status::Failure => is_automatic,
    }
}

#[cfg(test)]
mod tests;
