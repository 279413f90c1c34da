//! Cuts a terminal's output into text and commands (ECMA-48). A sequence may arrive in any number of pieces.
//! `crates/web/static/sequence.js` is the same for browsers.

/// The longest parameter list of a control sequence that is kept, in characters.
const LONGEST: usize = 1_024;

/// One step of a terminal's output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A character to show.
    Sign(char),
    /// A control character.
    Control(char),
    /// A short escape: its intermediate characters and the last one.
    Escape(&'a str, char),
    /// A control sequence: its parameters, its intermediate characters and the last letter.
    Sequence(&'a str, &'a str, char),
}

/// The part to which the next character belongs.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Text,
    Escape,
    Control,
    /// A string, such as a title; true if a BEL character ends it.
    String(bool),
}

/// Reads a terminal's output, character by character.
#[derive(Default)]
pub(super) struct Sequences {
    inside: Inside,
    codes: String,
    between: String,
}

impl Sequences {
    /// The step that ends with this character, if any.
    pub(super) fn read(&mut self, sign: char) -> Option<Step<'_>> {
        match self.inside {
            Inside::Text => self.text(sign),
            Inside::String(rings) => self.string(sign, rings),
            Inside::Escape | Inside::Control => match sign {
                ' '..='~' if self.inside == Inside::Escape => self.escape(sign),
                ' '..='~' => self.parameter(sign),
                // A character that cannot be part of a sequence ends it, and is not shown. The end of the line does
                // too: a sequence that was cut off, as by `cut` or `head`, does not consume the next line.
                '\n' | '\u{18}' | '\u{1a}' | '\u{1b}' | '\u{80}'.. => self.text(sign),
                '\u{7f}' => None,
                // All other control characters are executed inside a sequence, as terminals do.
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
            // A C1 character stands for an escape and a character.
            '\u{80}'..='\u{9f}' => {
                self.begin(Inside::Escape);
                let sign = u8::try_from(u32::from(sign) - 0x40).map_or('\\', char::from);
                self.escape(sign)
            }
            _ if sign.is_control() => Some(Step::Control(sign)),
            _ => Some(Step::Sign(sign)),
        }
    }

    /// Skips a string. A string that never ends hides no more than its line.
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
