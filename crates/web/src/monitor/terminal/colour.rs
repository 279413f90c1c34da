//! The look of characters as classes of the style sheet. A page's markup may contain no styles, so a colour beyond the
//! sixteen becomes the nearest one that has a class.

use kozmic_model::terminal::{Colour, Style};

/// The foreground colours of the style sheet's log, `f0` to `f15`.
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

/// The background colours of the style sheet's log, `g0` to `g15`.
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

/// The levels of the colour cube with the numbers 16 to 231.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The style sheet's classes for a look.
pub(super) fn classes(style: Style) -> String {
    let (ink, ground) = if style.is_inverse { (style.ground, style.ink) } else { (style.ink, style.ground) };
    let switches = [
        (style.is_bold, "bo"),
        (style.is_dim, "di"),
        (style.is_italic, "it"),
        (style.is_underlined, "un"),
        (style.is_struck, "st"),
        (style.is_inverse && ink.is_none() && ground.is_none(), "iv"),
    ];
    let switched = switches.into_iter().filter(|(is_on, _)| *is_on).map(|(_, class)| class.to_owned());
    let ink = ink.map(|ink| format!("f{}", nearest(ink, &INKS)));
    let ground = ground.map(|ground| format!("g{}", nearest(ground, &GROUNDS)));
    switched.chain(ink).chain(ground).collect::<Vec<_>>().join(" ")
}

/// The number of the nearest of the sixteen colours.
fn nearest(colour: Colour, known: &[u32; 16]) -> u8 {
    let exact = match colour {
        Colour::Numbered(number @ ..16) => return number,
        Colour::Numbered(number @ 232..) => [8 + (number - 232) * 10; 3],
        Colour::Numbered(number) => {
            let cube = usize::from(number - 16);
            [cube / 36, cube / 6 % 6, cube % 6].map(|step| LEVELS[step])
        }
        Colour::Exact(exact) => exact,
    };
    let nearest = (0_u8..).zip(known).min_by_key(|(_, known)| distance(exact, **known));
    nearest.map_or(7, |(number, _)| number)
}

fn distance(one: [u8; 3], other: u32) -> u32 {
    let [_, parts @ ..] = other.to_be_bytes();
    one.iter().zip(parts).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_class_becomes_what_is_nearest() {
        assert_eq!(nearest(Colour::Numbered(3), &INKS), 3);
        assert_eq!(nearest(Colour::Numbered(231), &INKS), 15);
        assert_eq!(nearest(Colour::Numbered(141), &INKS), 5);
        assert_eq!(nearest(Colour::Exact([255, 0, 0]), &GROUNDS), 9);
        assert_eq!(nearest(Colour::Exact([0, 0, 0]), &GROUNDS), 0);
    }
}
