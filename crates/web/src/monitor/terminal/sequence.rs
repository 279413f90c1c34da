//! A terminal's output, cut into what it shows and what it is told to do.

use std::{iter::Peekable, str::Chars};

/// The longest list of parameters that is believed, in characters.
const LONGEST: usize = 256;

/// One step of a terminal's output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A sign to show.
    Sign(char),
    /// Another line begins.
    NewLine,
    /// Back to the line's start.
    Return,
    /// One column back.
    Back,
    /// A control sequence, by its parameters and its last letter.
    Control(String, char),
}

/// Reads steps off a text. Signs that do not change the picture of a line are left out.
pub(super) struct Steps<'a>(Peekable<Chars<'a>>);

impl<'a> Steps<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self(text.chars().peekable())
    }

    /// The step behind an escape: a control sequence; none for a string such as a title, or for one sign.
    fn escape(&mut self) -> Option<Step> {
        match self.0.peek() {
            Some('[') => {
                self.0.next();
                self.control()
            }
            Some(']' | 'P' | 'X' | '^' | '_') => {
                self.0.next();
                self.skip_string();
                None
            }
            _ => {
                while self.0.next_if(|sign| (' '..='/').contains(sign)).is_some() {}
                self.0.next_if(|sign| ('0'..='~').contains(sign));
                None
            }
        }
    }

    fn control(&mut self) -> Option<Step> {
        let mut codes = String::new();
        while let Some(sign) = self.0.next_if(|sign| ('0'..='?').contains(sign)) {
            if codes.len() < LONGEST {
                codes.push(sign);
            }
        }
        while self.0.next_if(|sign| (' '..='/').contains(sign)).is_some() {}
        self.0.next_if(|sign| ('@'..='~').contains(sign)).map(|last| Step::Control(codes, last))
    }

    /// To its end, or to the end of the line: a string that was never ended hides no more than that.
    fn skip_string(&mut self) {
        while let Some(sign) = self.0.next_if(|sign| *sign != '\n') {
            match sign {
                '\u{7}' | '\u{9c}' => return,
                '\u{1b}' => {
                    self.0.next_if(|sign| *sign == '\\');
                    return;
                }
                _ => {}
            }
        }
    }
}

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            let step = match self.0.next()? {
                '\n' => Some(Step::NewLine),
                '\r' => Some(Step::Return),
                '\u{8}' => Some(Step::Back),
                '\u{1b}' => self.escape(),
                sign if sign.is_control() && sign != '\t' => None,
                sign => Some(Step::Sign(sign)),
            };
            if step.is_some() {
                return step;
            }
        }
    }
}
