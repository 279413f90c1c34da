//! Random logs: the result is the same however the log is cut, and another terminal shows the same for sequences that
//! both know.

use super::{Line, Terminal, cells::WIDEST, lines, text, whole};
use proptest::{collection::vec, prelude::*, sample::select};

const SIGNS: &[&str] = &[
    "\u{1b}[",
    "\u{1b}]",
    "\u{1b}",
    "\u{1b}P",
    "\u{9b}",
    "\u{9c}",
    "\u{18}",
    "m",
    "K",
    "J",
    "H",
    "A",
    "B",
    "C",
    "D",
    "E",
    "F",
    "G",
    "I",
    "Z",
    "P",
    "@",
    "X",
    "L",
    "M",
    "S",
    "T",
    "b",
    "c",
    "d",
    "h",
    "l",
    "r",
    "s",
    "u",
    "7",
    "8",
    "?25",
    "?1049",
    ";",
    ":",
    "0",
    "1",
    "2",
    "31",
    "38;5;",
    "99999999999999999999",
    "\r",
    "\n",
    "\t",
    "\u{8}",
    "\u{7}",
    "\u{b}",
    "\u{e}",
    "\u{1b}\\",
    "\u{1b}(0",
    "8;;http://x",
    "<",
    "&",
    "\"",
    "ü",
    "日本",
    "👩‍👩‍👧",
    "\u{301}",
    "\u{200d}",
    "\u{1f3fd}",
    "\0",
    "\u{7f}",
    "text",
    " ",
];

/// Sequences that both terminals handle alike: no clearing, and nothing above the first row or below the last.
const KNOWN: &[&str] = &[
    "a",
    "b",
    "text",
    " ",
    "世",
    "\r",
    "\r\n",
    "\u{8}",
    "\t",
    "\u{1b}[A",
    "\u{1b}[B",
    "\u{1b}[3C",
    "\u{1b}[D",
    "\u{1b}[2D",
    "\u{1b}[E",
    "\u{1b}[F",
    "\u{1b}[5G",
    "\u{1b}[9`",
    "\u{1b}[2a",
    "\u{1b}[I",
    "\u{1b}[Z",
    "\u{1b}[2;3H",
    "\u{1b}[1;4f",
    "\u{1b}[3d",
    "\u{1b}[e",
    "\u{1b}[K",
    "\u{1b}[1K",
    "\u{1b}[2K",
    "\u{1b}[X",
    "\u{1b}[3X",
    "\u{1b}[P",
    "\u{1b}[2P",
    "\u{1b}[@",
    "\u{1b}[2@",
    "x\u{1b}[2b",
    "\r\u{1b}[2L",
    "\u{1b}7",
    "\u{1b}8",
    "\u{1b}[s",
    "\u{1b}[u",
    "\u{1b}D",
    "\u{1b}E",
    "\u{b}",
    "\u{1b}[31m",
    "\u{1b}[0m",
    "\u{1b}]0;title\u{7}",
    "\u{1b}[?25l",
    "q",
    "\u{9b}1m",
    "\u{1b}[3\u{8}1m",
    "\u{1b}[4\u{18}",
];

fn in_pieces(log: &[u8], size: usize) -> Vec<Line> {
    let mut terminal = Terminal::default();
    let mut lines = log.chunks(size).flat_map(|piece| terminal.read(piece)).collect::<Vec<_>>();
    lines.extend(terminal.rest());
    whole(lines)
}

fn holds(log: &[u8], size: usize) -> Result<(), TestCaseError> {
    let shown = lines(log);
    prop_assert_eq!(&in_pieces(log, size), &shown);
    for line in &shown {
        prop_assert!(
            line.runs.iter().all(|run| !run.text.contains(char::is_control) && !run.text.is_empty())
        );
        prop_assert!(line.runs.iter().all(|run| run.text.chars().count() <= WIDEST * 33));
    }
    Ok(())
}

/// The text without blanks at the ends of lines, which nobody sees.
fn trimmed(lines: impl IntoIterator<Item = String>) -> String {
    let lines = lines.into_iter().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    lines.join("\n").trim_end().to_owned()
}

proptest! {
    #[test]
    fn any_bytes_are_shown_the_same_however_they_are_cut(log in vec(any::<u8>(), 0..400), size in 1..40_usize) {
        holds(&log, size)?;
    }

    #[test]
    fn any_sequences_are_shown_the_same_however_they_are_cut(signs in vec(select(SIGNS), 0..200), size in 1..40_usize) {
        holds(signs.concat().as_bytes(), size)?;
    }

    #[test]
    fn a_sign_many_times_is_shown_within_its_limits(sign in select(SIGNS), times in 0..20_000_usize, end in select(SIGNS)) {
        holds((sign.repeat(times) + end).as_bytes(), 4_096)?;
    }

    #[test]
    fn plain_text_stays_what_it_is(log in "[ -~\n]{0,300}") {
        prop_assert_eq!(text(&lines(log.as_bytes())), log);
    }

    #[test]
    fn another_terminal_shows_the_same(signs in vec(select(KNOWN), 0..40)) {
        // Both begin with a saved place; terminals differ in what they restore without one.
        let log = format!("\u{1b}7{}", signs.concat());
        let mut other = avt::Terminal::with_scrollback(1_000, 50, None).expect("a size");
        other.feed(log.as_str());
        let shown = trimmed(lines(log.as_bytes()).iter().map(Line::text));
        prop_assert_eq!(shown, trimmed(other.primary_screen().text()), "{:?}", log);
    }
}
