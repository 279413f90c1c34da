//! Splits a line of a script into tokens: words without their quotes, and the operators between them.

use std::iter::Peekable;
use std::str::Chars;

/// A token of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word.
    Word(Word),
    /// `;`
    End,
    /// `|`
    Pipe,
    /// `>&2`
    ToError,
    /// `>`, or `>>`, which appends.
    Into {
        /// True if the output is appended to the file.
        appends: bool,
    },
    /// The text after a `#`.
    Remark(String),
}

/// A word, as a list of parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Word {
    /// The word, with the values of its variables.
    pub(crate) fn text(&self, value: impl Fn(&str) -> String) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Variable(name) => value(name),
        });
        parts.collect()
    }

    /// The word, if it has no variables.
    pub(crate) fn fixed(&self) -> Option<String> {
        let is_text = |part: &Part| matches!(part, Part::Text(_));
        self.0.iter().all(is_text).then(|| self.text(|_| String::new()))
    }

    fn push(&mut self, sign: char) {
        match self.0.last_mut() {
            Some(Part::Text(text)) => text.push(sign),
            _ => self.0.push(Part::Text(sign.to_string())),
        }
    }
}

/// The tokens of a line; none if it contains something that is not understood.
pub(crate) fn tokens(line: &str) -> Option<Vec<Token>> {
    let mut signs = line.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(sign) = signs.peek().copied() {
        match sign {
            ' ' | '\t' => drop(signs.next()),
            '#' => tokens.push(Token::Remark(signs.by_ref().skip(1).collect())),
            ';' | '|' => {
                signs.next();
                // `||` and `;;` are other operators.
                if signs.peek() == Some(&sign) {
                    return None;
                }
                tokens.push(if sign == ';' { Token::End } else { Token::Pipe });
            }
            '>' => tokens.push(redirect(&mut signs)?),
            _ => tokens.push(Token::Word(word(&mut signs)?)),
        }
    }
    Some(tokens)
}

fn redirect(signs: &mut Peekable<Chars<'_>>) -> Option<Token> {
    signs.next();
    match signs.peek() {
        Some('&') => {
            signs.next();
            (signs.next() == Some('2')).then_some(Token::ToError)
        }
        Some('>') => {
            signs.next();
            Some(Token::Into { appends: true })
        }
        _ => Some(Token::Into { appends: false }),
    }
}

fn word(signs: &mut Peekable<Chars<'_>>) -> Option<Word> {
    let mut word = Word(vec![Part::Text(String::new())]);
    while let Some(sign) = signs.peek().copied() {
        match sign {
            ' ' | '\t' | ';' | '|' | '>' => break,
            '\'' => quoted(signs, &mut word)?,
            '"' => expanded(signs, &mut word)?,
            '$' => {
                signs.next();
                // Only `kill` uses the shell's own number; every other variable needs double quotes.
                if signs.next() != Some('$') {
                    return None;
                }
                word.0.push(Part::Text("$$".to_owned()));
            }
            '\\' | '`' | '*' | '?' | '~' | '&' | '<' | '(' | ')' | '{' | '}' => return None,
            _ => {
                signs.next();
                word.push(sign);
            }
        }
    }
    Some(word)
}

fn quoted(signs: &mut Peekable<Chars<'_>>, word: &mut Word) -> Option<()> {
    signs.next();
    loop {
        match signs.next()? {
            '\'' => return Some(()),
            sign => word.push(sign),
        }
    }
}

fn expanded(signs: &mut Peekable<Chars<'_>>, word: &mut Word) -> Option<()> {
    signs.next();
    loop {
        match signs.next()? {
            '"' => return Some(()),
            '\\' | '`' => return None,
            '$' => word.0.push(Part::Variable(variable(signs)?)),
            sign => word.push(sign),
        }
    }
}

fn variable(signs: &mut Peekable<Chars<'_>>) -> Option<String> {
    let is_braced = signs.next_if_eq(&'{').is_some();
    let mut name = String::new();
    while let Some(sign) = signs.next_if(|sign| sign.is_ascii_alphanumeric() || *sign == '_') {
        name.push(sign);
        if name.len() == 1 && sign.is_ascii_digit() {
            break;
        }
    }
    let is_closed = !is_braced || signs.next() == Some('}');
    (!name.is_empty() && is_closed).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let text = |token| match token {
            Token::Word(word) => word.text(|name| format!("<{name}>")),
            other => format!("{other:?}"),
        };
        Some(tokens(line)?.into_iter().map(text).collect())
    }

    #[test]
    fn quotes_and_variables_are_undone_as_a_shell_does() {
        let read = words(r#"a 'b  "$c' "d $E${F}g$1h" i'j'"k""#).unwrap();
        assert_eq!(read, ["a", r#"b  "$c"#, "d <E><F>g<1>h", "ijk"]);
        assert_eq!(words("'' x").unwrap(), ["", "x"]);
    }

    #[test]
    fn what_is_not_understood_is_never_taken_for_something_else() {
        for line in ["a || b", "a && b", "a &", "$(a)", "`a`", "\"`a`\"", "a $B", "a\\n", "a*", "'a", "< a"] {
            assert_eq!(words(line), None, "{line}");
        }
    }
}
