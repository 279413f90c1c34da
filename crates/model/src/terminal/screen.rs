//! The screen: the last lines, which can still change, and the place of the next character.

use super::{
    Line,
    cells::{Cells, FURTHEST, WIDEST},
    sequence::Step,
    signs::{drawn, width},
    style::{Style, number},
};
use std::collections::VecDeque;

/// Number of lines at the end of the log that can still change: the height of the screen.
pub(super) const HEIGHT: usize = 50;

const TAB: usize = 8;

/// The modes in which a program has a screen of its own.
const OTHER_SCREEN: [&str; 3] = ["47", "1047", "1049"];

/// The state that ESC 7 saves and ESC 8 restores.
#[derive(Clone, Copy, Default)]
struct Place {
    /// The row, counted from the log's first line. The row may not exist yet.
    row: usize,
    column: usize,
    style: Style,
    /// The two character sets: true for each that draws lines. Then the set in use.
    draws: [bool; 2],
    set: usize,
    /// The screen's first row, and true if rows have left the screen at its top.
    top: usize,
    has_scrolled: bool,
}

/// A screen of endless width.
#[derive(Default)]
pub(super) struct Screen {
    /// The lines that can still change, and the number of lines before them.
    open: VecDeque<Cells>,
    first: usize,
    place: Place,
    saved: Option<Place>,
    /// The last row of the scroll region, and true if the place is below it, where nothing is shown.
    bottom: Option<usize>,
    is_below: bool,
    /// True if the last step went to the screen's first place by its number.
    is_home: bool,
    last: Option<char>,
    /// Lines that can no longer change.
    pub(super) done: Vec<Line>,
}

impl Screen {
    /// Applies one step.
    pub(super) fn take(&mut self, step: &Step<'_>) {
        match *step {
            Step::Sign(sign) => self.sign(sign),
            Step::Control(sign) => self.control(sign),
            Step::Escape(between, last) => self.escape(between, last),
            Step::Sequence(codes, between, last) => self.sequence(codes, between, last),
        }
    }

    /// Finishes the remaining lines when the log is over.
    pub(super) fn rest(&mut self) {
        let is_ended = self.place.row >= self.end();
        while !self.open.is_empty() {
            self.finish();
        }
        if let Some(last) = self.done.last_mut() {
            last.is_ended = is_ended;
        }
    }

    fn sign(&mut self, sign: char) {
        if self.is_below {
            return;
        }
        self.is_home = false;
        self.last = Some(sign);
        let place = &self.place;
        self.show(if place.draws[place.set] { drawn(sign) } else { sign });
    }

    fn control(&mut self, sign: char) {
        self.is_home = false;
        match sign {
            '\r' => self.place.column = 0,
            '\n' => self.feed(true),
            '\u{b}' | '\u{c}' => self.feed(false),
            '\u{8}' => self.place.column = self.place.column.saturating_sub(1),
            '\t' => self.tab(),
            '\u{e}' => self.place.set = 1,
            '\u{f}' => self.place.set = 0,
            _ => {}
        }
    }

    fn escape(&mut self, between: &str, last: char) {
        self.is_home = false;
        match (between, last) {
            ("(", set) => self.place.draws[0] = set == '0',
            (")", set) => self.place.draws[1] = set == '0',
            ("", '7') => self.saved = Some(self.place),
            ("", '8') => self.restore(),
            ("", 'D') => self.feed(false),
            ("", 'E') => self.feed(true),
            ("", 'M') => self.up(1),
            ("", 'c') => {
                self.reset();
                self.bottom = None;
                self.other_screen();
            }
            _ => {}
        }
    }

    fn sequence(&mut self, codes: &str, between: &str, last: char) {
        let is_private = codes.contains(['<', '=', '>', '?']);
        match (between, last) {
            ("", 'm') if !is_private => self.place.style = self.place.style.after(codes),
            ("!", 'p') => self.reset(),
            ("", _) if codes.contains(':') => {}
            ("", 'h' | 'l') if is_other_screen(codes) => self.other_screen(),
            ("", 'J' | 'K') if codes.starts_with('?') => {
                if let Some(how) =
                    codes.strip_prefix('?').filter(|how| !how.contains(|sign: char| !sign.is_ascii_digit()))
                {
                    self.act(last, number(how), 0);
                }
            }
            ("", _) if !is_private => {
                let mut numbers = codes.split(';').map(number);
                let (first, second) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                self.act(last, first, second);
            }
            _ => {}
        }
    }

