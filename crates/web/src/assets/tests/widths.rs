//! Tests that characters have the same width in browsers as on the server. If the server's crate knows a newer Unicode,
//! the test prints the table that `crates/web/static/widths.js` has to have.

use kozmic_model::terminal::width;

const SCRIPT: &str = include_str!("../../../static/widths.js");

/// Characters below this one have one column each, if they are no control characters.
const FIRST: u32 = 0xa0;

/// The ranges of characters of this width: the distance from the range before, and the length if it is not 1, in base
/// 36.
fn ranges(columns: usize) -> String {
    let has = |code: u32| char::from_u32(code).is_some_and(|sign| width(sign) == columns);
    let (mut ranges, mut end, mut code) = (Vec::new(), 0, FIRST);
    while code <= u32::from(char::MAX) {
        let length = (code..).take_while(|code| has(*code)).zip(1..).last().map_or(0, |(_, length)| length);
        match length {
            0 => {}
            1 => ranges.push(base_36(code - end)),
            _ => ranges.push(format!("{}-{}", base_36(code - end), base_36(length))),
        }
        code += length.max(1);
        end = if length > 0 { code } else { end };
    }
    ranges.join(" ")
}

fn base_36(number: u32) -> String {
    let digit = char::from_digit(number % 36, 36).unwrap();
    if number < 36 { digit.to_string() } else { base_36(number / 36) + &digit.to_string() }
}

fn table(name: &str) -> String {
    let start = format!("const {name} = `");
    let table = SCRIPT.split_once(&start).unwrap().1.split_once('`').unwrap().0;
    table.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn signs_are_as_wide_in_browsers_as_on_the_server() {
    assert!((' '..='~').all(|sign| width(sign) == 1));
    for (name, columns) in [("NONE", 0), ("WIDE", 2)] {
        assert!(table(name) == ranges(columns), "{name} has to be:\n{}", ranges(columns));
    }
}
