//! The last lines of a log, as text and as HTML: made on the server, once for all viewers of the monitor.

mod colour;
#[cfg(test)]
mod fuzz;

use kozmic_model::terminal::{self, Line, Style};
use std::fmt::Write;

/// The longest line that is shown, in characters.
const LONGEST: usize = 2_000;

/// The last lines of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastLines {
    /// The lines as plain text, without control sequences.
    pub(crate) text: String,
    /// The lines as HTML: everything is escaped, and colours are classes.
    pub(crate) html: String,
}

/// The last `count` lines of a log's end, without empty ones at the end.
pub(crate) fn last_lines(end: &[u8], count: usize) -> LastLines {
    let mut lines = terminal::lines(end);
    while lines.pop_if(|line| line.runs.is_empty()).is_some() {}
    let from = lines.len().saturating_sub(count);
    let mut last = LastLines::default();
    for (at, line) in lines[from..].iter().enumerate() {
        if at > 0 {
            last.text.push('\n');
            last.html.push('\n');
        }
        write_line(line, &mut last);
    }
    last
}

fn write_line(line: &Line, last: &mut LastLines) {
    let mut room = LONGEST;
    for run in &line.runs {
        let shown = run.text.chars().take(room).collect::<String>();
        room -= shown.chars().count();
        write_run(&shown, run.style, &mut last.html);
        last.text.push_str(&shown);
        if shown.len() < run.text.len() {
            last.text.push('…');
            last.html.push('…');
            return;
        }
    }
}

fn write_run(text: &str, style: Style, html: &mut String) {
    let classes = colour::classes(style);
    if classes.is_empty() {
        escape(text, html);
        return;
    }
    // Writing into memory cannot fail.
    let _ = write!(html, "<span class=\"{classes}\">");
    escape(text, html);
    html.push_str("</span>");
}

/// Escapes a text for HTML.
fn escape(text: &str, html: &mut String) {
    for sign in text.chars() {
        match sign {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        last_lines(text.as_bytes(), 15).html
    }

    fn text(text: &str) -> String {
        last_lines(text.as_bytes(), 15).text
    }

    #[test]
    fn what_a_script_prints_never_becomes_markup() {
        let hostile = "<script>alert(1)</script> & \"x\" 'y'\u{1b}[31m<img src=x onerror=alert(1)>\u{1b}[0m";
        let shown = html(hostile);
        assert!(!shown.contains("<script") && !shown.contains("<img"));
        assert!(shown.contains("&lt;script&gt;") && shown.contains("<span class=\"f1\">&lt;img"));
        let sequence = html("\u{1b}]8;;javascript:alert(1)\u{7}link\u{1b}[3\"><b>mx");
        assert!(!sequence.contains("<b>") && !sequence.contains("javascript"), "{sequence}");
    }

    #[test]
    fn no_sign_in_any_place_becomes_markup() {
        let places = [
            "",
            "\u{1b}",
            "\u{1b}[",
            "\u{1b}[3",
            "\u{1b}[38;2;",
            "\u{1b}]8;;",
            "\u{1b}P",
            "\u{1b}(",
            "\u{9b}",
            "\u{1b}[1000G",
        ];
        let signs = (0..=u8::MAX).map(char::from).chain(['\u{2028}', '\u{FEFF}', '\u{202E}', '\u{FFFD}']);
        for (sign, place) in signs.flat_map(|sign| places.map(|place| (sign, place))) {
            let shown = html(&format!("\u{1b}[1;31ma{place}{sign}<b c=\"d\" e='f'>&\u{1b}[7mg"));
            let text = shown.replace("</span>", "");
            let text = text
                .split("<span class=\"")
                .map(|part| part.split_once("\">").map_or(part, |(_, text)| text));
            for text in text {
                assert!(
                    !text.contains(['<', '>', '"', '\'', '\r', '\u{1b}', '\0']),
                    "{place:?} {sign:?}: {shown}"
                );
            }
            let is_class = |part: &str| part.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == ' ');
            let classes =
                shown.split("<span class=\"").skip(1).map(|part| part.split('"').next().unwrap_or_default());
            assert!(classes.into_iter().all(is_class), "{place:?} {sign:?}: {shown}");
        }
    }

    #[test]
    fn the_last_lines_are_shown_and_no_empty_ones_behind_them() {
        assert_eq!(last_lines(b"a\nb\nc\r\n\n", 2).text, "b\nc");
        assert_eq!(last_lines(b"a", 2).text, "a");
        assert_eq!(last_lines(b"", 2), LastLines::default());
    }

    #[test]
    fn colours_hold_over_the_ends_of_lines() {
        assert_eq!(
            html("\u{1b}[32mone\ntwo\u{1b}[0m\nthree"),
            "<span class=\"f2\">one</span>\n<span class=\"f2\">two</span>\nthree"
        );
        assert_eq!(text("\u{1b}[32mone\ntwo\u{1b}[0m\nthree"), "one\ntwo\nthree");
        assert_eq!(last_lines(b"\x1b[1mone\ntwo", 1).html, "<span class=\"bo\">two</span>");
    }

    #[test]
    fn weights_and_grounds_have_classes() {
        assert_eq!(html("\u{1b}[1;4;93;44mx"), "<span class=\"bo un f11 g4\">x</span>");
        assert_eq!(html("\u{1b}[7mx"), "<span class=\"iv\">x</span>");
        assert_eq!(html("\u{1b}[7;31mx"), "<span class=\"g1\">x</span>");
        assert_eq!(html("\u{1b}[1;38;5;141mbuild"), "<span class=\"bo f5\">build</span>");
    }

    #[test]
    fn lines_are_those_that_a_terminal_shows() {
        assert_eq!(text("10 %\r20 %\r\nend"), "20 %\nend");
        assert_eq!(text("a\u{1b}[4Cb\u{1b}]0;title\u{7}\n\u{1b}[A\u{1b}[2C\u{1b}[1@c"), "a c   b");
        for cut in ["\u{1b}", "\u{1b}[", "\u{1b}[3", "\u{1b}[38;5", "\u{1b}]0;tit"] {
            assert_eq!(text(&format!("ok{cut}")), "ok", "{cut:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let shown = last_lines("ü".repeat(LONGEST + 9).as_bytes(), 15);
        assert_eq!(shown.text.chars().count(), LONGEST + 1);
        assert!(shown.text.ends_with('…') && shown.html.ends_with('…'));
    }
}
