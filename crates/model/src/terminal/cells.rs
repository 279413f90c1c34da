//! One line of a terminal: characters in cells. Spinners, progress bars and tables move back and forth in it.

use super::{Run, signs::joins, style::Style};

/// The most columns of a line. A longer line continues in its next part, as if the terminal ended there.
pub(super) const WIDEST: usize = 10_000;

/// The last column that a sequence can reach, counted from 0; no real terminal is wider.
pub(super) const FURTHEST: usize = 999;

/// The most characters in one cell, such as a letter with many marks.
const CROWDED: usize = 32;

/// The content of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sign {
    /// Nothing was written here.
    Blank,
    One(char),
    /// A character with others that have no width of their own.
    Joined(Box<str>),
    /// The second column of the character before.
    Second,
}

/// A line while it is written.
#[derive(Default)]
pub(super) struct Cells {
    cells: Vec<(Sign, Style)>,
    /// True if this is a later part of a line.
    has_front: bool,
}

const BLANK: (Sign, Style) = (Sign::Blank, Style::PLAIN);

impl Cells {
    /// True if the line has parts before this one. Such a line is wider than all screens.
    pub(super) fn has_front(&self) -> bool {
        self.has_front
    }

    /// True if the line is blank.
    pub(super) fn is_blank(&self) -> bool {
        !self.has_front && self.cells.iter().all(|(sign, _)| *sign == Sign::Blank)
    }

    /// Adds a character to the one before this column, if it belongs there. A character without a width and without a
    /// predecessor is not shown.
    pub(super) fn join(&mut self, column: usize, sign: char, width: usize) -> bool {
        let Some(cell) = self.before(column) else { return width == 0 };
        let (first, last, count) = match cell {
            Sign::One(sign) => (*sign, *sign, 1),
            Sign::Joined(signs) => {
                let (mut all, count) = (signs.chars(), signs.chars().count());
                (all.next().unwrap_or(' '), all.next_back().unwrap_or(' '), count)
            }
            Sign::Blank | Sign::Second => return width == 0,
        };
        let is_crowded = count >= CROWDED;
        if !joins(sign, width, first, last) || (is_crowded && width > 0) {
            return false;
        }
        match cell {
            _ if is_crowded => {}
            Sign::Joined(signs) => *signs = format!("{signs}{sign}").into(),
            _ => *cell = Sign::Joined(format!("{first}{sign}").into()),
        }
        true
    }

    fn before(&mut self, column: usize) -> Option<&mut Sign> {
        let at = column.checked_sub(1)?;
        let at = if self.cells.get(at)?.0 == Sign::Second { at.checked_sub(1)? } else { at };
        self.cells.get_mut(at).map(|(sign, _)| sign)
    }

    /// Writes a character of one or two columns.
    pub(super) fn put(&mut self, column: usize, sign: char, width: usize, style: Style) {
        self.part(column);
        self.part(column + width);
        self.widen(column + width);
        self.cells[column] = (Sign::One(sign), style);
        if width == 2 {
            self.cells[column + 1] = (Sign::Second, style);
        }
    }

    /// Takes the whole content as the front of a longer line, with the blanks at its end.
    pub(super) fn take_front(&mut self) -> Vec<Run> {
        self.widen(WIDEST);
        self.has_front = true;
        runs(&std::mem::take(&mut self.cells))
    }

    /// Erases from a column to the end.
    pub(super) fn cut(&mut self, column: usize) {
        self.part(column);
        self.cells.truncate(column);
    }

    /// Blanks the columns from `from` up to `to`. This method and the next two work only in lines that fit on a screen.
    /// Otherwise a few bytes would move thousands of cells, again and again.
    pub(super) fn erase(&mut self, from: usize, to: usize) {
        let end = to.min(self.cells.len());
        if from < end && self.fits() {
            self.part(from);
            self.part(end);
            self.cells[from..end].fill(BLANK);
        }
    }

    /// Removes cells; those after them move left.
    pub(super) fn take(&mut self, column: usize, count: usize) {
        let end = column.saturating_add(count).min(self.cells.len());
        if column < end && self.fits() {
            self.part(column);
            self.part(end);
            self.cells.drain(column..end);
        }
    }

    /// Inserts blanks. Content that moves out of the screen is lost.
    pub(super) fn insert(&mut self, column: usize, count: usize) {
        if column >= self.cells.len() || !self.fits() {
            return;
        }
        let length = self.cells.len().saturating_add(count).min(FURTHEST + 1);
        let count = count.min(length - column);
        self.part(column);
        self.part(length - count);
        self.cells.truncate(length - count);
        self.cells.splice(column..column, std::iter::repeat_n(BLANK, count));
    }

    fn fits(&self) -> bool {
        self.cells.len() <= FURTHEST + 1
    }

    fn widen(&mut self, length: usize) {
        if self.cells.len() < length {
            self.cells.resize(length, BLANK);
        }
    }

    /// Removes a wide character whose halves are on both sides of this border.
    fn part(&mut self, column: usize) {
        if self.cells.get(column).is_some_and(|(sign, _)| *sign == Sign::Second) {
            self.cells[column - 1..=column].fill(BLANK);
        }
    }

    /// The runs, without blanks after the last character.
    pub(super) fn runs(&self) -> Vec<Run> {
        let length = self.cells.iter().rposition(|(sign, _)| *sign != Sign::Blank).map_or(0, |last| last + 1);
        runs(&self.cells[..length])
    }
}

fn runs(cells: &[(Sign, Style)]) -> Vec<Run> {
    let mut runs = Vec::<Run>::new();
    for (sign, style) in cells {
        if *sign == Sign::Second {
            continue;
        }
        if runs.last().is_none_or(|run| run.style != *style) {
            runs.push(Run { text: String::new(), style: *style });
        }
        let Some(run) = runs.last_mut() else { continue };
        match sign {
            Sign::Joined(signs) => run.text.push_str(signs),
            Sign::One(sign) => run.text.push(*sign),
            _ => run.text.push(' '),
        }
    }
    runs
}
