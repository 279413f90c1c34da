//! The original's `SECRET_KEY`, in any form in which people give it: its bytes, or as Python's settings write them.

use secrecy::{ExposeSecret, SecretSlice};

/// The name in the original's settings.
const NAME: &str = "SECRET_KEY";

/// All possible meanings of a written key. Only a deploy key can show the right one.
pub struct SecretKey {
    readings: Vec<SecretSlice<u8>>,
}

impl SecretKey {
    /// Reads the content of a file or a variable: the key itself, a Python literal such as `'\xff'`, or the line
    /// `SECRET_KEY = …` among others. None if the content is empty.
    pub fn read(written: &[u8]) -> Option<Self> {
        // Editors end a file with a line feed, and no key ends with one.
        let end = written.iter().rposition(|byte| !b"\r\n".contains(byte))?;
        let bare = &written[..=end];
        let mut readings = vec![bare.to_vec()];
        let literal = bare.split(|byte| *byte == b'\n').find_map(assigned).or_else(|| literals(bare));
        // A key without quotes may still have Python's escapes.
        let unquoted = || unescaped(bare, Kind::Bytes).filter(|key| key != bare);
        readings.extend(literal.or_else(unquoted).filter(|key| !key.is_empty()));
        Some(Self { readings: readings.into_iter().map(Into::into).collect() })
    }

    /// All possible meanings, the most likely first.
    pub(super) fn readings(&self) -> impl Iterator<Item = &[u8]> {
        self.readings.iter().map(ExposeSecret::expose_secret)
    }
}

/// The ways to read a literal's escapes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `'…'` and `b'…'`, which are the same in Python 2.
    Bytes,
    /// `u'…'`
    Text,
    /// `r'…'`
    Raw,
}

/// The key in a line such as `    SECRET_KEY = '…'  # hush`.
fn assigned(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii().strip_prefix(NAME.as_bytes())?;
    literals(line.trim_ascii_start().strip_prefix(b"=")?)
}

/// One literal, or several in a row, with nothing after them but a comment.
fn literals(text: &[u8]) -> Option<Vec<u8>> {
    let (mut key, mut rest) = (Vec::new(), text.trim_ascii());
    let mut found = None;
    while !rest.is_empty() && !rest.starts_with(b"#") {
        let (part, behind) = literal(rest)?;
        key.extend(part);
        (found, rest) = (Some(()), behind.trim_ascii_start());
    }
    found.map(|()| key)
}

/// The literal at the start of a text, and the text after it.
fn literal(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let quote_at = text.iter().position(|byte| b"'\"".contains(byte))?;
    let kind = match text[..quote_at].to_ascii_lowercase().as_slice() {
        b"" | b"b" => Kind::Bytes,
        b"u" => Kind::Text,
        b"r" | b"br" | b"ur" => Kind::Raw,
        _ => return None,
    };
    let text = &text[quote_at..];
    let quote = [3, 1].into_iter().map(|length| &text[..length.min(text.len())]);
    let quote =
        quote.into_iter().find(|quote| quote.iter().all(|byte| *byte == text[0]) && quote.len() != 2)?;
    let body = &text[quote.len()..];
    let mut at = 0;
    while !body.get(at..)?.starts_with(quote) {
        at += if *body.get(at)? == b'\\' { 2 } else { 1 };
    }
    Some((unescaped(&body[..at], kind)?, &body[at + quote.len()..]))
}

/// A literal's body without its escapes; none if Python would refuse it.
fn unescaped(body: &[u8], kind: Kind) -> Option<Vec<u8>> {
    if kind == Kind::Raw {
        return Some(body.to_vec());
    }
    let (mut key, mut rest) = (Vec::with_capacity(body.len()), body);
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, behind.first()) {
            (b'\\', Some(_)) => rest = escape(behind, kind, &mut key)?,
            (byte, _) => key.push(*byte),
        }
    }
    Some(key)
}

