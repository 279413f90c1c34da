//! One pattern with wildcards. The comparison takes time in line with the text, whatever the pattern.

use std::ops::{BitAnd, BitOr};

/// The longest pattern, in bytes. Each byte is at most one state of the automaton.
pub(super) const LONGEST: usize = 200;

/// The most bytes that are looked for before the automaton begins.
const NEEDLE: usize = 16;

/// A pattern, cut into the text before its first wildcard, the text after its last one, and all between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    prefix: String,
    middle: Middle,
    suffix: String,
}

/// The part between the first wildcard and the last one. Most patterns need no automaton.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Middle {
    /// There is no wildcard: the prefix is all.
    Nothing,
    /// Any text without a slash.
    Segment,
    /// Any text.
    Anything,
    /// Something else. A text without the needle, which is a literal part, needs no automaton.
    Automaton { needle: Vec<u8>, automaton: Box<Automaton> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `?`: one character, but no slash.
    One,
    /// `*`: any characters, but no slash.
    Star,
    /// `**`: any characters.
    All,
    /// `**/` at the start of a segment: nothing, or any characters with a slash behind them.
    Directories,
}

impl Glob {
    /// The pattern that a text of at most [`LONGEST`] bytes stands for. A slash at its end stands for all below.
    pub(super) fn new(text: &str) -> Self {
        let tokens = tokens(text.as_bytes());
        let is_byte = |token: &Token| matches!(token, Token::Byte(_));
        let Some(first) = tokens.iter().position(|token| !is_byte(token)) else {
            return Self { prefix: literal(&tokens), middle: Middle::Nothing, suffix: String::new() };
        };
        let behind = tokens.iter().rposition(|token| !is_byte(token)).map_or(first, |last| last + 1);
        let middle = match &tokens[first..behind] {
            [Token::Star] => Middle::Segment,
            [Token::All] | [Token::Directories, Token::Star | Token::All] => Middle::Anything,
            other => Middle::Automaton { needle: needle(other), automaton: Box::new(Automaton::of(other)) },
        };
        Self { prefix: literal(&tokens[..first]), middle, suffix: literal(&tokens[behind..]) }
    }

    /// True if the pattern stands for this text.
    pub(super) fn matches(&self, text: &str) -> bool {
        if self.middle == Middle::Nothing {
            return text == self.prefix;
        }
        let rest = text.strip_prefix(self.prefix.as_str());
        let Some(between) = rest.and_then(|rest| rest.strip_suffix(self.suffix.as_str())) else {
            return false;
        };
        match &self.middle {
            Middle::Nothing | Middle::Anything => true,
            Middle::Segment => !between.contains('/'),
            Middle::Automaton { needle, automaton } => {
                contains(between.as_bytes(), needle) && automaton.accepts(between.as_bytes())
            }
        }
    }
}

/// The text of tokens that are bytes. Wildcards are ASCII, so no character is cut in two.
fn literal(tokens: &[Token]) -> String {
    let byte = |token: &Token| if let Token::Byte(byte) = token { Some(*byte) } else { None };
    String::from_utf8_lossy(&tokens.iter().filter_map(byte).collect::<Vec<_>>()).into_owned()
}

/// The beginning of the longest part that each text of these tokens contains.
fn needle(tokens: &[Token]) -> Vec<u8> {
    let parts = tokens.split(|token| !matches!(token, Token::Byte(_)));
    let longest = parts.max_by_key(|part| part.len()).unwrap_or_default();
    let byte = |token: &Token| if let Token::Byte(byte) = token { Some(*byte) } else { None };
    longest.iter().take(NEEDLE).filter_map(byte).collect()
}

/// True if the needle is in the text. For texts as short as paths, the search of the standard library takes longer.
fn contains(text: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    text.iter().enumerate().any(|(at, byte)| byte == first && text[at + 1..].starts_with(rest))
}

fn tokens(mut rest: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let Some((first, behind)) = rest.split_first() {
        let stars = rest.iter().take_while(|byte| **byte == b'*').count();
        let begins = matches!(tokens.last(), None | Some(Token::Byte(b'/') | Token::Directories));
        let (token, length) = match (stars, first) {
            (0, b'?') => (Token::One, 1),
            (0, byte) => (Token::Byte(*byte), 1),
            (1, _) => (Token::Star, 1),
            (many, _) if begins && rest.get(many) == Some(&b'/') => (Token::Directories, many + 1),
            (many, _) => (Token::All, many),
        };
        rest = if length == 1 { behind } else { &rest[length..] };
        if token != Token::Directories || tokens.last() != Some(&token) {
            tokens.push(token);
        }
    }
    if let Some(Token::Byte(b'/') | Token::Directories) = tokens.last() {
        tokens.push(Token::All);
    }
    tokens
}

