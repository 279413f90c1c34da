//! Lines as a terminal would show them: each sign in its cell, in the style that held when it was written.

use super::{
    colour,
    sequence::{Step, Steps},
};

/// The last column that a sequence can lead to; no real terminal is wider.
const LAST_COLUMN: usize = 1_000;

/// The look of signs. Colours are numbers among the sixteen that the style sheet knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a terminal has that many switches")]
pub(super) struct Style {
    ink: Option<u8>,
    ground: Option<u8>,
    is_bold: bool,
    is_dim: bool,
    is_italic: bool,
    is_underlined: bool,
    is_struck: bool,
    is_inverse: bool,
}

/// Signs that stand side by side in one style.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) style: Style,
}

/// One line while it is written.
#[derive(Default)]
struct Row {
    cells: Vec<(char, Style)>,
    column: usize,
}

/// The lines of a text.
pub(super) fn lines(text: &str) -> Vec<Vec<Run>> {
    let (mut done, mut row, mut style) = (Vec::new(), Row::default(), Style::default());
    for step in Steps::of(text) {
        match step {
            Step::Sign(sign) => row.put(sign, style),
            Step::NewLine => done.push(std::mem::take(&mut row).runs()),
            Step::Return => row.column = 0,
            Step::Back => row.column = row.column.saturating_sub(1),
            Step::Control(codes, 'm') => style = style.after(&codes),
            Step::Control(codes, 'G') => row.go_to(&codes),
            Step::Control(codes, 'K') => row.erase(&codes),
            Step::Control(..) => {}
        }
    }
    done.push(row.runs());
    done
}

impl Row {
    fn put(&mut self, sign: char, style: Style) {
        if self.column >= self.cells.len() {
            self.cells.resize(self.column + 1, (' ', Style::default()));
        }
        self.cells[self.column] = (sign, style);
        self.column += 1;
    }

    /// Columns count from 1.
    fn go_to(&mut self, codes: &str) {
        self.column = codes.parse().unwrap_or(1).clamp(1, LAST_COLUMN) - 1;
    }

    fn erase(&mut self, how: &str) {
        match how {
            "2" => self.cells.clear(),
            "1" => {
                let end = self.cells.len().min(self.column + 1);
                self.cells[..end].fill((' ', Style::default()));
            }
            _ => self.cells.truncate(self.column),
        }
    }

    fn runs(self) -> Vec<Run> {
        let mut runs = Vec::<Run>::new();
        for (sign, style) in self.cells {
            match runs.last_mut() {
                Some(last) if last.style == style => last.text.push(sign),
                _ => runs.push(Run { text: sign.to_string(), style }),
            }
        }
        runs
    }
}

impl Style {
    /// The style sheet's classes.
    pub(super) fn classes(self) -> String {
        let switches = [
            (self.is_bold, "bo"),
            (self.is_dim, "di"),
            (self.is_italic, "it"),
            (self.is_underlined, "un"),
            (self.is_struck, "st"),
            (self.is_inverse && self.ink.is_none() && self.ground.is_none(), "iv"),
        ];
        let (ink, ground) = if self.is_inverse { (self.ground, self.ink) } else { (self.ink, self.ground) };
        let switched = switches.into_iter().filter(|(is_on, _)| *is_on).map(|(_, class)| class.to_owned());
        let colours = [ink.map(|ink| format!("f{ink}")), ground.map(|ground| format!("g{ground}"))];
        switched.chain(colours.into_iter().flatten()).collect::<Vec<_>>().join(" ")
    }

    /// The style after one sequence, such as `1;38;5;141`; colons may stand between a colour's parts.
    fn after(self, codes: &str) -> Self {
        if codes.contains(['<', '=', '>', '?']) {
            return self;
        }
        let mut style = self;
        let mut rest = codes.split(';');
        while let Some(code) = rest.next() {
            let mut parts = code.split(':');
            let number = parts.next().and_then(|number| number.parse::<u16>().ok()).unwrap_or(0);
            match number {
                38 | 48 => {
                    let whole =
                        if code.contains(':') { colour::of(&mut parts) } else { colour::of(&mut rest) };
                    let place = if number == 38 { &mut style.ink } else { &mut style.ground };
                    *place = whole.map(|colour| colour.nearest(number == 48)).or(*place);
                }
                4 => style.is_underlined = parts.next() != Some("0"),
                _ => style.switch(number),
            }
        }
        style
    }

    fn switch(&mut self, code: u16) {
        let colour = |from: u16, to: u8| u8::try_from(code - from).ok().map(|colour| colour + to);
        match code {
            0 => *self = Self::default(),
            1 => self.is_bold = true,
            2 => self.is_dim = true,
            3 => self.is_italic = true,
            7 => self.is_inverse = true,
            9 => self.is_struck = true,
            21 => self.is_underlined = true,
            22 => (self.is_bold, self.is_dim) = (false, false),
            23 => self.is_italic = false,
            24 => self.is_underlined = false,
            27 => self.is_inverse = false,
            29 => self.is_struck = false,
            39 => self.ink = None,
            49 => self.ground = None,
            30..=37 => self.ink = colour(30, 0),
            40..=47 => self.ground = colour(40, 0),
            90..=97 => self.ink = colour(90, 8),
            100..=107 => self.ground = colour(100, 8),
            _ => {}
        }
    }
}
