//! Reads a line from a terminal without showing it.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::{
    io::{self, ErrorKind, Read, Stdin},
    os::fd::AsFd,
};

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACES: [u8; 2] = [0x08, 0x7f];
const CLEAR: u8 = 0x15;

/// The terminal's modes, which are restored when this is dropped.
struct Modes<'a>(&'a Stdin, Termios);

impl Drop for Modes<'_> {
    fn drop(&mut self) {
        // A closed terminal does not need them.
        let _ = tcsetattr(self.0.as_fd(), OptionalActions::Flush, &self.1);
    }
}

/// Asks, and reads a line without showing it; none if the input ended.
///
/// # Errors
/// The terminal cannot be read, or Ctrl-C was pressed. Ctrl-C is read as a character here, so that the modes can be
/// restored.
pub(super) fn read(
    stdin: &Stdin,
    longest: usize,
    ask: impl FnOnce() -> io::Result<()>,
) -> io::Result<Option<String>> {
    let former = tcgetattr(stdin.as_fd())?;
    let mut quiet = former.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    tcsetattr(stdin.as_fd(), OptionalActions::Flush, &quiet)?;
    let _modes = Modes(stdin, former);
    // The modes come first: the person may answer as soon as the question appears.
    ask()?;
    line(&mut stdin.lock(), longest)
}

fn line(input: &mut impl Read, longest: usize) -> io::Result<Option<String>> {
    let (mut typed, mut letter) = (Vec::new(), [0]);
    loop {
        let is_end = input.read(&mut letter)? == 0;
        match letter[0] {
            _ if is_end => break,
            b'\n' | b'\r' => return text(typed).map(Some),
            END => break,
            INTERRUPT => return Err(ErrorKind::Interrupted.into()),
            CLEAR => typed.clear(),
            back if BACKSPACES.contains(&back) => {
                while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            _ if typed.len() >= longest => {}
            byte => typed.push(byte),
        }
    }
    if typed.is_empty() { Ok(None) } else { text(typed).map(Some) }
}

fn text(typed: Vec<u8>) -> io::Result<String> {
    String::from_utf8(typed).map_err(|_| io::Error::new(ErrorKind::InvalidData, "that is not text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_correct_do_so() {
        let read = |typed: &[u8]| line(&mut &typed[..], 10).map_err(|fault| fault.kind());
        assert_eq!(read(b"hush\r"), Ok(Some("hush".to_owned())));
        assert_eq!(read("hu\u{fc}\x7fsx\x08h\n".as_bytes()), Ok(Some("hush".to_owned())));
        assert_eq!(read(b"wrong\x15hush\n"), Ok(Some("hush".to_owned())));
        assert_eq!(read(b"\x04"), Ok(None));
        assert_eq!(read(b""), Ok(None));
        assert_eq!(read(b"hu\x03"), Err(ErrorKind::Interrupted));
        assert_eq!(read(b"01234567890123\n"), Ok(Some("0123456789".to_owned())));
        assert_eq!(read(b"\xff\n"), Err(ErrorKind::InvalidData));
    }
}
