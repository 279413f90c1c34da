//! Colours beyond the sixteen: no style can stand in a page's markup, so each becomes the nearest that the style sheet
//! has a class for.

/// A colour as a sequence names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// One of the 256.
    Numbered(u8),
    /// Red, green and blue.
    Exact([u8; 3]),
}

/// The inks of the style sheet's log, `f0` to `f15`.
const INKS: [u32; 16] = [
    0x0085_8cab,
    0x00ff_8f9f,
    0x007e_e2ab,
    0x00ff_d27d,
    0x0086_b3ff,
    0x00dd_9cff,
    0x0074_dbe6,
    0x00d7_dcf0,
    0x009a_a2c4,
    0x00ff_acb7,
    0x00a3_f2c6,
    0x00ff_e2a8,
    0x00ae_ccff,
    0x00eb_c0ff,
    0x00a4_edf4,
    0x00ff_ffff,
];

/// Its grounds, `g0` to `g15`.
const GROUNDS: [u32; 16] = [
    0x002a_2f47,
    0x008a_2234,
    0x001b_6b41,
    0x007a_5200,
    0x0026_4e9c,
    0x006a_2c94,
    0x0014_646f,
    0x00c3_c9e2,
    0x0045_4c6c,
    0x00a9_3145,
    0x0024_804f,
    0x008f_6300,
    0x0035_61b8,
    0x007f_3bab,
    0x001c_7a87,
    0x00ee_f0fb,
];

/// The steps of the cube that 16 to 231 number.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The colour after 38 or 48, off the front of the parameters that follow; none if there cannot be such a colour.
pub(super) fn of<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<Colour> {
    let kind = parts.next()?;
    let mut number = || parts.find(|part| !part.is_empty())?.parse::<u8>().ok();
    match kind {
        "5" => number().map(Colour::Numbered),
        "2" => {
            let all = [number(), number(), number()];
            Some(Colour::Exact([all[0]?, all[1]?, all[2]?]))
        }
        _ => None,
    }
}

impl Colour {
    /// The number of the nearest of the sixteen.
    pub(super) fn nearest(self, is_ground: bool) -> u8 {
        let exact = match self {
            Self::Numbered(number @ ..16) => return number,
            Self::Numbered(number @ 232..) => [8 + (number - 232) * 10; 3],
            Self::Numbered(number) => {
                let cube = usize::from(number - 16);
                [cube / 36, cube / 6 % 6, cube % 6].map(|step| LEVELS[step])
            }
            Self::Exact(exact) => exact,
        };
        let known = if is_ground { GROUNDS } else { INKS };
        let nearest = (0_u8..).zip(known).min_by_key(|(_, known)| distance(exact, *known));
        nearest.map_or(7, |(number, _)| number)
    }
}

fn distance(one: [u8; 3], other: u32) -> u32 {
    let [_, parts @ ..] = other.to_be_bytes();
    one.iter().zip(parts).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(codes: &str) -> Option<Colour> {
        of(&mut codes.split([';', ':']))
    }

    #[test]
    fn colours_are_read_in_each_way_to_write_them() {
        assert_eq!(read("5;141"), Some(Colour::Numbered(141)));
        assert_eq!(read("2;1;2;3"), Some(Colour::Exact([1, 2, 3])));
        assert_eq!(read("2::9:8:7"), Some(Colour::Exact([9, 8, 7])));
        for nonsense in ["5;999", "", "2;1", "9;1", "5"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn what_has_no_class_becomes_what_is_nearest() {
        assert_eq!(Colour::Numbered(3).nearest(false), 3);
        assert_eq!(Colour::Numbered(231).nearest(false), 15);
        assert_eq!(Colour::Numbered(141).nearest(false), 5);
        assert_eq!(Colour::Exact([255, 0, 0]).nearest(true), 9);
        assert_eq!(Colour::Exact([0, 0, 0]).nearest(true), 0);
    }
}
