//! Reads a script into statements. The whole script is read before anything is executed.

use super::{
    print::format,
    words::{Token, Word, tokens},
};

/// A statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) action: Action,
    pub(crate) to: Target,
}

impl Statement {
    /// The same statement, with relative paths resolved in a directory.
    pub(crate) fn within(self, directory: &str) -> Self {
        let whole = |path: String| if path.starts_with('/') { path } else { format!("{directory}/{path}") };
        let action = match self.action {
            Action::Cat(path) => Action::Cat(whole(path)),
            Action::Touch(path) => Action::Touch(whole(path)),
            Action::MakeDirectory { path, has_parents } => {
                Action::MakeDirectory { path: whole(path), has_parents }
            }
            Action::Link { to, path } => Action::Link { to, path: whole(path) },
            Action::Remove(path) => Action::Remove(whole(path)),
            Action::Until(path) => Action::Until(whole(path)),
            other => other,
        };
        let to = match self.to {
            Target::File { path, appends } => Target::File { path: whole(path), appends },
            other => other,
        };
        Self { action, to }
    }
}

/// The target of a statement's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
    /// A file.
    File {
        /// Its path.
        path: String,
        /// True if the output is appended to the file.
        appends: bool,
    },
}

/// The action of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Prints words.
    Echo(Vec<Word>, Option<u8>),
    /// Prints bytes.
    Print(Vec<u8>),
    /// Prints numbers from 1.
    Count(u64),
    /// Prints a line several times.
    Repeat { line: String, count: usize },
    /// Prints a number of bytes after it had all of them in memory.
    Gather(usize),
    /// Prints the size of the terminal.
    Size,
    /// Prints a file.
    Cat(String),
    /// Makes a file.
    Touch(String),
    /// Makes a directory.
    MakeDirectory { path: String, has_parents: bool },
    /// Makes a link.
    Link { to: String, path: String },
    /// Removes a path.
    Remove(String),
    /// Continues with this code.
    Code(i64),
    /// Exits, with the last code if none is given.
    Exit(Option<i64>),
    /// Ends if the statement before it failed.
    EndIfFailed,
    /// Dies of SIGKILL.
    Kill,
    /// Runs until it is stopped, as a replacement of the shell or as its child.
    Forever { replaces: bool },
    /// A child of the shell that runs until it is stopped, and then prints a word.
    Tidy(String),
    /// Waits for a file.
    Until(String),
    /// Sets the answer to SIGTERM.
    Trap(Trap),
    /// Sends a remark to the engine.
    Remark(Remark),
}

/// The answer of a script to SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trap {
    /// It dies.
    Default,
    /// It continues.
    Ignored,
    /// It ends with a code.
    Exit(i64),
}

/// A remark to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    Vanish,
    Cut,
    Blind,
    Away,
    Restart,
    Stop,
    Kill,
}

/// The beginning of a loop that waits for a file, and its end.
const WAITING: (&str, &str) = ("while [ ! -e ", " ]; do sleep 0.01; done");

/// The prefix of a comment that is a remark to the engine.
const REMARK: &str = "engine:";

/// Reads a script.
///
/// # Errors
/// The first line that is not understood, with its number.
pub(crate) fn read(script: &str) -> Result<Vec<Statement>, String> {
    let mut statements = Vec::new();
    for (number, line) in script.lines().enumerate() {
        let is_shell = number == 0 && ["#!/bin/sh", "#!/bin/bash"].contains(&line.trim_end());
        let is_other = number == 0 && line.starts_with("#!") && !is_shell;
        match line_of(line).filter(|_| !is_other) {
            Some(found) => statements.extend(found),
            None => return Err(format!("line {}: {line}", number + 1)),
        }
    }
    Ok(statements)
}

fn line_of(line: &str) -> Option<Vec<Statement>> {
    let mut statements = Vec::new();
    let mut rest = line.trim();
    while let Some(waiting) = rest.strip_prefix(WAITING.0) {
        let (path, behind) = waiting.split_once(WAITING.1)?;
        let path = word(&tokens(path)?)?;
        statements.push(Statement { action: Action::Until(path), to: Target::Output });
        rest = behind.trim_start();
        if !rest.is_empty() && !rest.starts_with('#') {
            rest = rest.strip_prefix(';')?.trim_start();
        }
    }
    // A loop after other statements of its line.
    let (before, waiting) = match rest.find(&format!("; {}", WAITING.0)) {
        Some(at) => (&rest[..at], Some(&rest[at + 2..])),
        None => (rest, None),
    };
    for tokens in tokens(before)?.split(|token| *token == Token::End) {
        statements.extend(statements_of(tokens)?);
    }
    if let Some(waiting) = waiting {
        statements.extend(line_of(waiting)?);
    }
    Some(statements)
}