    /// Applies a control sequence with this last letter and these numbers; 0 stands for a missing number.
    fn act(&mut self, last: char, first: u32, second: u32) {
        let is_home = std::mem::take(&mut self.is_home);
        let by = usize::try_from(first.max(1)).unwrap_or(usize::MAX);
        let column = self.place.column;
        match last {
            'A' => self.up(by),
            'B' | 'e' => self.down(by),
            'C' | 'a' => self.place.column = column.saturating_add(by).min(FURTHEST).max(column),
            'D' => self.place.column = column.saturating_sub(by),
            'E' => {
                self.down(by);
                self.place.column = 0;
            }
            'F' => {
                self.up(by);
                self.place.column = 0;
            }
            'G' | '`' => self.place.column = (by - 1).min(FURTHEST),
            'H' | 'f' => {
                self.address(by, usize::try_from(second.max(1) - 1).unwrap_or(FURTHEST).min(FURTHEST))
            }
            'd' => self.address(by, column),
            'I' => self.place.column = self.stop(by).min(FURTHEST).max(column),
            'Z' => self.place.column = column.div_ceil(TAB).saturating_sub(by) * TAB,
            'r' => {
                self.bottom = usize::try_from(second).ok().filter(|bottom| *bottom > 0);
                self.address(1, 0);
            }
            's' if first == 0 => self.saved = Some(self.place),
            'u' if first == 0 => self.restore(),
            _ if self.is_below => {}
            'J' => self.clear_below(first, is_home),
            'b' => self.repeat(by),
            _ => self.change(last, first, by),
        }
    }

    /// Applies the sequences that change an existing line.
    fn change(&mut self, last: char, how: u32, by: usize) {
        let Place { row, column, .. } = self.place;
        let Some(line) = self.open.get_mut(row - self.first) else { return };
        match (last, how) {
            ('K', 0) => line.cut(column),
            ('K', 1) => line.erase(0, column + 1),
            ('K', 2) => line.cut(0),
            ('X', _) => line.erase(column, column.saturating_add(by)),
            ('P', _) => line.take(column, by),
            ('@', _) => line.insert(column, by),
            ('L', _) if !line.has_front() => self.put_between(by),
            ('M', _) if !line.has_front() => self.take_out(by),
            _ => {}
        }
    }

    fn show(&mut self, sign: char) {
        let width = width(sign);
        let Place { column, style, .. } = self.place;
        if self.line().join(column, sign, width) {
            return;
        }
        if column + width > WIDEST {
            self.wrap();
        }
        let column = self.place.column;
        self.line().put(column, sign, width, style);
        self.place.column += width;
    }

    /// The line of the place; it is created if it does not exist.
    fn line(&mut self) -> &mut Cells {
        while self.end() <= self.place.row {
            self.open.push_back(Cells::default());
            if self.open.len() > HEIGHT {
                self.finish();
            }
        }
        &mut self.open[self.place.row - self.first]
    }

    /// The row after the last line.
    fn end(&self) -> usize {
        self.first + self.open.len()
    }

    fn finish(&mut self) {
        if let Some(cells) = self.open.pop_front() {
            self.done.push(Line { runs: cells.runs(), is_ended: true });
            self.first += 1;
        }
        if self.place.top < self.first {
            self.place.top = self.first;
            self.place.has_scrolled = true;
        }
    }

    /// Continues a line that is wider than all screens in its next part. The lines above it can no longer change.
    fn wrap(&mut self) {
        while self.first < self.place.row {
            self.finish();
        }
        let runs = self.line().take_front();
        self.done.push(Line { runs, is_ended: false });
        self.place.column = 0;
    }

