//! Finds out how a script ended. A container's exit code alone does not tell: an engine that stops or restarts ends
//! containers with the same codes with which scripts end.
//!
//! The shell that runs a script writes a note: the script's code, and if a signal came from outside before the end. A
//! note without a signal says that the script ended by itself, whatever happened to the engine. Without such a note,
//! the question is if the engine that runs now has seen the container end: an engine that was stopped or killed has
//! not.

use crate::job::Outcome;

/// The longest note, in bytes.
pub const LONGEST_NOTE: usize = 64;

/// The note that the shell around a script wrote at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The code that the script returned.
    pub code: i64,
    /// True if the shell got a signal from outside while the script ran.
    pub is_signaled: bool,
    /// True if a process of the container was killed for lack of memory while the script ran.
    pub lacked_memory: bool,
}

impl Note {
    /// Reads `3`, `3 signaled`, `3 memory` or `3 signaled memory`, and a newline. None for anything else: a note that
    /// was cut short does not count.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.strip_suffix('\n')?;
        let (code, words) = text.split_once(' ').unwrap_or((text, ""));
        let (is_signaled, lacked_memory) = match words {
            "" if code.len() == text.len() => (false, false),
            "signaled" => (true, false),
            "memory" => (false, true),
            "signaled memory" => (true, true),
            _ => return None,
        };
        let code = code.parse().ok().filter(|code| (0..=255).contains(code))?;
        Some(Self { code, is_signaled, lacked_memory })
    }

    /// The code that the script returned, if it ended by itself.
    pub fn own_end(self) -> Option<i64> {
        (!self.is_signaled).then_some(self.code)
    }
}

/// The outcome of a script whose container ended with this code. `engine_saw_it` is true if the engine that runs now
/// has seen the end.
pub fn verdict(code: i64, note: Option<Note>, engine_saw_it: bool) -> Outcome {
    match note {
        Some(note) if !note.is_signaled => Outcome::Returned(note.code),
        // The script sent the signal to itself, or a person sent it.
        Some(note) if engine_saw_it => Outcome::Returned(note.code),
        // The shell was killed together with the script, or there was no shell, or the note could not be written.
        None if engine_saw_it || !is_violent(code) => Outcome::Returned(code),
        Some(_) | None => Outcome::Interrupted(
            "Interrupted: the Docker engine or its machine stopped while the script ran.".into(),
        ),
    }
}

/// True if a signal may be the reason for this code, or if the engine may not know a better code.
fn is_violent(code: i64) -> bool {
    code > 128
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(code: i64, is_signaled: bool) -> Option<Note> {
        Some(Note { code, is_signaled, lacked_memory: false })
    }

    #[test]
    fn a_script_that_ended_by_itself_is_believed_whatever_became_of_its_engine() {
        for code in [0, 3, 143, 255] {
            for (seen, told) in [(true, code), (false, code), (false, 255)] {
                assert_eq!(verdict(told, note(code, false), seen), Outcome::Returned(code));
            }
        }
    }

    #[test]
    fn what_the_engine_ended_when_it_stopped_is_interrupted() {
        let is_interrupted = |code, note| matches!(verdict(code, note, false), Outcome::Interrupted(_));
        for code in [129, 130, 137, 143, 255] {
            assert!(is_interrupted(code, None), "{code}");
        }
        // A script that catches the signal may return any code, even success.
        assert!([0, 1, 143].into_iter().all(|code| is_interrupted(143, note(code, true))));
    }

    #[test]
    fn what_a_script_or_a_person_kills_while_the_engine_looks_on_has_failed() {
        assert_eq!(verdict(137, None, true), Outcome::Returned(137));
        assert_eq!(verdict(143, note(143, true), true), Outcome::Returned(143));
        assert_eq!(verdict(143, note(0, true), true), Outcome::Returned(0));
    }

    #[test]
    fn without_a_shell_only_codes_of_signals_are_doubted() {
        assert_eq!([0, 1, 127].map(|code| verdict(code, None, false)), [0, 1, 127].map(Outcome::Returned));
    }

    #[test]
    fn a_note_is_read_whole_or_not_at_all() {
        assert_eq!(Note::read("0\n"), note(0, false));
        assert_eq!(Note::read("143 signaled\n"), note(143, true));
        let starved = |code, is_signaled| Some(Note { code, is_signaled, lacked_memory: true });
        assert_eq!(Note::read("2 memory\n"), starved(2, false));
        assert_eq!(Note::read("9 signaled memory\n"), starved(9, true));
        for torn in ["", "1", "14", "143 sig", "143 signaled", "\n", "x\n", "-1\n", "256\n", "0 0\n", "0 \n"]
        {
            assert_eq!(Note::read(torn), None, "{torn:?}");
        }
        for other in ["1 memory signaled\n", "1 memory memory\n", "1  memory\n", "1 memory \n", " memory\n"] {
            assert_eq!(Note::read(other), None, "{other:?}");
        }
    }
}
