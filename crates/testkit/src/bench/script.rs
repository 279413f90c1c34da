//! The scripts that all variants run.

/// Number of lines that the long scripts print.
pub(super) const LINES: u64 = 1_000_000;
/// The length of a line in bytes, with its line break.
pub(super) const LENGTH: u64 = 100;
/// The byte that the long scripts' lines consist of. Nothing else prints it.
pub(super) const MARK: u8 = b'~';
/// Number of lines that the paced script prints.
pub(super) const PACED_LINES: u64 = 500;
/// Output of the short script.
pub(super) const FIRST_LINE: &str = "first-line";

/// A script. Each has a repository at the double whose hook runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// Prints one line.
    Short,
    /// Prints a million lines, many with each system call.
    Blocks,
    /// Prints a million lines, one with each system call.
    Lines,
    /// Prints one line, and three seconds later a million lines, many with each system call.
    Held,
    /// Prints a line each 20 ms, with the time.
    Paced,
}

impl Script {
    pub(super) const ALL: [Self; 5] = [Self::Short, Self::Blocks, Self::Lines, Self::Held, Self::Paced];

    pub(super) fn repository(self) -> &'static str {
        match self {
            Self::Short => "anna/short",
            Self::Blocks => "anna/blocks",
            Self::Lines => "anna/lines",
            Self::Held => "anna/held",
            Self::Paced => "anna/paced",
        }
    }

    /// The script for bash, without its first line.
    pub(super) fn body(self) -> String {
        let mark = char::from(MARK);
        let length = LENGTH - 1;
        match self {
            Self::Short => format!("echo {FIRST_LINE}"),
            Self::Blocks => {
                format!("yes \"$(printf '%{length}s' '' | tr ' ' '{mark}')\" | head -n {LINES}")
            }
            Self::Held => format!("echo {FIRST_LINE}\nsleep 3\n{}", Self::Blocks.body()),
            Self::Paced => {
                format!("for _ in $(seq {PACED_LINES}); do echo \"at $EPOCHREALTIME\"; sleep 0.02; done")
            }
            Self::Lines => {
                format!(
                    "exec perl -e '$| = 1; $l = \"{mark}\" x {length} . \"\\n\"; print $l for 1..{LINES}'"
                )
            }
        }
    }
}

/// Counts the long scripts' lines in the received output.
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

    /// True if all lines have come completely.
    pub(super) fn is_complete(&self) -> bool {
        self.marks == LINES * (LENGTH - 1)
    }

    /// Number of complete lines that have come, computed from their bytes.
    pub(super) fn lines(&self) -> u64 {
        self.marks / (LENGTH - 1)
    }
}