/// A set of states: state `n` says that the first `n` steps of the pattern were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct States([u128; 2]);

impl States {
    fn insert(&mut self, state: usize) {
        self.0[state / 128] |= 1 << (state % 128);
    }

    fn contains(self, state: usize) -> bool {
        self.0[state / 128] >> (state % 128) & 1 == 1
    }

    /// Each state, moved ahead by fewer than 128 steps.
    fn ahead(self, steps: u32) -> Self {
        let [low, high] = self.0;
        Self([low << steps, high << steps | low >> (128 - steps)])
    }
}

impl BitAnd for States {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self([self.0[0] & other.0[0], self.0[1] & other.0[1]])
    }
}

impl BitOr for States {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }
}

/// The states that a kind of byte moves on, and those that it leaves as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reaction {
    moves: States,
    stays: States,
}

/// Follows all readings of a pattern at once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Automaton {
    /// The reaction to each byte, as an index.
    kinds: [u8; 256],
    reactions: Vec<Reaction>,
    /// The states before a star, which may stand for nothing.
    stars: States,
    /// The states before directories, which may be left out.
    directories: States,
    end: usize,
}

/// A step of the automaton.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Token(Token),
    /// The way into directories: it reads nothing.
    Enter,
}

/// The steps of directories: to enter, any text, a slash.
const DIRECTORIES: [Step; 3] = [Step::Enter, Step::Token(Token::All), Step::Token(Token::Byte(b'/'))];

impl Automaton {
    fn of(tokens: &[Token]) -> Self {
        let mut steps = Vec::new();
        for token in tokens {
            match token {
                Token::Directories => steps.extend(DIRECTORIES),
                other => steps.push(Step::Token(*other)),
            }
        }
        let those = |is_meant: fn(&Step) -> bool| {
            let mut states = States::default();
            steps.iter().enumerate().filter(|(_, step)| is_meant(step)).for_each(|(at, _)| states.insert(at));
            states
        };
        let (mut kinds, mut reactions) = ([0; 256], Vec::new());
        for (byte, kind) in (0..=u8::MAX).zip(&mut kinds) {
            let reaction = reaction(&steps, byte);
            let known = reactions.iter().position(|known| *known == reaction);
            let place = known.unwrap_or_else(|| {
                reactions.push(reaction);
                reactions.len() - 1
            });
            *kind = u8::try_from(place).expect("there are at most as many reactions as bytes");
        }
        let stars = those(|step| matches!(step, Step::Token(Token::Star | Token::All)));
        Self { kinds, reactions, stars, directories: those(|step| *step == Step::Enter), end: steps.len() }
    }

    fn accepts(&self, text: &[u8]) -> bool {
        let mut states = States::default();
        states.insert(0);
        states = self.with_empty_steps(states);
        for byte in text {
            let Reaction { moves, stays } = self.reactions[usize::from(self.kinds[usize::from(*byte)])];
            states = self.with_empty_steps((states & moves).ahead(1) | (states & stays));
            if states == States::default() {
                return false;
            }
        }
        states.contains(self.end)
    }

    /// Adds the states that are reached without a byte. No star leads to directories, because those follow a slash.
    fn with_empty_steps(&self, states: States) -> States {
        let enter = states & self.directories;
        let states = states | enter.ahead(1) | enter.ahead(3);
        states | (states & self.stars).ahead(1)
    }
}

