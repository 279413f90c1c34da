//! Reads small files that people name: settings, secrets, certificates. They are read whole. A file that never ends, or
//! a pipe that never begins, does not block Kozmic.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

/// The largest size in bytes: much more than such files need.
const LARGEST: u64 = 1 << 20;

/// The time after which a message about the wait for a file is given.
const SILENCE: Duration = Duration::from_secs(3);

/// The longest wait for a file after that message: somebody may have to type a password for the program that writes
/// into a pipe.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bytes of a file. A pipe may take a while; then `tell` gets a sentence.
///
/// # Errors
/// The file cannot be read, it has more than 1 MiB, or nobody writes into it.
pub fn bytes(path: &Path, tell: impl FnOnce(&str)) -> io::Result<Vec<u8>> {
    within(path, SILENCE, PATIENCE, tell)
}

/// The text of a file.
///
/// # Errors
/// The same as of [`bytes()`], or it is not UTF-8.
pub fn text(path: &Path, tell: impl FnOnce(&str)) -> io::Result<String> {
    let bytes = bytes(path, tell)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not text in UTF-8"))
}

fn within(
    path: &Path,
    silence: Duration,
    patience: Duration,
    tell: impl FnOnce(&str),
) -> io::Result<Vec<u8>> {
    let (sender, read) = mpsc::sync_channel(1);
    let file = path.to_owned();
    // Opening a pipe waits until somebody writes, and nothing can end that wait from outside. So the wait has a thread
    // of its own.
    thread::spawn(move || sender.send(whole(&file)));
    if let Ok(read) = read.recv_timeout(silence) {
        return read;
    }
    tell(&format!("still waiting for {}: is it a pipe that nobody writes into?", path.display()));
    let late = || io::Error::new(ErrorKind::TimedOut, "nobody writes into it, or it does not come to an end");
    read.recv_timeout(patience).unwrap_or_else(|_| Err(late()))
}

fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(io::Error::new(ErrorKind::FileTooLarge, "it has more than 1 MiB")),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Reads a file, and expects no message.
    fn read(path: &Path) -> Result<String, String> {
        text(path, |words| panic!("{words}")).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_file_that_never_ends_is_refused() {
        assert_eq!(read(Path::new("/dev/zero")), Err("it has more than 1 MiB".to_owned()));
    }

    #[test]
    fn a_file_is_too_long_before_it_is_no_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let long = "ü".repeat(usize::try_from(LARGEST).unwrap());
        std::fs::write(file.path(), &long[..long.len() / 2]).unwrap();
        assert_eq!(read(file.path()).map(|text| text.len() as u64), Ok(LARGEST));
        std::fs::write(file.path(), long).unwrap();
        assert_eq!(read(file.path()), Err("it has more than 1 MiB".to_owned()));
        std::fs::write(file.path(), b"\xff").unwrap();
        assert_eq!(read(file.path()), Err("it is not text in UTF-8".to_owned()));
    }

    #[test]
    fn a_pipe_that_nobody_writes_into_is_given_up_after_a_word() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut said = String::new();
        let short = Duration::from_millis(10);
        let fault = within(&pipe, short, short, |words| said = words.to_owned()).unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::TimedOut);
        assert!(said.contains("still waiting for ") && said.contains("/pipe"), "{said}");
    }

    #[test]
    fn a_pipe_that_is_written_into_late_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let write = |_: &str| {
            let pipe = pipe.clone();
            thread::spawn(move || std::fs::write(pipe, "hush"));
        };
        let read = within(&pipe, Duration::from_millis(10), PATIENCE, write);
        assert_eq!(read.unwrap(), b"hush");
    }
}
