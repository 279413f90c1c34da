//! Draws random bytes as a log's end: the number of lines stays limited, and the HTML is nothing but text in colours.

use super::{LONGEST, LastLines, last_lines};
use proptest::{collection::vec, prelude::*, sample::select};

const SIGNS: &[&str] = &[
    "\u{1b}[",
    "\u{1b}]",
    "\u{1b}",
    "\u{9b}",
    "m",
    "K",
    "J",
    "H",
    "A",
    "B",
    "C",
    "D",
    "G",
    "P",
    "@",
    "X",
    "L",
    "M",
    "S",
    "T",
    "d",
    "h",
    "l",
    "?25",
    ";",
    ":",
    "0",
    "1",
    "31",
    "38;5;",
    "38;2;",
    "99999999999999999999",
    "\r",
    "\n",
    "\t",
    "\u{8}",
    "\u{7}",
    "\u{1b}\\",
    "8;;http://x",
    "<b>",
    "&amp;",
    "\"",
    "ü",
    "日本",
    "👩‍👩‍👧",
    "\u{301}",
    "\u{202e}",
    "\0",
    "\u{7f}",
    "text",
    " ",
];

/// The escapes of characters that have a meaning in HTML.
const ESCAPED: [(&str, &str); 9] = [
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#34;", "\""),
    ("&#39;", "'"),
    ("&#60;", "<"),
    ("&#62;", ">"),
    ("&#38;", "&"),
    ("&amp;", "&"),
];

/// The text of HTML that has only spans with classes.
fn text_of(html: &str) -> Result<String, TestCaseError> {
    let (mut text, mut is_open) = (String::new(), false);
    for (at, part) in html.split('<').enumerate() {
        if at == 0 {
            text.push_str(part);
            continue;
        }
        let (tag, behind) = part.split_once('>').ok_or_else(|| TestCaseError::fail("an open tag"))?;
        let classes = tag.strip_prefix("span class=\"").and_then(|rest| rest.strip_suffix('"'));
        let is_name = |sign: char| sign.is_ascii_alphanumeric() || " -_".contains(sign);
        let begins = classes.is_some_and(|classes| classes.chars().all(is_name));
        prop_assert!(begins != is_open && (begins || tag == "/span"), "<{tag}> in {html}");
        is_open = begins;
        text.push_str(behind);
    }
    prop_assert!(!is_open);
    Ok(ESCAPED.into_iter().fold(text, |text, (from, to)| text.replace(from, to)))
}

fn holds(text: &str, count: usize) -> Result<(), TestCaseError> {
    let LastLines { text: plain, html } = last_lines(text.as_bytes(), count);
    prop_assert!(plain.split('\n').count() <= count.max(1));
    prop_assert!(plain.split('\n').all(|line| line.chars().count() <= LONGEST + 1));
    prop_assert!(!plain.contains('\u{1b}'), "{plain:?}");
    prop_assert_eq!(text_of(&html)?, plain);
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_drawn_within_its_limits(text in any::<String>(), count in 0..20_usize) {
        holds(&text, count)?;
    }

    #[test]
    fn any_sequences_are_drawn_within_their_limits(signs in vec(select(SIGNS), 0..200), count in 0..20_usize) {
        holds(&signs.concat(), count)?;
    }

    #[test]
    fn a_sign_many_times_is_drawn_within_its_limits(
        sign in select(SIGNS), times in 0..20_000_usize, end in select(SIGNS),
    ) {
        holds(&(sign.repeat(times) + end), 20)?;
    }
}