/// Adds the character of an escape, and returns the text after it. Python keeps unknown escapes unchanged.
fn escape<'a>(text: &'a [u8], kind: Kind, key: &mut Vec<u8>) -> Option<&'a [u8]> {
    let plain = b"\\\\''\"\"a\x07b\x08f\x0cn\nr\rt\tv\x0b";
    let (sign, behind) = text.split_first()?;
    match sign {
        b'\n' => Some(behind),
        b'x' => {
            let (number, behind) = digits(behind, 2, 16)?;
            key.push(u8::try_from(number).ok()?);
            Some(behind)
        }
        b'u' | b'U' if kind == Kind::Text => {
            let (number, behind) = digits(behind, if *sign == b'u' { 4 } else { 8 }, 16)?;
            key.extend(char::from_u32(number)?.to_string().into_bytes());
            Some(behind)
        }
        b'0'..=b'7' => {
            let count = text.iter().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
            let (number, behind) = digits(text, count, 8)?;
            // As in C, bits that do not fit into a byte are lost.
            key.push(u8::try_from(number & 0xff).ok()?);
            Some(behind)
        }
        sign => {
            match plain.chunks(2).find(|pair| pair[0] == *sign) {
                Some(pair) => key.push(pair[1]),
                None => key.extend([b'\\', *sign]),
            }
            Some(behind)
        }
    }
}

/// A number with this count of digits, and the text after it.
fn digits(text: &[u8], count: usize, radix: u32) -> Option<(u32, &[u8])> {
    let (digits, behind) = text.split_at_checked(count)?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    Some((u32::from_str_radix(digits, radix).ok()?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(written: &[u8]) -> Vec<Vec<u8>> {
        SecretKey::read(written).unwrap().readings().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn a_key_is_its_bytes_first_without_a_line_feed_at_the_end() {
        assert_eq!(readings(b"hush\r\n"), [b"hush"]);
        assert_eq!(readings(b"\xff\x00 ' x"), [b"\xff\x00 ' x"]);
        assert!(SecretKey::read(b"\n").is_none() && SecretKey::read(b"").is_none());
    }

    #[test]
    fn a_literal_of_pythons_is_decoded() {
        for (written, key) in [
            (&br"'\xff\x00hush'"[..], &b"\xff\x00hush"[..]),
            (br#"b"say \"hush\"""#, br#"say "hush""#),
            (br"'\0\12\101\777x'", b"\x00\nA\xffx"),
            (br"'a\n\r\t\v\f\a\b\\\'\q'", b"a\n\r\t\x0b\x0c\x07\x08\\'\\q"),
            (br"u'\u0041\U00000042\x43'", b"ABC"),
            (br"'\u0041'", br"\u0041"),
            (br"r'\n'", br"\n"),
            (b"'one\\\ntwo'", b"onetwo"),
            (b"'''it's'''", b"it's"),
            (b"\"\"", b"\"\""),
            (br"'one' 'two'  # three", b"onetwo"),
            (br"    SECRET_KEY = '\x41b'", b"Ab"),
            (b"DEBUG = True\nSECRET_KEY='x#y' # z\nOTHER = 'no'\n", b"x#y"),
            (br"\xffhush", b"\xffhush"),
        ] {
            let readings = readings(written);
            let shown = String::from_utf8_lossy(written);
            assert_eq!(readings.last().map(Vec::as_slice), Some(key), "{shown}");
            assert!(readings.len() <= 2 && readings[0] == written.trim_ascii_end(), "{shown}");
        }
    }

    #[test]
    fn what_only_looks_like_python_stays_as_it_is() {
        for written in [&b"'open"[..], b"'", b"'a'b", br"'\x4'", b"f'x'", br"a\x", b"os.environ['X']"] {
            assert_eq!(readings(written), [written], "{}", String::from_utf8_lossy(written));
        }
    }
}