    fn feed(&mut self, is_new_line: bool) {
        if std::mem::take(&mut self.is_below) {
            self.place.row = self.end();
        } else {
            self.line();
            self.place.row += 1;
        }
        if is_new_line {
            self.place.column = 0;
        }
        let place = &mut self.place;
        if place.row >= place.top + HEIGHT {
            place.top = place.row - HEIGHT + 1;
            place.has_scrolled = true;
        }
    }

    fn tab(&mut self) {
        if self.place.column >= WIDEST && !self.is_below {
            self.line();
            self.wrap();
        }
        self.place.column = self.stop(1);
    }

    fn stop(&self, by: usize) -> usize {
        (self.place.column / TAB).saturating_add(by).saturating_mul(TAB)
    }

    fn up(&mut self, by: usize) {
        self.is_below = false;
        self.place.row = self.place.row.saturating_sub(by).max(self.place.top);
    }

    fn down(&mut self, by: usize) {
        self.is_below = false;
        self.place.row = self.place.row.saturating_add(by).min(self.place.top + HEIGHT - 1);
    }

    /// Goes to a row by its number. If lines have left the screen, the meaning of the number is uncertain: another
    /// screen begins.
    fn address(&mut self, row: usize, column: usize) {
        self.place.column = column;
        self.is_below = self.bottom.is_some_and(|bottom| row > bottom);
        if self.is_below {
            return;
        }
        if self.place.has_scrolled {
            self.begin();
        }
        self.place.row = self.place.top + row.min(HEIGHT) - 1;
        self.is_home = row == 1 && column == 0;
    }

    /// Begins another screen below all lines.
    fn begin(&mut self) {
        self.place.top = self.end();
        self.place.row = self.place.top;
        self.place.has_scrolled = false;
    }

    /// Keeps a cleared screen in the log, and begins another screen.
    fn clear(&mut self) {
        while self.end() > self.place.top && self.open.back().is_some_and(Cells::is_blank) {
            self.open.pop_back();
        }
        self.begin();
    }

    fn other_screen(&mut self) {
        self.clear();
        self.is_below = false;
        self.place.column = 0;
    }

    fn clear_below(&mut self, how: u32, is_home: bool) {
        match how {
            2 | 3 => self.clear(),
            0 if is_home => self.clear(),
            0 => {
                self.change('K', 0, 1);
                self.open.truncate(self.place.row + 1 - self.first);
            }
            1 => self.change('K', 1, 1),
            _ => {}
        }
    }

    fn repeat(&mut self, by: usize) {
        let Some(last) = self.last else { return };
        for _ in 0..by.min((FURTHEST + 1).saturating_sub(self.place.column)) {
            self.sign(last);
        }
    }

    fn put_between(&mut self, by: usize) {
        self.place.column = 0;
        for _ in 0..by.min(HEIGHT) {
            self.open.insert(self.place.row - self.first, Cells::default());
        }
        self.open.truncate(self.place.top + HEIGHT - self.first);
        while self.open.len() > HEIGHT {
            self.finish();
        }
    }

    fn take_out(&mut self, by: usize) {
        self.place.column = 0;
        let from = self.place.row - self.first;
        let to = from.saturating_add(by.min(HEIGHT)).min(self.open.len());
        self.open.drain(from..to);
    }

    fn reset(&mut self) {
        let Place { row, column, top, has_scrolled, .. } = self.place;
        self.place = Place { row, column, top, has_scrolled, ..Place::default() };
    }

    /// Restores the saved place; without one, goes to the beginning of the line.
    fn restore(&mut self) {
        self.is_below = false;
        let Some(saved) = self.saved else {
            self.place.column = 0;
            return;
        };
        let (row, top) = (saved.row.max(self.first), saved.top.max(self.first));
        let has_scrolled = saved.has_scrolled || saved.top < self.first;
        self.place = Place { row, top, has_scrolled, ..saved };
    }
}

/// True if the list of modes includes one for another screen.
fn is_other_screen(codes: &str) -> bool {
    codes.strip_prefix('?').is_some_and(|modes| modes.split(';').any(|mode| OTHER_SCREEN.contains(&mode)))
}
