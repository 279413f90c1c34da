//! Output of the demo: a line for each step, the log of the job, and faults.

use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use crate::github::{State, Status};

/// The terminal, or a file in its place. A file gets no colours.
pub(super) struct Terminal {
    colours: bool,
    start: Instant,
}

impl Terminal {
    pub(super) fn new() -> Self {
        let colours = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colours, start: Instant::now() }
    }

    /// Prints a completed step, with the time since the start.
    pub(super) fn step(&self, what: &str) {
        let since = self.paint("2", &format!("{:>6.2} s", self.start.elapsed().as_secs_f64()));
        self.line(&format!("{since}  {} {what}", self.paint("32", "✓")));
    }

    /// Prints a commit status that arrived.
    pub(super) fn status(&self, repository: &str, status: &Status) {
        let colour = match status.state {
            State::Success => "1;32",
            State::Failure | State::Error => "1;31",
            State::Pending => "1;33",
        };
        let state = self.paint(colour, status.state.as_str());
        let description = status.description.as_deref().unwrap_or_default();
        let sha = status.sha.get(..7).unwrap_or(&status.sha);
        self.step(&format!("commit status of {repository} {sha}: {state}, {description}"));
    }

    /// Prints the complete lines of a piece of log; gives the rest.
    pub(super) fn log(&self, text: &str) -> String {
        let (lines, rest) = text.rsplit_once('\n').map_or(("", text), |(lines, rest)| (lines, rest));
        for line in lines.lines().filter(|_| !lines.is_empty()) {
            let shown = if self.colours { line.to_owned() } else { without_colours(line) };
            self.line(&format!("{:>10} {} {shown}{}", "", self.paint("2", "│"), self.reset()));
        }
        rest.to_owned()
    }

    /// A plain line.
    pub(super) fn line(&self, text: &str) {
        // A reader that closed the pipe does not want more.
        writeln!(stdout().lock(), "{text}").ok();
    }

    /// Prints a name and its value in two columns.
    pub(super) fn fact(&self, name: &str, value: &str) {
        self.line(&format!("  {} {value}", self.paint("1", &format!("{name:<12}"))));
    }

    /// Prints the fault, with the server's output.
    pub(super) fn failure(&self, error: &anyhow::Error, output: Option<&str>) {
        if let Some(output) = output {
            self.line(&format!("\n--- what Kozmic printed ---\n{}---", output));
        }
        self.line(&format!("\n{} {error:#}", self.paint("1;31", "✗")));
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn reset(&self) -> &'static str {
        if self.colours { "\u{1b}[0m" } else { "" }
    }
}

/// A duration for people.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

/// A line without its colour sequences.
fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = after.find(|letter: char| letter.is_ascii_alphabetic()).map_or(after.len(), |end| end + 1);
        rest = &after[end..];
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::without_colours;

    #[test]
    fn colours_are_taken_off() {
        assert_eq!(without_colours("\u{1b}[1;34m==>\u{1b}[0m Testing\u{1b}[K"), "==> Testing");
        assert_eq!(without_colours("plain"), "plain");
    }
}
