//! One model of a terminal: it makes lines out of a log's bytes, for all that shows a log on its own, such as reports,
//! mails and the monitor. The log's page has the same in the browser (`crates/web/static/terminal.js`); both are held to
//! the table in `crates/model/src/terminal/cases.json`.
//!
//! A log is not a screen, so the model is a terminal of endless width whose screen is the last [`HEIGHT`] lines. In it,
//! programs move as they do on any other: progress of several lines is drawn over itself. A line that has left it never
//! changes again, whatever comes, and neither memory nor time grows with a line that never ends. Two things are other
//! than on a terminal, because nobody may take a script's lines out of its log: what is cleared, as by `clear`, `reset`
//! or a program with a screen to itself, stays above, and another screen begins on the next line; and where lines have
//! left the screen, so does it if a program goes to a row by its number.
//!
//! `vte` and `avt` were weighed for this. `vte` is a parser alone, knows no control characters from U+0080 on, and lets
//! the end of a line be part of a sequence, so that one that was cut off would hide what follows. `avt` is a whole
//! terminal, of a fixed width and without marks on letters; it checks this one in a test.

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

/// Number of lines at the end that can still change.
pub const HEIGHT: usize = screen::HEIGHT;

/// Signs that stand side by side in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The signs.
    pub text: String,
    /// Their look.
    pub style: Style,
}

/// A line, or a part of one that is very long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its text, from left to right.
    pub runs: Vec<Run>,
    /// Whether the line ends here: not if its next part follows, and not if it is the log's last one and still open.
    pub is_ended: bool,
}

impl Line {
    /// The line without its looks.
    pub fn text(&self) -> String {
        self.runs.iter().map(|run| run.text.as_str()).collect()
    }
}

/// Reads a log piece by piece.
#[derive(Default)]
pub struct Terminal {
    signs: Signs,
    sequences: Sequences,
    screen: Screen,
}

impl Terminal {
    /// Reads a piece, which may begin and end anywhere, and gives the lines that nothing can change any more.
    pub fn read(&mut self, piece: &[u8]) -> Vec<Line> {
        let Self { signs, sequences, screen } = self;
        signs.read(piece, |sign| {
            if let Some(step) = sequences.read(sign) {
                screen.take(&step);
            }
        });
        std::mem::take(&mut self.screen.done)
    }

    /// The lines that are left when the log is over, or ends here for now.
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

/// The lines of a log, or of a piece of one.
pub fn lines(bytes: &[u8]) -> Vec<Line> {
    let mut terminal = Terminal::default();
    let mut lines = terminal.read(bytes);
    lines.extend(terminal.rest());
    whole(lines)
}

/// Puts the parts of very long lines together.
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

/// The lines as a text, each ended one with its end.
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

/// The signs of a text that is no log, such as a name: nothing moves them, and sequences and controls leave no trace.
pub fn stripped(text: &str) -> String {
    let mut sequences = Sequences::default();
    let sign = |sign| match sequences.read(sign) {
        Some(Step::Sign(sign)) => Some(sign),
        _ => None,
    };
    text.chars().filter_map(sign).collect()
}