/// The reaction to a byte. A character of several bytes begins with one that is no continuation. `?` reads that byte,
/// and its continuations leave the state behind it as it is.
fn reaction(steps: &[Step], byte: u8) -> Reaction {
    let is_continuation = byte & 0b1100_0000 == 0b1000_0000;
    let mut reaction = Reaction::default();
    for (at, step) in steps.iter().enumerate() {
        let (moves, stays) = match step {
            Step::Enter => (false, false),
            Step::Token(Token::Byte(wanted)) => (*wanted == byte, false),
            Step::Token(Token::One) => (byte != b'/' && !is_continuation, false),
            Step::Token(Token::Star) => (false, byte != b'/'),
            Step::Token(Token::All | Token::Directories) => (false, true),
        };
        if moves {
            reaction.moves.insert(at);
        }
        if stays {
            reaction.stays.insert(at);
        }
        if is_continuation && *step == Step::Token(Token::One) {
            reaction.stays.insert(at + 1);
        }
    }
    reaction
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The meaning of a pattern, told in the simplest way. It takes exponential time.
    fn means(tokens: &[Token], text: &[char]) -> bool {
        let Some((token, behind)) = tokens.split_first() else { return text.is_empty() };
        let skips = |is_skipped: fn(char) -> bool| {
            let longest = text.iter().take_while(|one| is_skipped(**one)).count();
            (0..=longest).any(|length| means(behind, &text[length..]))
        };
        match token {
            Token::Byte(byte) => text.first() == Some(&char::from(*byte)) && means(behind, &text[1..]),
            Token::One => text.first().is_some_and(|one| *one != '/') && means(behind, &text[1..]),
            Token::Star => skips(|one| one != '/'),
            Token::All => skips(|_| true),
            Token::Directories => {
                let slashes = text.iter().enumerate().filter(|(_, one)| **one == '/');
                means(behind, text) || slashes.map(|(at, _)| at + 1).any(|at| means(behind, &text[at..]))
            }
        }
    }

    proptest! {
        #[test]
        fn the_automaton_reads_each_pattern_as_it_is_meant(
            pattern in "([ab/?*]|\\*\\*|\\*\\*/|/\\*\\*/){0,8}", text in "[abü/]{0,12}",
        ) {
            let characters = text.chars().collect::<Vec<_>>();
            prop_assert_eq!(Glob::new(&pattern).matches(&text), means(&tokens(pattern.as_bytes()), &characters));
        }
    }

    #[test]
    fn each_wildcard_stands_for_what_the_documents_say() {
        for (pattern, yes, no) in [
            ("main", vec!["main"], vec!["Main", "main2", "x/main", ""]),
            ("*", vec!["main", "ü"], vec!["feature/x"]),
            ("**", vec!["main", "feature/x", ""], vec![]),
            ("feature/*", vec!["feature/x", "feature/"], vec!["feature", "feature/x/y"]),
            ("feature/**", vec!["feature/x", "feature/x/y"], vec!["feature", "features/x"]),
            ("v?.?", vec!["v1.0", "v1.ü"], vec!["v1.10", "v1./"]),
            ("release-*-lts", vec!["release-1-lts"], vec!["release-lts", "release-1/2-lts"]),
            ("**/*.rs", vec!["a.rs", "src/a.rs", "src/b/a.rs"], vec!["a.rsx"]),
            ("src/**/x?.c", vec!["src/x1.c", "src/a/b/xü.c"], vec!["src/x.c", "srcs/x1.c", "src/ax1.c"]),
            ("**/test/**", vec!["test/a", "a/test/b/c"], vec!["atest/b", "a/test"]),
            ("docs/", vec!["docs/a", "docs/a/b"], vec!["docs", "doc/a"]),
            ("pages/[id].tsx", vec!["pages/[id].tsx"], vec!["pages/i.tsx"]),
            ("a*b*c", vec!["abc", "a-b-b-c"], vec!["acb", "ab/c"]),
            ("aa*aa", vec!["aaaa"], vec!["aaa"]),
        ] {
            let glob = Glob::new(pattern);
            assert!(yes.iter().all(|text| glob.matches(text)), "{pattern} {yes:?}");
            assert!(!no.iter().any(|text| glob.matches(text)), "{pattern} {no:?}");
        }
    }

    #[test]
    fn the_longest_pattern_is_read_to_its_end() {
        for (part, fits) in [("?*", "ab"), ("**/", "a/"), ("a?", "aü"), ("*?", "a")] {
            let count = LONGEST / part.len();
            let (glob, text) = (Glob::new(&part.repeat(count)), fits.repeat(count));
            assert!(glob.matches(&text), "{part}");
        }
        let (glob, text) = (Glob::new(&"a*".repeat(LONGEST / 2)), "a".repeat(10_000));
        assert!(glob.matches(&text) && !glob.matches(&format!("{text}/")));
        assert!(!Glob::new(&"?".repeat(LONGEST)).matches(&"a".repeat(LONGEST - 1)));
    }
}
