//! Searches an image's `/etc/passwd` as a stream, because the file may have any length, or may not be a file.

use std::io::{self, BufRead, Read};

/// The longest line that is read, in bytes; a longer line names no user.
const LINE: usize = 4096;

/// The most of the file that is searched, in bytes: some 100,000 users.
pub(super) const LONGEST: u64 = 16 * 1024 * 1024;

/// The largest number of a user or group that engines accept.
const LARGEST_ID: u64 = i32::MAX as u64;

/// A user in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) home: String,
}

/// The users as whom scripts may run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The first one with the wanted name.
    pub(super) wanted: Option<Entry>,
    /// The first one with the image's default name or number.
    pub(super) default: Option<Entry>,
}

/// Searches a file for a user by name, and for another by name or number. The first line of a name counts, as it does
/// for the engine. The engine takes 0 for each missing number, so the line must be complete.
///
/// # Errors
/// The file cannot be read, is longer than any real one, or has an invalid line for one of the names.
pub(super) fn search(file: impl Read, wanted: &str, default: &str) -> io::Result<Found> {
    let mut reader = io::BufReader::new(file.take(LONGEST + 1));
    let (mut found, mut line, mut read) = (Found::default(), Vec::new(), 0);
    let number = default.parse::<u64>().ok();
    while found.wanted.is_none() {
        line.clear();
        let length = reader.by_ref().take(LINE as u64).read_until(b'\n', &mut line)?;
        read += length as u64 + rest_of_line(&mut reader, &line)?;
        if length == 0 {
            break;
        }
        let Some(entry) = entry(&line) else {
            match name(&line) {
                broken if broken == wanted || (broken == default && found.default.is_none()) => {
                    return Err(io::Error::other(format!("its line for {broken} is not whole")));
                }
                _ => continue,
            }
        };
        if found.default.is_none() && (entry.name == default || Some(entry.uid) == number) {
            found.default = Some(entry.clone());
        }
        if entry.name == wanted {
            found.wanted = Some(entry);
        }
    }
    match read > LONGEST {
        true => Err(io::Error::other(format!("it is longer than {} MiB", LONGEST >> 20))),
        false => Ok(found),
    }
}

/// Skips the rest of a line that is too long. Returns its length.
fn rest_of_line(reader: &mut impl BufRead, line: &[u8]) -> io::Result<u64> {
    let mut passed = 0;
    let mut is_over = line.len() < LINE || line.ends_with(b"\n");
    while !is_over {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        is_over = end.is_some() || length == 0;
        reader.consume(length);
        passed += length as u64;
    }
    Ok(passed)
}

fn entry(line: &[u8]) -> Option<Entry> {
    if line.len() >= LINE {
        return None;
    }
    let text = String::from_utf8_lossy(line);
    let fields = text.trim().split(':').collect::<Vec<_>>();
    let [name, _, uid, gid, _, home, ..] = fields[..] else { return None };
    let id = |text: &str| text.parse::<u64>().ok().filter(|id| *id <= LARGEST_ID);
    Some(Entry { name: name.to_owned(), uid: id(uid)?, gid: id(gid)?, home: home.to_owned() })
}

/// The name at the beginning of a line, as the engine reads it.
fn name(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.trim().split(':').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nnode:x:1000:1000::/home/node:/bin/sh\nbroken line\n\
        kozmic:x:1001:1002::/home/kozmic:/bin/bash\nkozmic:x:0:0::/:/bin/sh\n";

    fn found(passwd: &[u8], default: &str) -> (Option<u64>, Option<u64>) {
        let Found { wanted, default } = search(passwd, "kozmic", default).unwrap();
        (wanted.map(|entry| entry.uid), default.map(|entry| entry.uid))
    }

    #[test]
    fn the_first_line_of_a_name_counts_and_lines_that_are_none_are_passed_over() {
        assert_eq!(found(PASSWD.as_bytes(), "node"), (Some(1001), Some(1000)));
        assert_eq!(found(PASSWD.as_bytes(), "1000"), (Some(1001), Some(1000)));
        assert_eq!(found(b"", "0"), (None, None));
        assert_eq!(found(b"kozmic:x:7:7::/:", "0"), (Some(7), None), "without a last newline");
        assert_eq!(found(b"\xff\xfe\nkozmic:x:7:7::/:/bin/sh\r\n", "0"), (Some(7), None));
    }

    #[test]
    fn a_line_of_the_wanted_name_that_the_engine_would_read_in_another_way_is_a_fault() {
        for line in [
            "kozmic",
            "kozmic:",
            "kozmic:x:notanumber:6::/tmp:/bin/sh",
            "kozmic:x:4294967296:7::/:/bin/sh",
            "kozmic:x:7:-1::/:/bin/sh",
            " kozmic:x:7",
            "node:x",
        ] {
            let passwd = format!("{line}\nkozmic:x:7:7::/:/bin/sh\n");
            let fault = search(passwd.as_bytes(), "kozmic", "node").unwrap_err().to_string();
            assert!(fault.ends_with(" is not whole"), "{line}: {fault}");
        }
        let twice = b"kozmic:x:7:7::/:/bin/sh\nkozmic\n";
        assert_eq!(found(twice, "0"), (Some(7), None), "the first one counts");
        assert_eq!(found(b"  kozmic:x:7:7::/:/bin/sh\n", "0"), (Some(7), None));
    }

    #[test]
    fn a_user_behind_lines_of_any_length_is_found() {
        for length in [LINE - 1, LINE, LINE + 1, 3 * LINE, 1_000_000] {
            let long = format!("{}\nkozmic:x:7:7::/:/bin/sh\n", "x".repeat(length));
            assert_eq!(found(long.as_bytes(), "0"), (Some(7), None), "{length}");
        }
    }

    #[test]
    fn a_file_without_an_end_is_given_up() {
        let fault = search(io::repeat(b'x'), "kozmic", "0").unwrap_err();
        assert_eq!(fault.to_string(), "it is longer than 16 MiB");
        let lines = io::repeat(b'\n');
        assert!(search(lines, "kozmic", "0").is_err());
    }
}
