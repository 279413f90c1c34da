//! A model of a terminal: it turns a log's bytes into lines, for everything that shows a log outside of its page:
//! reports, mails and the monitor. The log's page has the same model in the browser (`crates/web/static/terminal.js`).
//! The table in `crates/model/src/terminal/cases.json` tests both.
//!
//! A log is not a screen, so the model is a terminal of endless width whose screen is the last [`HEIGHT`] lines. In it,
//! programs move the cursor as on any terminal: progress over several lines is drawn over itself. A line that has left
//! the screen never changes again, and neither memory nor time grows with a line that never ends. Two things differ
//! from a terminal, because nothing may remove a script's lines from its log:
//!
//! - Cleared content, as by `clear`, `reset` or a program with a screen of its own, stays above, and another screen
//!   begins on the next line.
//! - If lines have left the screen and a program goes to a row by its number, the screen's content stays above in the
//!   same way.
//!
//! `vte` and `avt` were considered. `vte` is only a parser. It knows no control characters from U+0080 on, and it lets
//! the end of a line be part of a sequence, so a sequence that was cut off would hide the text after it. `avt` is a
//! whole terminal, of a fixed width and without combining marks; a test compares this model with it.

mod cells;
#[cfg(test)]
mod fuzz;
mod screen;
mod sequence;
mod signs;
mod style;
#[cfg(test)]
mod tests;

use screen::Screen;
use sequence::{Sequences, Step};
use signs::Signs;

pub use signs::width;
pub use style::{Colour, Style};

/// Number of lines at the end of the log that can still change.
pub const HEIGHT: usize = screen::HEIGHT;

/// Characters side by side in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The characters.
    pub text: String,
    /// Their style.
    pub style: Style,
}

/// A line, or a part of a very long line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its text, from left to right.
    pub runs: Vec<Run>,
    /// True if the line ends here. False if its next part follows, or if it is the log's last line and still open.
    pub is_ended: bool,
}

impl Line {
    /// The line without its styles.
    pub fn text(&self) -> String {
        self.runs.iter().map(|run| run.text.as_str()).collect()
    }
}

/// Reads a log in pieces.
#[derive(Default)]
pub struct Terminal {
    signs: Signs,
    sequences: Sequences,
    screen: Screen,
}

impl Terminal {
    /// Reads a piece, which may begin and end anywhere. Returns the lines that can no longer change.
    pub fn read(&mut self, piece: &[u8]) -> Vec<Line> {
        let Self { signs, sequences, screen } = self;
        signs.read(piece, |sign| {
            if let Some(step) = sequences.read(sign) {
                screen.take(&step);
            }
        });
        std::mem::take(&mut self.screen.done)
    }

    /// The remaining lines, when the log is over or ends here for now.
    pub fn rest(mut self) -> Vec<Line> {
        if let Some(torn) = self.signs.rest()
            && let Some(step) = self.sequences.read(torn)
        {
            self.screen.take(&step);
        }
        self.screen.rest();
        self.screen.done
    }
}

/// The lines of a log, or of a piece of a log.
pub fn lines(bytes: &[u8]) -> Vec<Line> {
    let mut terminal = Terminal::default();
    let mut lines = terminal.read(bytes);
    lines.extend(terminal.rest());
    whole(lines)
}

/// Joins the parts of very long lines.
fn whole(parts: Vec<Line>) -> Vec<Line> {
    let mut lines = Vec::<Line>::with_capacity(parts.len());
    for part in parts {
        match lines.last_mut() {
            Some(line) if !line.is_ended => {
                line.runs.extend(part.runs);
                line.is_ended = part.is_ended;
            }
            _ => lines.push(part),
        }
    }
    lines
}

/// The lines as a text. Each line that is ended gets a newline.
pub fn text(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        line.runs.iter().for_each(|run| text.push_str(&run.text));
        if line.is_ended {
            text.push('\n');
        }
    }
    text
}

/// The characters of a text that is not a log, such as a name: sequences and control characters are removed and move
/// nothing.
pub fn stripped(text: &str) -> String {
    let mut sequences = Sequences::default();
    let sign = |sign| match sequences.read(sign) {
        Some(Step::Sign(sign)) => Some(sign),
        _ => None,
    };
    text.chars().filter_map(sign).collect()
}
