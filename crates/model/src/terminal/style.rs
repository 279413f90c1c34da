//! The style of characters, as `ESC [ … m` sets it.

/// A colour, as a sequence gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One of the 256 colours; the first sixteen have names.
    Numbered(u8),
    /// Red, green and blue.
    Exact([u8; 3]),
}

/// The style of a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a terminal has that many switches")]
pub struct Style {
    /// The character's colour, if it is not the default.
    pub ink: Option<Colour>,
    /// The background colour, if it is not the default.
    pub ground: Option<Colour>,
    /// True if the text is bold.
    pub is_bold: bool,
    /// True if the text is faint.
    pub is_dim: bool,
    /// True if the text is italic.
    pub is_italic: bool,
    /// True if the text is underlined.
    pub is_underlined: bool,
    /// True if the text is struck through.
    pub is_struck: bool,
    /// True if the two colours are exchanged.
    pub is_inverse: bool,
}

impl Style {
    /// The style at the start of a log.
    pub(super) const PLAIN: Self = Self {
        ink: None,
        ground: None,
        is_bold: false,
        is_dim: false,
        is_italic: false,
        is_underlined: false,
        is_struck: false,
        is_inverse: false,
    };

    /// The style after one sequence, such as `1;38;5;141`. Colons may separate sub-parameters.
    pub(super) fn after(self, codes: &str) -> Self {
        let mut style = self;
        let mut rest = codes.split(';');
        while let Some(code) = rest.next() {
            let (code, sub) = code.split_once(':').map_or((code, None), |(code, sub)| (code, Some(sub)));
            match number(code) {
                place @ (38 | 48 | 58) => {
                    let colour = match sub {
                        Some(sub) => colour(&sub.split(':').collect::<Vec<_>>()),
                        None => colour(&taken(&mut rest)),
                    };
                    style.tint(place, colour);
                }
                4 => style.is_underlined = sub.and_then(|sub| sub.split(':').next()) != Some("0"),
                code => style.switch(code),
            }
        }
        style
    }

    /// Sets a colour. An underline's own colour, 58, is read so that its numbers have no other meaning, and is not
    /// shown.
    fn tint(&mut self, place: u32, colour: Option<Colour>) {
        match place {
            38 => self.ink = colour.or(self.ink),
            48 => self.ground = colour.or(self.ground),
            _ => {}
        }
    }

    fn switch(&mut self, code: u32) {
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
            30..=37 => self.ink = named(code - 30),
            40..=47 => self.ground = named(code - 40),
            90..=97 => self.ink = named(code - 90 + 8),
            100..=107 => self.ground = named(code - 100 + 8),
            _ => {}
        }
    }
}

fn named(number: u32) -> Option<Colour> {
    u8::try_from(number).ok().map(Colour::Numbered)
}

/// Takes the parameters of a colour from the front of those that follow 38 or 48.
fn taken<'a>(rest: &mut std::str::Split<'a, char>) -> Vec<&'a str> {
    let Some(kind) = rest.next() else { return Vec::new() };
    let more = match number(kind) {
        5 => 1,
        2 => 3,
        _ => 0,
    };
    std::iter::once(kind).chain(rest.take(more)).collect()
}

/// The colour that the parameters after 38 or 48 name. Between colons, the number of the colour space may come first.
fn colour(parts: &[&str]) -> Option<Colour> {
    let (kind, parts) = parts.split_first()?;
    let parts = if parts.len() > 3 { &parts[1..4] } else { parts };
    let values = parts.iter().map(|part| u8::try_from(number(part)).ok()).collect::<Option<Vec<_>>>()?;
    match (number(kind), values.as_slice()) {
        (5, [colour, ..]) => Some(Colour::Numbered(*colour)),
        (2, &[red, green, blue]) => Some(Colour::Exact([red, green, blue])),
        _ => None,
    }
}

/// The number of a parameter; an empty parameter is 0, and a number that is too large becomes the largest one.
pub(super) fn number(digits: &str) -> u32 {
    match digits.bytes().all(|digit| digit.is_ascii_digit()) {
        true if digits.is_empty() => 0,
        true => digits.parse().unwrap_or(u32::MAX),
        false => u32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(codes: &str) -> Style {
        Style::default().after(codes)
    }

    #[test]
    fn colours_are_read_in_each_way_to_write_them() {
        for (codes, colour) in [
            ("31", Colour::Numbered(1)),
            ("97", Colour::Numbered(15)),
            ("38;5;141", Colour::Numbered(141)),
            ("38:5:141", Colour::Numbered(141)),
            ("38;2;1;2;3", Colour::Exact([1, 2, 3])),
            ("38:2:1:2:3", Colour::Exact([1, 2, 3])),
            ("38:2::9:8:7", Colour::Exact([9, 8, 7])),
            ("38:2:1:9:8:7:0:0", Colour::Exact([9, 8, 7])),
        ] {
            assert_eq!(after(codes).ink, Some(colour), "{codes}");
            let of_ground = codes.replacen('3', "4", 1).replacen('9', "10", usize::from(codes == "97"));
            assert_eq!(after(&of_ground).ground, Some(colour), "{of_ground}");
        }
    }

    #[test]
    fn colours_that_cannot_be_are_left_out() {
        for codes in ["38;5;999", "38", "38;2;1", "38;9;1", "38;5", "38:5", "38;2;1;2;300", "99999999999"] {
            assert_eq!(after(codes).ink, None, "{codes}");
        }
    }

    #[test]
    fn an_underlines_colour_switches_nothing() {
        assert_eq!(after("58;5;1"), Style::default());
        assert_eq!(after("58:2::1:2:3;4"), Style { is_underlined: true, ..Style::default() });
    }

    #[test]
    fn a_reset_ends_every_style_in_each_way_to_write_it() {
        for reset in ["0", "", ";", "22;39"] {
            assert_eq!(after("1;31").after(reset), Style::default(), "{reset:?}");
        }
    }
}
