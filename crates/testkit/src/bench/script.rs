//! The scripts that are run by all variants alike.

/// Number of lines that the long scripts print.
pub(super) const LINES: u64 = 1_000_000;
/// The length of a line, with its end.
pub(super) const LENGTH: u64 = 100;
/// The byte that the long scripts' lines consist of, and nothing else prints.
pub(super) const MARK: u8 = b'~';
/// Output of the short script.
pub(super) const FIRST_LINE: &str = "first-line";

/// A script, with the repository at the double that has it as its hook's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// Prints one line.
    Short,
    /// Prints a million lines, many with one call of the system.
    Blocks,
    /// Prints a million lines with a call of the system each.
    Lines,
}

impl Script {
    pub(super) const ALL: [Self; 3] = [Self::Short, Self::Blocks, Self::Lines];

    pub(super) fn repository(self) -> &'static str {
        match self {
            Self::Short => "anna/short",
            Self::Blocks => "anna/blocks",
            Self::Lines => "anna/lines",
        }
    }

    /// The script without its first line, for bash.
    pub(super) fn body(self) -> String {
        let mark = char::from(MARK);
        let length = LENGTH - 1;
        match self {
            Self::Short => format!("echo {FIRST_LINE}"),
            Self::Blocks => {
                format!("yes \"$(printf '%{length}s' '' | tr ' ' '{mark}')\" | head -n {LINES}")
            }
            Self::Lines => {
                format!(
                    "exec perl -e '$| = 1; $l = \"{mark}\" x {length} . \"\\n\"; print $l for 1..{LINES}'"
                )
            }
        }
    }
}

/// Counts the long scripts' lines in what arrives.
#[derive(Debug, Default)]
pub(super) struct Counter {
    marks: u64,
}

impl Counter {
    /// True if the piece holds a part of a line.
    pub(super) fn add(&mut self, piece: &[u8]) -> bool {
        let marks = piece.iter().filter(|byte| **byte == MARK).count() as u64;
        self.marks += marks;
        marks > 0
    }

    /// Whether all lines have come, whole.
    pub(super) fn is_complete(&self) -> bool {
        self.marks == LINES * (LENGTH - 1)
    }

    /// Number of whole lines that have come, by their bytes.
    pub(super) fn lines(&self) -> u64 {
        self.marks / (LENGTH - 1)
    }
}
