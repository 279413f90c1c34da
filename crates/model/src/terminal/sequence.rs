//! A terminal's output, cut into what it shows and what it is told to do (ECMA-48). A sequence may come in any number
//! of pieces. `crates/web/static/sequence.js` is the same for browsers.

/// The longest list of parameters that is kept of a control sequence, in characters.
const LONGEST: usize = 1_024;

/// One step of a terminal's output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A sign to show.
    Sign(char),
    /// A control character.
    Control(char),
    /// A short escape, by the signs between and the last one.
    Escape(&'a str, char),
    /// A control sequence, by its parameters, the signs between and the last letter.
    Sequence(&'a str, &'a str, char),
}

/// The part that the next sign belongs to.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Text,
    Escape,
    Control,
    /// A string, such as a title; whether a bell ends it.
    String(bool),
}

/// Reads a terminal's output, sign by sign.
#[derive(Default)]
pub(super) struct Sequences {
    inside: Inside,
    codes: String,
    between: String,
}

impl Sequences {
    /// The step that ends with this sign, if one does.
    pub(super) fn read(&mut self, sign: char) -> Option<Step<'_>> {
        match self.inside {
            Inside::Text => self.text(sign),
            Inside::String(rings) => self.string(sign, rings),
            Inside::Escape | Inside::Control => match sign {
                ' '..='~' if self.inside == Inside::Escape => self.escape(sign),
                ' '..='~' => self.parameter(sign),
                // A sign that cannot stand in a sequence ends it, and it shows nothing. So does the end of the line: a
                // sequence that was cut off, as by `cut` or `head`, takes nothing of the next line along.
                '\n' | '\u{18}' | '\u{1a}' | '\u{1b}' | '\u{80}'.. => self.text(sign),
                '\u{7f}' => None,
                // All others are done in its midst, as terminals do.
                _ => Some(Step::Control(sign)),
            },
        }
    }

    fn text(&mut self, sign: char) -> Option<Step<'_>> {
        self.inside = Inside::Text;
        match sign {
            '\u{1b}' => {
                self.begin(Inside::Escape);
                None
            }
            // An escape and a sign in one.
            '\u{80}'..='\u{9f}' => {
                self.begin(Inside::Escape);
                let sign = u8::try_from(u32::from(sign) - 0x40).map_or('\\', char::from);
                self.escape(sign)
            }
            _ if sign.is_control() => Some(Step::Control(sign)),
            _ => Some(Step::Sign(sign)),
        }
    }

    /// A string leaves no trace. One that was never ended hides no more than its line.
    fn string(&mut self, sign: char, rings: bool) -> Option<Step<'_>> {
        match sign {
            '\u{7}' if rings => {
                self.inside = Inside::Text;
                None
            }
            '\n' | '\u{18}' | '\u{1a}' | '\u{1b}' | '\u{9c}' => self.text(sign),
            _ => None,
        }
    }

    fn begin(&mut self, inside: Inside) {
        self.inside = inside;
        self.codes.clear();
        self.between.clear();
    }

    fn escape(&mut self, sign: char) -> Option<Step<'_>> {
        match (self.between.as_str(), sign) {
            (_, ' '..='/') => self.put_between(sign),
            ("", '[') => self.begin(Inside::Control),
            ("", ']' | 'P' | 'X' | '^' | '_') => self.begin(Inside::String(sign == ']')),
            _ => {
                self.inside = Inside::Text;
                return Some(Step::Escape(&self.between, sign));
            }
        }
        None
    }

    fn parameter(&mut self, sign: char) -> Option<Step<'_>> {
        match sign {
            '0'..='?' if self.codes.len() < LONGEST => self.codes.push(sign),
            '0'..='?' => {}
            ' '..='/' => self.put_between(sign),
            _ => {
                self.inside = Inside::Text;
                return Some(Step::Sequence(&self.codes, &self.between, sign));
            }
        }
        None
    }

    fn put_between(&mut self, sign: char) {
        if self.between.len() < 2 {
            self.between.push(sign);
        }
    }
}
