//! The output of a container: one copy for listeners, one that the engine stores.

use bytes::Bytes;
use kozmic_edges::{
    clock,
    engine::{Channel, Output},
};
use kozmic_model::time::Timestamp;

/// The largest part of a line that the engine stores as one piece, in bytes.
const LONGEST: usize = 16 * 1024;
/// The largest piece, in bytes.
const PIECE: usize = 32 * 1024;

/// One of the two copies of a container's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    /// Every byte at once, for listeners.
    Heard,
    /// Lines of text, which the engine stores.
    Kept,
}

/// A reader's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The copy that is read.
    pub(crate) copy: Copy,
    /// The number of the next piece.
    pub(crate) piece: usize,
    /// The number of times that all connections were lost before this one was made.
    pub(crate) cuts: usize,
}

/// The result of reading at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A piece.
    Piece(Output),
    /// The connection was lost.
    Cut,
    /// The end of the output.
    End,
    /// No piece yet.
    Later,
}

/// The output of a container.
#[derive(Default)]
pub(crate) struct Printed {
    has_terminal: bool,
    heard: Vec<Output>,
    kept: Vec<(Output, Timestamp)>,
    /// Lines of both channels that have not ended yet.
    open: [Vec<u8>; 2],
    is_closed: bool,
    /// True if the engine no longer notices any output.
    pub(crate) is_unseen: bool,
    /// The lengths of both copies each time all connections were lost.
    cuts: Vec<(usize, usize)>,
}

impl Printed {
    pub(crate) fn new(has_terminal: bool) -> Self {
        Self { has_terminal, ..Self::default() }
    }

    /// Adds output of the container.
    pub(crate) fn print(&mut self, channel: Channel, bytes: &[u8]) {
        if bytes.is_empty() || self.is_unseen {
            return;
        }
        let on_terminal = || {
            bytes.iter().flat_map(|byte| if *byte == b'\n' { b"\r\n" } else { std::slice::from_ref(byte) })
        };
        let (channel, bytes) = match self.has_terminal {
            true => (Channel::Output, on_terminal().copied().collect()),
            false => (channel, bytes.to_vec()),
        };
        let bytes = Bytes::from(bytes);
        for start in (0..bytes.len()).step_by(PIECE) {
            let bytes = bytes.slice(start..bytes.len().min(start + PIECE));
            self.heard.push(Output { channel, bytes });
        }
        self.keep(channel, &bytes);
    }

    fn keep(&mut self, channel: Channel, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let line = &mut self.open[usize::from(channel == Channel::Error)];
            let most = &bytes[..bytes.len().min(LONGEST - line.len())];
            let length = most.iter().position(|byte| *byte == b'\n').map_or(most.len(), |end| end + 1);
            line.extend_from_slice(&bytes[..length]);
            bytes = &bytes[length..];
            if line.ends_with(b"\n") || line.len() == LONGEST {
                let line = std::mem::take(line);
                self.keep_line(channel, &line);
            }
        }
    }

    fn keep_line(&mut self, channel: Channel, line: &[u8]) {
        let mut text = String::new();
        for chunk in line.utf8_chunks() {
            text.push_str(chunk.valid());
            chunk.invalid().iter().for_each(|_| text.push('\u{fffd}'));
        }
        self.kept.push((Output { channel, bytes: text.into() }, clock::now()));
    }

    /// Marks the end of the output.
    pub(crate) fn close(&mut self) {
        for channel in [Channel::Output, Channel::Error] {
            let rest = std::mem::take(&mut self.open[usize::from(channel == Channel::Error)]);
            if !rest.is_empty() {
                self.keep_line(channel, &rest);
            }
        }
        self.is_closed = true;
    }

    /// Loses all connections.
    pub(crate) fn cut(&mut self) {
        self.cuts.push((self.heard.len(), self.kept.len()));
    }

    /// The number of times that all connections were lost.
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.len()
    }

    /// The length of the listeners' copy.
    pub(crate) fn length(&self) -> usize {
        self.heard.len()
    }

    /// The piece at a place.
    pub(crate) fn next(&self, Place { copy, piece, cuts }: Place) -> Next {
        let cut = self.cuts.get(cuts).map(|(heard, kept)| if copy == Copy::Heard { *heard } else { *kept });
        if cut.is_some_and(|cut| piece >= cut) {
            return Next::Cut;
        }
        let found = match copy {
            Copy::Heard => self.heard.get(piece),
            Copy::Kept => self.kept.get(piece).map(|(piece, _)| piece),
        };
        match found {
            Some(piece) => Next::Piece(piece.clone()),
            None if self.is_closed => Next::End,
            None => Next::Later,
        }
    }

    /// The stored output up to a second.
    pub(crate) fn kept_until(&self, until: Timestamp) -> Vec<Output> {
        let over = |at: &Timestamp| at.0 / 1_000 > until.0 / 1_000;
        self.kept.iter().filter(|(_, at)| !over(at)).map(|(piece, _)| piece.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(printed: &Printed) -> Vec<String> {
        let text = |(piece, _): &(Output, Timestamp)| String::from_utf8_lossy(&piece.bytes).into_owned();
        printed.kept.iter().map(text).collect()
    }

    #[test]
    fn lines_are_kept_when_they_end_and_the_last_one_with_its_container() {
        let mut printed = Printed::new(false);
        printed.print(Channel::Output, b"a\nb");
        printed.print(Channel::Error, b"c");
        assert_eq!((kept(&printed), printed.length()), (vec!["a\n".to_owned()], 2));
        printed.print(Channel::Output, "ü\u{e9}\n".as_bytes());
        printed.close();
        assert_eq!(kept(&printed), ["a\n", "büé\n", "c"]);
    }

    #[test]
    fn a_reader_is_cut_off_behind_what_was_printed_before() {
        let mut printed = Printed::new(true);
        printed.print(Channel::Error, b"a\n");
        printed.cut();
        printed.print(Channel::Output, b"b\n");
        let piece = |text: &'static [u8]| {
            Next::Piece(Output { channel: Channel::Output, bytes: Bytes::from_static(text) })
        };
        let next = |piece, cuts| printed.next(Place { copy: Copy::Heard, piece, cuts });
        assert_eq!(next(0, 0), piece(b"a\r\n"));
        assert_eq!(next(1, 0), Next::Cut);
        assert_eq!(next(1, 1), piece(b"b\r\n"));
        assert_eq!(next(2, 1), Next::Later);
    }
}