/// The only word of a piece of a line.
fn word(tokens: &[Token]) -> Option<String> {
    match tokens {
        [Token::Word(word)] => word.fixed(),
        _ => None,
    }
}

/// A statement with the remark after it.
fn statements_of(tokens: &[Token]) -> Option<Vec<Statement>> {
    let (tokens, remark) = match tokens.split_last() {
        Some((Token::Remark(text), before)) => (before, remark(text)?),
        _ => (tokens, None),
    };
    let mut statements = Vec::new();
    if !tokens.is_empty() {
        let (tokens, to) = target(tokens)?;
        statements.push(Statement { action: action(tokens)?, to });
    }
    let remark = remark.map(|remark| Statement { action: Action::Remark(remark), to: Target::Output });
    statements.extend(remark);
    Some(statements)
}

/// The remark in a comment. The inner option is none for a comment for people; the outer is none if the engine does not
/// know the remark.
fn remark(text: &str) -> Option<Option<Remark>> {
    let Some(word) = text.trim().strip_prefix(REMARK) else { return Some(None) };
    let remark = match word.trim() {
        "vanish" => Remark::Vanish,
        "cut" => Remark::Cut,
        "blind" => Remark::Blind,
        "away" => Remark::Away,
        "restart" => Remark::Restart,
        "stop" => Remark::Stop,
        "kill" => Remark::Kill,
        _ => return None,
    };
    Some(Some(remark))
}

fn target(tokens: &[Token]) -> Option<(&[Token], Target)> {
    match tokens {
        [before @ .., Token::ToError] => Some((before, Target::Error)),
        [before @ .., Token::Into { appends }, Token::Word(word)] => {
            Some((before, Target::File { path: word.fixed()?, appends: *appends }))
        }
        _ => Some((tokens, Target::Output)),
    }
}

fn action(tokens: &[Token]) -> Option<Action> {
    let parts = tokens.split(|token| *token == Token::Pipe).map(words).collect::<Option<Vec<_>>>()?;
    if let [words] = parts.as_slice() {
        return simple(words);
    }
    let fixed = parts.iter().map(|words| words.iter().map(Word::fixed).collect::<Option<Vec<_>>>());
    let fixed = fixed.collect::<Option<Vec<_>>>()?;
    let fixed = fixed.iter().map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
    match fixed.collect::<Vec<_>>().as_slice() {
        [yes, head, rest @ ..] => match (yes.as_slice(), head.as_slice()) {
            (["yes", line], ["head", "-n", count]) => {
                let end = match rest {
                    [] => "\n",
                    [tr] if *tr == ["tr", "-d", "\\n"] => "",
                    _ => return None,
                };
                Some(Action::Repeat { line: format!("{line}{end}"), count: count.parse().ok()? })
            }
            (["head", "-c", count, "/dev/zero"], ["tail", "-n", "1"]) if rest.is_empty() => {
                Some(Action::Gather(count.parse().ok()?))
            }
            _ => None,
        },
        _ => None,
    }
}

fn words(tokens: &[Token]) -> Option<Vec<Word>> {
    let word = |token: &Token| match token {
        Token::Word(word) => Some(word.clone()),
        _ => None,
    };
    tokens.iter().map(word).collect()
}

