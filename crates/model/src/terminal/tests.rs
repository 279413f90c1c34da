//! Tests with a table of output and of the lines that a person sees at the end. Each case is also cut at every byte.

use super::{Colour, HEIGHT, Line, Terminal, cells::WIDEST, lines, text, width};
use serde::Deserialize;

/// One case. Its bytes come at once or in pieces; `red` has the red columns of lines, with the column after the last
/// one.
#[derive(Deserialize)]
struct Case {
    name: String,
    bytes: Option<String>,
    #[serde(default)]
    chunks: Vec<String>,
    #[serde(default)]
    chunks_hex: Vec<String>,
    text: Vec<String>,
    red: Option<Vec<(usize, usize, usize)>>,
}

impl Case {
    fn pieces(&self) -> Vec<Vec<u8>> {
        let texts = self.bytes.iter().chain(&self.chunks).map(|text| text.clone().into_bytes());
        texts.chain(self.chunks_hex.iter().map(|hex| hex::decode(hex).unwrap())).collect()
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("cases.json")).unwrap()
}

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Line> {
    let mut terminal = Terminal::default();
    let mut lines = pieces.into_iter().flat_map(|piece| terminal.read(piece)).collect::<Vec<_>>();
    lines.extend(terminal.rest());
    lines
}

fn reds(lines: &[Line]) -> Vec<(usize, usize, usize)> {
    let mut reds = Vec::<(usize, usize, usize)>::new();
    for (row, line) in lines.iter().enumerate() {
        let mut column = 0;
        for run in &line.runs {
            let from = column;
            column += run.text.chars().map(width).sum::<usize>();
            match reds.last_mut() {
                _ if run.style.ink != Some(Colour::Numbered(1)) => {}
                Some(last) if (last.0, last.2) == (row, from) => last.2 = column,
                _ => reds.push((row, from, column)),
            }
        }
    }
    reds
}

#[test]
fn a_log_is_shown_as_the_table_says() {
    for case in cases() {
        let pieces = case.pieces();
        let shown = read(pieces.iter().map(Vec::as_slice));
        assert_eq!(shown.iter().map(Line::text).collect::<Vec<_>>(), case.text, "{}", case.name);
        if let Some(red) = case.red {
            assert_eq!(reds(&shown), red, "{}", case.name);
        }
    }
}

#[test]
fn a_log_is_shown_the_same_however_it_is_cut() {
    for case in cases() {
        let bytes = case.pieces().concat();
        let whole = lines(&bytes);
        assert_eq!(read(bytes.chunks(1)), whole, "{}: byte by byte", case.name);
        // A long line is cut only at some places, to save time.
        for cut in (0..=bytes.len()).step_by(1 + bytes.len() / 1_000) {
            assert_eq!(read([&bytes[..cut], &bytes[cut..]]), whole, "{} cut at {cut}", case.name);
        }
    }
}

#[test]
fn a_text_has_the_ends_of_lines_that_the_log_has() {
    assert_eq!(text(&lines(b"one\r\ntwo\n")), "one\ntwo\n");
    assert_eq!(text(&lines(b"one\ntwo")), "one\ntwo");
    assert_eq!(text(&lines(b"one\ntwo\x1b[A")), "one\ntwo");
    assert_eq!(text(&lines(b"\n\n")), "\n\n");
    assert_eq!(text(&lines(b"")), "");
}

#[test]
fn lines_come_as_soon_as_nothing_can_change_them() {
    let mut terminal = Terminal::default();
    assert!(terminal.read("line\n".repeat(HEIGHT).as_bytes()).is_empty());
    assert_eq!(text(&terminal.read("line\n".repeat(9).as_bytes())), "line\n".repeat(9));
    assert_eq!(terminal.rest().len(), HEIGHT);
}

#[test]
fn a_line_without_end_is_not_held_back() {
    let mut terminal = Terminal::default();
    let log = "ü".repeat(WIDEST * 5 / 2);
    let parts = [terminal.read(log.as_bytes()), terminal.rest()].concat();
    assert!(parts.iter().all(|part| !part.is_ended) && parts.len() == 3, "{} parts", parts.len());
    assert_eq!(text(&parts), log);
}

#[test]
fn a_line_of_several_parts_has_one_end() {
    let log = format!("above\n{}\r\x1b[A\x1b[M\x1b[Lend\n", "x".repeat(WIDEST + 3));
    let whole = format!("above\n{}end\n", "x".repeat(WIDEST));
    assert_eq!(text(&lines(log.as_bytes())), whole);
    let cleared = format!("{}\x1b[K\r\x1b[K\x1b[2Jnext", "x".repeat(WIDEST + 3));
    assert_eq!(text(&lines(cleared.as_bytes())), format!("{}\nnext", "x".repeat(WIDEST)));
}

/// Output of a hostile script, for repetition.
const HOSTILE: [&str; 26] = [
    "\r",
    "x\r",
    "\u{1b}[1000000C",
    "x\r\u{1b}[999@",
    "\u{1b}[999Cx\r\u{1b}[999P",
    "\u{1b}[999Cx\r\u{1b}[1000X",
    "\u{1b}[999Cx\u{1b}[1K",
    "x\u{1b}[999b\r",
    "\u{1b}[99A\u{1b}[99B",
    "\u{1b}[50L",
    "x\n\u{1b}[A\u{1b}[50M",
    "\u{1b}]0;",
    "a\u{301}",
    "\u{301}",
    "👩\u{200d}",
    "世",
    "\t",
    "\u{1b}8y\u{1b}[1K",
    "\u{1b}",
    "\u{9b}",
    "x\u{1b}[J",
    "\u{1b}7\u{1b}8",
    "\u{1b}[1;",
    "\u{1b}[H\u{1b}[J",
    "\u{1b}[5;5Hx",
    "\u{1b}P1",
];

#[test]
fn no_sequence_is_shown_as_more_than_a_multiple_of_its_length() {
    // The cost does not grow either: otherwise this loop would not end.
    for told in HOSTILE {
        let log = told.repeat(200_000 / told.len());
        let size = lines(log.as_bytes()).iter().map(|line| line.text().len()).sum::<usize>();
        assert!(size <= 64 * log.len(), "{told:?}: {size}");
    }
}
