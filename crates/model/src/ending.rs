//! The reasons why attempts end, and the causes of scripts' failures.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The number of bytes at the end of a log in which a cause of failure is searched.
pub const LAST_WORDS: usize = 4096;

/// The message of nearly every program for a full disk, in lower case.
const DISK_FULL: &str = "no space left on device";

/// The reason why an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The script ended by itself.
    Returned,
    /// The install script ended by itself, and not well.
    NotInstalled,
    /// A script failed after a process in its container was killed for lack of memory.
    OutOfMemory,
    /// A script failed, and its last lines say that a disk is full.
    DiskFull,
    /// It printed nothing for too long.
    Stalled,
    /// It took too long.
    TimedOut,
    /// It printed too much.
    Flooded,
    /// Somebody, or a newer push, stopped it.
    Canceled,
    /// Kozmic could not run it.
    Broken,
    /// Its engine, its machine or Kozmic went away.
    Interrupted,
}

impl Ending {
    /// All endings.
    pub const ALL: [Self; 10] = [
        Self::Returned,
        Self::NotInstalled,
        Self::OutOfMemory,
        Self::DiskFull,
        Self::Stalled,
        Self::TimedOut,
        Self::Flooded,
        Self::Canceled,
        Self::Broken,
        Self::Interrupted,
    ];

    /// The word in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::NotInstalled => "not_installed",
            Self::OutOfMemory => "out_of_memory",
            Self::DiskFull => "disk_full",
            Self::Stalled => "stalled",
            Self::TimedOut => "timed_out",
            Self::Flooded => "flooded",
            Self::Canceled => "canceled",
            Self::Broken => "broken",
            Self::Interrupted => "interrupted",
        }
    }

    /// The reason in a few words, for the forge's short line; none for a code that stands for no signal.
    pub fn in_short(self, return_code: Option<i64>) -> Option<String> {
        let words = match self {
            Self::Returned | Self::NotInstalled => return return_code.and_then(killed_by),
            Self::OutOfMemory => "out of memory",
            Self::DiskFull => "disk full",
            Self::Stalled => "no output for too long",
            Self::TimedOut => "it took too long",
            Self::Flooded => "its log got too long",
            Self::Interrupted => "it was interrupted",
            Self::Canceled | Self::Broken => return None,
        };
        Some(words.to_owned())
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Ending {
    type Err = NotAnEnding;
    fn from_str(text: &str) -> Result<Self, NotAnEnding> {
        Self::ALL.into_iter().find(|it| it.word() == text).ok_or_else(|| NotAnEnding(text.to_owned()))
    }
}

/// The text names no ending.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not how an attempt ends")]
pub struct NotAnEnding(String);

/// The reason of a script's failure, if more than its code is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A process in the script's container was killed for lack of memory.
    OutOfMemory,
    /// The script's last lines say that a disk is full.
    DiskFull,
}

impl Cause {
    /// The cause of a script's failure. `last_words` is the end of its log. A full disk is known only from this text,
    /// because the files that filled the disk may already be gone.
    pub fn of(lacked_memory: bool, last_words: &str) -> Option<Self> {
        let is_full = || last_words.to_ascii_lowercase().contains(DISK_FULL);
        match lacked_memory {
            true => Some(Self::OutOfMemory),
            false => is_full().then_some(Self::DiskFull),
        }
    }

    /// The cause in a few words, as far as it is known.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::OutOfMemory => "out of memory: one of its processes was killed",
            Self::DiskFull => "disk full: its last lines say \"no space left on device\"",
        }
    }
}

/// The words for an end by a signal. Shells report it as a code above 128; programs use other codes there themselves.
pub(crate) fn killed_by(code: i64) -> Option<String> {
    let number = code.checked_sub(128)?;
    SIGNALS.iter().find(|(known, _)| *known == number).map(|(_, name)| format!("killed by SIG{name}"))
}

/// The signals that end programs in practice, with their numbers on most Linux machines. SIGHUP is left out: git uses
/// its code for wrong usage.
const SIGNALS: [(i64, &str); 15] = [
    (2, "INT"),
    (3, "QUIT"),
    (4, "ILL"),
    (5, "TRAP"),
    (6, "ABRT"),
    (7, "BUS"),
    (8, "FPE"),
    (9, "KILL"),
    (11, "SEGV"),
    (13, "PIPE"),
    (14, "ALRM"),
    (15, "TERM"),
    (24, "XCPU"),
    (25, "XFSZ"),
    (31, "SYS"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_reason_is_the_real_one() {
        let short = |ending: Ending, code| ending.in_short(code).unwrap_or_default();
        assert_eq!(short(Ending::Returned, Some(3)), "");
        assert_eq!(short(Ending::NotInstalled, Some(139)), "killed by SIGSEGV");
        assert_eq!(short(Ending::OutOfMemory, Some(137)), "out of memory");
        assert_eq!(short(Ending::Canceled, None), "");
    }

    #[test]
    fn every_word_is_read_back() {
        assert!(Ending::ALL.into_iter().all(|ending| ending.word().parse::<Ending>().unwrap() == ending));
    }

    #[test]
    fn only_what_is_known_is_a_cause() {
        assert_eq!(Cause::of(false, "make: *** [all] Error 1"), None);
        assert_eq!(Cause::of(false, "Killed\n"), None, "nobody knows for what");
        assert_eq!(Cause::of(true, ""), Some(Cause::OutOfMemory));
        for words in
            ["cp: error writing 'x': No space left on device\n", "ENOSPC: no space left on device, write"]
        {
            assert_eq!(Cause::of(false, words), Some(Cause::DiskFull));
        }
        assert_eq!(
            Cause::of(true, "No space left on device"),
            Some(Cause::OutOfMemory),
            "the engine saw that"
        );
        let watchers = "Error: ENOSPC: System limit for number of file watchers reached";
        assert_eq!(Cause::of(false, watchers), None, "it is no disk that is full");
    }
}
