//! Formats bytes as `printf` does.

/// The bytes of a format; none if the format has characters that are not understood.
pub(crate) fn format(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let length = match sign {
            '\\' => escape(&rest[1..], &mut bytes)? + 1,
            '%' => {
                rest.strip_prefix("%%")?;
                bytes.push(b'%');
                2
            }
            _ => {
                bytes.extend_from_slice(sign.to_string().as_bytes());
                sign.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    Some(bytes)
}

/// Reads one escape after a backslash. Returns its length.
fn escape(text: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    let digits = text.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let (byte, length) = match text.bytes().next()? {
        b'n' => (b'\n', 1),
        b'r' => (b'\r', 1),
        b't' => (b'\t', 1),
        b'\\' => (b'\\', 1),
        _ if digits > 0 => (u8::from_str_radix(&text[..digits], 8).ok()?, digits),
        _ => return None,
    };
    bytes.push(byte);
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn a_format_has_octal_and_usual_signs() {
        assert_eq!(format(r"a\n\0\001\377\303x 50 %%ü\\").unwrap(), b"a\n\0\x01\xff\xc3x 50 %\xc3\xbc\\");
        assert_eq!([r"%s", r"\x", r"\777", "%", r"\"].map(format), [const { None }; 5]);
    }
}
