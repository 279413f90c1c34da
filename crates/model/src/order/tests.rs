//! Tests of the order of pushes: they arrive in any order and give the same result.

use super::*;

fn sha(digit: char) -> Sha {
    digit.to_string().repeat(40).parse().unwrap()
}

/// A move of a ref: `0A1` creates the ref at A in the first second; `?` is unknown.
fn told(id: i64, text: &str) -> Move {
    let mut letters = text.chars();
    let mut digit = || letters.next().unwrap().to_ascii_lowercase();
    let (before, after) = (digit(), digit());
    let before = (before != '?').then(|| sha(before));
    let at = Timestamp(letters.as_str().parse::<i64>().unwrap() * 1_000);
    Move { id, before, after: sha(after), at, source: Source::Told }
}

fn all(texts: &str) -> Vec<Move> {
    texts.split(' ').enumerate().map(|(index, text)| told(index as i64 + 1, text)).collect()
}

/// The commits in their order, as letters.
fn places(moves: &[Move]) -> String {
    let order = Order::of(moves);
    let letters = order.moves.iter().map(|one| one.after.as_str().chars().next().unwrap());
    letters.collect::<String>().to_uppercase() + if order.is_clear { "" } else { "?" }
}

/// All orders of arrival.
fn arrivals(moves: &[Move]) -> Vec<Vec<Move>> {
    let mut all = vec![Vec::new()];
    for _ in moves {
        let longer = |some: &Vec<usize>| {
            let some = some.clone();
            (0..moves.len())
                .filter(|next| !some.contains(next))
                .map(|next| some.iter().copied().chain([next]).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    let arrive = |order: Vec<usize>| {
        let with_id = |(id, index): (usize, usize)| Move { id: id as i64 + 1, ..moves[index].clone() };
        order.into_iter().enumerate().map(with_id).collect()
    };
    all.into_iter().map(arrive).collect()
}

#[test]
fn pushes_are_in_their_own_order_however_they_come_in() {
    for (pushes, order) in [
        ("0A1 AB100 BC200", "ABC"),
        ("0A1 AB1 BC1", "ABC"),
        ("AB1 BC100 CD100", "BCD"),
        ("0A1 AB1 BA1", "ABA?"),
        ("0A1 AB1 BA1 AC1", "ABAC?"),
        ("0A1 AB2 BA3 AB4", "ABAB?"),
        ("0A1 AB10 BA20 AB30", "ABAB"),
        ("0A1 AB100 BA101", "ABA?"),
        ("0A1 A0100 0A110", "A0A"),
        ("0A1 A0100 0B101", "A0B"),
        ("0A1 A0100 0A101", "A0A?"),
        ("0A1 A01 0B1 BA1", "A0BA?"),
        // The second push was lost.
        ("0A1 BC200 CD300", "ACD"),
        ("0A1 BC200 CA300", "ACA"),
        // Payloads were written in another order than the pushes.
        ("0A3 AB4 BC2", "ABC?"),
        ("0A1 AB103 BA101", "ABA?"),
        // The forge's clock was put back between the pushes.
        ("0A100 AB90", "BA?"),
        ("0A100 AB90 BC91", "BCA?"),
        ("0A100 AB90 BC200", "BAC"),
        // A look at the branch, as from the event of a pull request.
        ("0A1 AB100 ?B101", "ABB"),
        ("0A1 ?A2 AB3 ?B3", "AABB"),
        ("0A1 ?B100", "AB"),
    ] {
        for arrived in arrivals(&all(pushes)) {
            let found = places(&arrived);
            // The end of a circle is known, and its beginning is not.
            let is_known = if order.ends_with('?') {
                found.ends_with(&order[order.len() - 2..])
            } else {
                found == order
            };
            assert!(is_known, "{found}, not {order}: {arrived:?}");
        }
    }
}

#[test]
fn what_is_told_twice_counts_once() {
    for (pushes, order) in [
        ("0A1 AB100 BC200 AB100", "ABC"),
        ("0A1 AB1 BC1 AB1", "ABC?"),
        ("0A1 0A1", "A"),
        ("?A1 ?A1 ?B100", "AB"),
    ] {
        for arrived in arrivals(&all(pushes)) {
            assert_eq!(places(&arrived), order, "{arrived:?}");
        }
    }
}

#[test]
fn the_forge_is_asked_where_the_moves_do_not_tell() {
    for pushes in [
        "AB1 BA1",
        "AB1 CD1",
        "AB1 CD3",
        // The ref may have begun with the second move, whatever was before.
        "AB1 BC1",
        "0A1 A01",
        // Three pushes within one or two seconds, one of them delivered twice.
        "0A1 AB1 BA1 AB1",
        "?A1 ?B1",
    ] {
        for mut arrived in arrivals(&all(pushes)) {
            assert!(places(&arrived).ends_with('?'), "{pushes}: {}", places(&arrived));
            let at = arrived.iter().map(|one| one.at).max().unwrap();
            for letter in ['a', 'b', 'd'] {
                let after = sha(letter);
                arrived.push(Move { id: 9, before: None, after: after.clone(), at, source: Source::Seen });
                let order = Order::of(&arrived);
                assert_eq!((order.head(), order.is_clear), (Some(&after), true));
                arrived.pop();
            }
        }
    }
}

#[test]
fn what_follows_an_answer_goes_on_from_there() {
    let with = |texts: &[&str]| {
        let mut moves = all("AB1 BA1");
        moves.push(Move { id: 3, source: Source::Seen, ..told(3, "?A1") });
        moves.extend(texts.iter().enumerate().map(|(index, text)| told(index as i64 + 4, text)));
        let order = Order::of(&moves);
        (order.head().unwrap().as_str()[..1].to_owned(), order.is_clear)
    };
    assert_eq!(with(&["AC2"]), ("c".into(), true));
    assert_eq!(with(&["CD2", "AC2"]), ("d".into(), true));
    assert_eq!(with(&["AC100"]), ("c".into(), true));
    assert_eq!(with(&["CD100"]), ("d".into(), true), "one was lost");
    assert_eq!(with(&["CD0"]), ("a".into(), false), "late, or lost on the way to here");
    assert_eq!(with(&["AB1"]), ("a".into(), false), "once more, or told twice");
    assert_eq!(with(&["AC1"]), ("c".into(), false));
    assert_eq!(with(&["BA1"]), ("a".into(), true), "it led there");
    assert_eq!(with(&["AC-100"]), ("a".into(), false), "by a clock that was put back, or late");
    let early = with(&["0A-100"]);
    assert_eq!(early, ("a".into(), true), "an old one says nothing of now");
}

/// Pseudorandom numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// A ref's way over four commits, with deletions. The payloads were written up to a second later.
    fn way(&mut self) -> Vec<Move> {
        let (mut place, mut second) = ('0', 1_000);
        let length = 1 + self.roll(6) as i64;
        let step = |id| {
            let next =
                ['0', 'a', 'b', 'c', 'd'].into_iter().filter(|next| *next != place).collect::<Vec<_>>();
            let next = next[self.roll(4) as usize];
            second += [0, 0, 0, 1, 2, 60][self.roll(6) as usize];
            let (before, after) = (Some(sha(place)), sha(next));
            place = next;
            let at = Timestamp((second + self.roll(2) as i64) * 1_000);
            Move { id, before, after, at, source: Source::Told }
        };
        (1..=length).map(step).collect()
    }

    fn shuffle(&mut self, moves: &mut [Move]) {
        for index in (1..moves.len()).rev() {
            moves.swap(index, self.roll(index as u64 + 1) as usize);
        }
        (1..).zip(moves).for_each(|(id, one)| one.id = id);
    }
}

#[test]
fn any_way_of_which_one_delivery_may_be_lost_ends_where_the_ref_is_or_in_a_question() {
    let mut dice = Dice(7);
    for _ in 0..4_000 {
        let mut moves = dice.way();
        let head = moves.last().unwrap().after.clone();
        let is_whole = dice.roll(2) == 0;
        if !is_whole && moves.len() > 1 {
            let lost = dice.roll(moves.len() as u64 - 1) as usize;
            moves.remove(lost);
        }
        let repeated = dice.roll(3);
        for _ in 0..repeated {
            moves.push(moves[dice.roll(moves.len() as u64) as usize].clone());
        }
        for _ in 0..4 {
            dice.shuffle(&mut moves);
            let order = Order::of(&moves);
            let is_right = order.head() == Some(&head);
            assert!(is_right || !order.is_clear, "{} of {moves:?}", places(&moves));
            assert!(is_right || !is_whole || repeated > 0, "all is known: {} of {moves:?}", places(&moves));
        }
    }
}

#[test]
fn positions_change_no_more_than_they_must() {
    let fresh = Some(400);
    assert_eq!(positions(&[100, 200, 300], None), [100, 200, 300]);
    assert_eq!(positions(&[100, 200, UNPLACED], fresh), [100, 200, 400], "a new push");
    assert_eq!(positions(&[200, 300, 100], fresh), [200, 300, 400], "back to an old commit");
    assert_eq!(positions(&[100, UNPLACED, 200], None), [100, 199, 200], "a late one");
    assert_eq!(positions(&[UNPLACED, 199, 200], None), [198, 199, 200]);
    assert_eq!(positions(&[100, 199, UNPLACED, 200], None), [100, 198, 199, 200]);
    assert_eq!(positions(&[-5, 7], None), [-5, 7], "taken over from another installation");
    assert!(positions(&[], fresh).is_empty());
}

#[test]
fn what_was_stopped_is_owed_when_its_ref_is_back() {
    for status in Status::ALL {
        let is_stopped = matches!(status, Status::Canceled | Status::Error);
        assert_eq!(is_owed(status, false), is_stopped);
        assert_eq!(is_owed(status, true), status.is_finished());
    }
}