fn simple(words: &[Word]) -> Option<Action> {
    if let Some((first, rest)) = words.split_first()
        && first.fixed()? == "echo"
    {
        return echo(rest);
    }
    let fixed = words.iter().map(Word::fixed).collect::<Option<Vec<_>>>()?;
    let owned = |text: &str| text.to_owned();
    Some(match fixed.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["printf", text] => Action::Print(format(text)?),
        ["stty", "size"] => Action::Size,
        ["seq", count] => Action::Count(count.parse().ok()?),
        ["head", "-c", count, "/dev/zero"] => Action::Print(vec![0; count.parse().ok()?]),
        ["cat", path] => Action::Cat(owned(path)),
        ["touch", path] => Action::Touch(owned(path)),
        ["mkdir", "-p", path] => Action::MakeDirectory { path: owned(path), has_parents: true },
        ["mkdir", path] => Action::MakeDirectory { path: owned(path), has_parents: false },
        ["ln", "-s", to, path] => Action::Link { to: owned(to), path: owned(path) },
        ["rm", "-rf", path] => Action::Remove(owned(path)),
        ["true" | ":"] => Action::Code(0),
        ["false"] => Action::Code(1),
        ["exit"] => Action::Exit(None),
        ["exit", code] => Action::Exit(Some(code.parse::<u8>().ok()?.into())),
        ["kill", "-9" | "-KILL", "$$"] => Action::Kill,
        ["sleep", "infinity"] => Action::Forever { replaces: false },
        ["exec", "sleep", "infinity"] => Action::Forever { replaces: true },
        ["sh", "-c", text] => {
            let text = text.strip_prefix("trap \"sleep 1; echo ")?;
            let word = text.strip_suffix("\" TERM; sleep infinity")?;
            let is_plain =
                !word.is_empty() && word.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == ' ');
            is_plain.then(|| Action::Tidy(owned(word)))?
        }
        ["trap", "", "TERM"] => Action::Trap(Trap::Ignored),
        ["trap", command, "TERM"] => {
            Action::Trap(Trap::Exit(command.strip_prefix("exit ")?.parse::<u8>().ok()?.into()))
        }
        _ => return None,
    })
}

/// Accepts only arguments on which all shells agree: no backslashes and no options but `-n`.
fn echo(words: &[Word]) -> Option<Action> {
    let first = words.first().and_then(Word::fixed).unwrap_or_default();
    let (words, end) = if first == "-n" { (&words[1..], None) } else { (words, Some(b'\n')) };
    let is_plain = |word: &Word| word.text(|_| String::new()).chars().all(|sign| sign != '\\');
    let is_option = words.first().and_then(Word::fixed).is_some_and(|word| word.starts_with('-'));
    (!is_option && words.iter().all(is_plain)).then(|| Action::Echo(words.to_vec(), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(script: &str) -> Result<Vec<Action>, String> {
        Ok(read(script)?.into_iter().map(|statement| statement.action).collect())
    }

    #[test]
    fn a_script_is_read_line_by_line() {
        let script = "#!/bin/sh\n# for people\ntrue; exit 3 # engine: cut\n\nexec sleep infinity\n";
        let expected = [
            Action::Code(0),
            Action::Exit(Some(3)),
            Action::Remark(Remark::Cut),
            Action::Forever { replaces: true },
        ];
        assert_eq!(actions(script).unwrap(), expected);
        let waiting = "true; while [ ! -e /tmp/go ]; do sleep 0.01; done; false";
        let until = Action::Until("/tmp/go".to_owned());
        assert_eq!(actions(waiting).unwrap(), [Action::Code(0), until, Action::Code(1)]);
    }

    #[test]
    fn much_is_printed_by_few_words() {
        let repeat = |line: &str, count| vec![Action::Repeat { line: line.to_owned(), count }];
        assert_eq!(actions("yes ab | head -n 3").unwrap(), repeat("ab\n", 3));
        assert_eq!(actions(r"yes ab | head -n 3 | tr -d '\n'").unwrap(), repeat("ab", 3));
        assert_eq!(actions("seq 4 > /tmp/x").unwrap(), [Action::Count(4)]);
    }

    #[test]
    fn the_first_line_that_is_not_understood_is_named() {
        assert_eq!(actions("true\nmake all\nfalse"), Err("line 2: make all".to_owned()));
        for line in [
            "#!/usr/bin/python3",
            "# engine: explode",
            "exit 256",
            "echo -e a",
            "echo 'a\\n'",
            "printf '%s' a",
            "trap 'echo a' TERM",
            "kill -9 1",
            "sh -c 'make all'",
            "head -c 9 /dev/zero | tail -n 2",
            "sleep 1",
            "true | false",
            "true > ",
            "trap - TERM",
            "set -e",
        ] {
            assert_eq!(actions(line), Err(format!("line 1: {line}")));
        }
    }
}
