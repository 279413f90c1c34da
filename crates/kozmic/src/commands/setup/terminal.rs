//! The terminal, or another input in its place. Words go to standard error, so that a result can go to standard output.

use super::secret_line;
use anyhow::{Context, Result, anyhow, bail};
use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Stdin, Write};

/// The longest line that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// The terminal.
pub(super) struct Terminal {
    input: Stdin,
    is_terminal: bool,
}

impl Terminal {
    /// The terminal of this command.
    pub(super) fn new() -> Self {
        let input = io::stdin();
        let is_terminal = input.is_terminal();
        Self { input, is_terminal }
    }

    /// Prints a line.
    pub(super) fn say(&self, line: &str) {
        eprintln!("{line}");
    }

    /// Asks for a line.
    ///
    /// # Errors
    /// The input ended, or the person interrupted it.
    pub(super) fn ask(&self, question: &str) -> Result<String> {
        prompt(question).context("ask a question")?;
        let mut line = Vec::new();
        let limit = LONGEST as u64 + 1;
        self.input.lock().take(limit).read_until(b'\n', &mut line).context("read an answer")?;
        if line.is_empty() {
            self.say("");
            return Err(ended());
        }
        if line.len() > LONGEST {
            bail!("a line of the input has more than {LONGEST} bytes: nothing was written");
        }
        self.end_line();
        String::from_utf8(line).map_err(|_| anyhow!("an answer is not text in UTF-8: nothing was written"))
    }

    /// Asks for a line that is not shown while a person types it.
    ///
    /// # Errors
    /// As for [`Terminal::ask`].
    pub(super) fn ask_secretly(&self, question: &str) -> Result<String> {
        if !self.is_terminal {
            return self.ask(question);
        }
        let read = secret_line::read(&self.input, LONGEST, || prompt(question));
        self.say("");
        match read {
            Ok(line) => line.ok_or_else(ended),
            Err(fault) if fault.kind() == ErrorKind::Interrupted => {
                Err(anyhow!("stopped: nothing was written"))
            }
            Err(fault) => Err(fault).context("read an answer"),
        }
    }

    /// Asks for yes or no. `usual` is the answer of an empty line.
    ///
    /// # Errors
    /// As for [`Terminal::ask`].
    pub(super) fn agrees(&self, question: &str, usual: bool) -> Result<bool> {
        let choice = if usual { "[Y/n]" } else { "[y/N]" };
        loop {
            match self.ask(&format!("{question} {choice} "))?.trim().to_lowercase().as_str() {
                "" => return Ok(usual),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.say("  Please answer y or n."),
            }
        }
    }

    /// Ends the line of the question if the answer did not come from a terminal: a typed answer ends it by itself.
    fn end_line(&self) {
        if !self.is_terminal {
            self.say("");
        }
    }
}

fn prompt(question: &str) -> io::Result<()> {
    let mut output = io::stderr();
    output.write_all(question.as_bytes())?;
    output.flush()
}

fn ended() -> anyhow::Error {
    anyhow!("the input ended before the set-up did: nothing was written")
}
