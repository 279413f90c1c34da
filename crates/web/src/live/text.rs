//! Makes text of a log's bytes, for browsers. Pieces are never cut inside a character.

use std::borrow::Cow;

/// The text at the front of `bytes`, and how many bytes it stands for. A character whose end may still come is left for
/// later, unless the log is `over`. Bytes that are no text become U+FFFD.
pub(super) fn whole(bytes: &[u8], over: bool) -> (Cow<'_, str>, usize) {
    // Checking a text is several times as fast as repairing it.
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (Cow::Borrowed(text), bytes.len());
    }
    let length = if over { bytes.len() } else { bytes.len() - torn(bytes) };
    (String::from_utf8_lossy(&bytes[..length]), length)
}

/// Number of bytes at the end that begin an incomplete character.
fn torn(bytes: &[u8]) -> usize {
    let reach = bytes.len().min(3);
    for back in 1..=reach {
        let byte = bytes[bytes.len() - back];
        let length = match byte {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => 1,
        };
        return if length > back && could_go_on(&bytes[bytes.len() - back..]) { back } else { 0 };
    }
    0
}

/// True if these bytes can still become a character.
fn could_go_on(start: &[u8]) -> bool {
    std::str::from_utf8(start).is_err_and(|fault| fault.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_never_torn() {
        let text = "aé€🚀z";
        for cut in 0..=text.len() {
            let (front, used) = whole(&text.as_bytes()[..cut], false);
            assert!(text.starts_with(front.as_ref()), "cut at {cut}");
            let (back, rest) = whole(&text.as_bytes()[used..], true);
            assert_eq!(format!("{front}{back}"), text);
            assert_eq!(used + rest, text.len());
        }
    }

    #[test]
    fn what_is_no_text_is_shown_as_such_and_counted() {
        assert_eq!(whole(b"a\xffb", false), ("a\u{FFFD}b".into(), 3));
        assert_eq!(whole(b"a\xe2\x28", false), ("a\u{FFFD}(".into(), 3));
        assert_eq!(whole(b"\x80\x80\x80\x80", false).1, 4);
        assert_eq!(whole(b"\xed\xa0", false).1, 2);
    }

    #[test]
    fn at_the_end_nothing_waits_any_more() {
        assert_eq!(whole(b"a\xe2\x82", false), ("a".into(), 1));
        assert_eq!(whole(b"a\xe2\x82", true), ("a\u{FFFD}".into(), 3));
        assert_eq!(whole(b"", false), ("".into(), 0));
    }
}
