//! The output of a container: as those hear it who listen, and as the engine keeps it.

use bytes::Bytes;
use kozmic_edges::{
    clock,
    engine::{Channel, Output},
};
use kozmic_model::time::Timestamp;

/// Bytes of a line that the engine keeps as one.
const LONGEST: usize = 16 * 1024;
/// Bytes of a piece.
const PIECE: usize = 32 * 1024;

/// One of the two copies of what a container printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    /// Every byte, as soon as it was printed.
    Heard,
    /// Text, by lines.
    Kept,
}

/// A reader's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The copy that it reads.
    pub(crate) copy: Copy,
    /// The number of the piece that comes next.
    pub(crate) piece: usize,
    /// Number of times that all connections had been lost before its own was made.
    pub(crate) cuts: usize,
}

/// The piece, or its lack, that a reader finds at its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A piece.
    Piece(Output),
    /// The connection was lost.
    Cut,
    /// Nothing comes any more.
    End,
    /// Nothing yet.
    Later,
}

/// The output of a container.
#[derive(Default)]
pub(crate) struct Printed {
    has_terminal: bool,
    heard: Vec<Output>,
    kept: Vec<(Output, Timestamp)>,
    /// Lines that did not end yet, of both channels.
    open: [Vec<u8>; 2],
    is_closed: bool,
    /// The engine does not notice any more what happens.
    pub(crate) is_unseen: bool,
    /// The lengths of both copies whenever all connections were lost.
    cuts: Vec<(usize, usize)>,
}

impl Printed {
    pub(crate) fn new(has_terminal: bool) -> Self {
        Self { has_terminal, ..Self::default() }
    }

    /// Takes what a container prints.
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

    /// Notes that nothing more comes.
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

    /// Number of times that all connections were lost.
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.len()
    }

    /// Length of what was heard.
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

    /// The output that was kept up to a second.
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
