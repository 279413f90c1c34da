//! Joins moves end to end, in the order of their times.

use super::{BLUR, Move, is_same};
use crate::git::Sha;

/// Moves in the order in which they were made.
pub(super) struct Walk<'a> {
    pub(super) moves: Vec<&'a Move>,
    /// True if the last move is certain.
    pub(super) is_clear: bool,
}

impl<'a> Walk<'a> {
    /// Walks over moves, sorted by their times. `start` is the ref's object before all of them, if that is known.
    pub(super) fn of(sorted: Vec<&'a Move>, start: Option<&'a Sha>) -> Self {
        let (mut left, copies) = without_copies(sorted);
        let mut moves = Vec::with_capacity(left.len());
        let mut place = start;
        while let Some(first) = left.first() {
            let horizon = first.at.after(BLUR);
            let near = left.partition_point(|one| one.at <= horizon);
            let next = left.remove(next(&left[..near], place));
            place = Some(&next.after);
            moves.push(next);
        }
        // The ref is elsewhere if a move that was delivered twice was the last one, and the move that led there was
        // lost.
        let last = moves.last().copied();
        let may_be_last = |copy: &&Move| {
            last.is_some_and(|last| copy.at.after(BLUR) >= last.at && copy.after != last.after)
        };
        let is_clear = !copies.iter().any(may_be_last) && is_clear(&moves, start);
        Self { moves, is_clear }
    }
}

/// The index of the move that comes next, out of some that are close in time.
fn next(near: &[&Move], place: Option<&Sha>) -> usize {
    let those =
        |fits: &dyn Fn(usize) -> bool| (0..near.len()).filter(|index| fits(*index)).collect::<Vec<_>>();
    let mut possible = those(&|index| goes_on(near[index], place));
    if let Some(stays) = possible.iter().find(|index| near[**index].before.is_none()) {
        return *stays;
    }
    if possible.is_empty() {
        possible = those(&|index| is_start(near, index));
    }
    if possible.is_empty() && place.is_none() {
        possible = those(&|index| near[index].before.as_ref().is_some_and(Sha::is_nowhere));
    }
    // A move that does not lead back to its beginning is taken last.
    let returns = possible.iter().find(|index| leads_back(near, **index));
    returns.or(possible.first()).copied().unwrap_or_default()
}

/// True if the move begins at the ref's place. A look that finds the ref there changes nothing.
fn goes_on(one: &Move, place: Option<&Sha>) -> bool {
    place.is_some_and(|place| one.before.as_ref().unwrap_or(&one.after) == place)
}

/// True if the other moves lead from the end of this one back to its beginning.
fn leads_back(near: &[&Move], index: usize) -> bool {
    let Some(goal) = &near[index].before else { return true };
    let mut left = (0..near.len()).filter(|other| *other != index).collect::<Vec<_>>();
    let mut places = vec![&near[index].after];
    while let Some(place) = places.pop() {
        if place == goal {
            return true;
        }
        places.extend(
            left.extract_if(.., |other| near[*other].before.as_ref() == Some(place))
                .map(|other| &near[other].after),
        );
    }
    false
}

/// True if a walk over these moves may begin with this one: more moves leave its beginning than arrive there.
fn is_start(near: &[&Move], index: usize) -> bool {
    let arriving = |place: &Sha, but: Option<usize>| {
        near.iter().enumerate().filter(|(at, one)| one.after == *place && Some(*at) != but).count()
    };
    match &near[index].before {
        None => arriving(&near[index].after, Some(index)) == 0,
        Some(place) => {
            near.iter().filter(|one| one.before.as_ref() == Some(place)).count() > arriving(place, None)
        }
    }
}

/// Removes moves with the same content as another, unless the ref may have gone that way twice. Returns the kept moves
/// and the removed ones.
fn without_copies(sorted: Vec<&Move>) -> (Vec<&Move>, Vec<&Move>) {
    let (mut kept, mut copies) = (Vec::<&Move>::with_capacity(sorted.len()), Vec::new());
    for (index, one) in sorted.iter().enumerate() {
        let is_copy = kept.iter().any(|other| is_same(one, other)) && !may_recur(&sorted, index);
        if is_copy { copies.push(*one) } else { kept.push(one) }
    }
    (kept, copies)
}

/// True if moves of other content, close in time, lead from the end of this one back to its beginning.
fn may_recur(sorted: &[&Move], index: usize) -> bool {
    let one = sorted[index];
    let is_near = |other: &&&Move| super::is_close(one, other) && !is_same(one, other);
    let mut near = sorted.iter().filter(is_near).copied().collect::<Vec<_>>();
    near.push(one);
    one.before.is_some() && leads_back(&near, near.len() - 1)
}

/// True if the last moves continue from the object before them and from each other, do not go back in time, and reach
/// no object twice. Then no other order is possible. If a move is the last only by its time, and an earlier move began
/// where it ended, it must continue too: otherwise a clock may have been put back.
fn is_clear(moves: &[&Move], start: Option<&Sha>) -> bool {
    let Some(latest) = moves.iter().map(|one| one.at).max() else { return true };
    let first = moves.iter().position(|one| one.at.after(BLUR) >= latest).unwrap_or_default();
    let (before, last) =
        (first.checked_sub(1).map_or(start, |index| Some(&moves[index].after)), &moves[first..]);
    let begins = goes_on(last[0], before) || last[0].before.as_ref().is_some_and(Sha::is_nowhere);
    let is_joined = |pair: &[&Move]| goes_on(pair[1], Some(&pair[0].after)) && pair[0].at <= pair[1].at;
    let places =
        || last[0].before.iter().chain(last.iter().filter(|one| one.before.is_some()).map(|one| &one.after));
    let is_new = |index: usize| !places().take(index).any(|place| Some(place) == places().nth(index));
    let is_left = |place: &Sha| moves[..first].iter().any(|one| one.before.as_ref() == Some(place));
    if let [one] = last {
        return goes_on(one, before) || !is_left(&one.after);
    }
    begins && last.windows(2).all(is_joined) && (1..places().count()).all(is_new)
}
