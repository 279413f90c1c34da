//! The output of `kozmic check`: a line for each look, for people or for programs.

use crate::commands::finding::Finding;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::process::ExitCode;

/// All findings, in the order in which they were made.
pub(super) struct Report {
    is_json: bool,
    findings: Vec<(&'static str, Finding)>,
}

impl Report {
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json, findings: Vec::new() }
    }

    /// Adds a finding. For people it is printed at once, since the next look may take long.
    pub(super) fn add(&mut self, what: &'static str, finding: impl Into<Finding>) {
        let finding = finding.into();
        if !self.is_json {
            let style = colour(&finding);
            anstream::println!(
                "{style}{:<5}{style:#} {what}: {}",
                finding.word(),
                on_one_line(finding.words())
            );
        }
        self.findings.push((what, finding));
    }

    /// True if there is a finding about this and it is not bad.
    pub(super) fn is_well(&self, what: &str) -> bool {
        self.findings.iter().any(|(about, finding)| *about == what && !finding.is_bad())
    }

    /// Prints all findings for programs, and gives the exit code: 0 if nothing is bad, 1 otherwise.
    pub(super) fn end(&self) -> ExitCode {
        if self.is_json {
            anstream::println!("{:#}", self.json());
        }
        ExitCode::from(u8::from(self.has_fault()))
    }

    fn has_fault(&self) -> bool {
        self.findings.iter().any(|(_, finding)| finding.is_bad())
    }

    fn json(&self) -> Value {
        let looks = self.findings.iter().map(|(what, finding)| {
            let result = finding.word().to_lowercase();
            json!({ "what": what, "result": result, "words": finding.words() })
        });
        json!({ "ok": !self.has_fault(), "looks": looks.collect::<Vec<_>>() })
    }
}

fn colour(finding: &Finding) -> Style {
    match finding {
        Finding::Well(_) => AnsiColor::Green.on_default(),
        Finding::Mind(_) => AnsiColor::Yellow.on_default(),
        Finding::Bad(_) => AnsiColor::Red.on_default().bold(),
    }
}

/// A text on one line. Words from outside may contain line breaks and control sequences.
fn on_one_line(words: &str) -> String {
    words.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_finding_makes_the_whole_bad() {
        let mut report = Report::new(true);
        report.add("git", Ok::<_, String>("2.39.5".to_owned()));
        report.add("people", Finding::Mind("everybody".to_owned()));
        assert_eq!(report.end(), ExitCode::SUCCESS);
        report.add("mail", Err::<String, _>("no answer".to_owned()));
        assert_eq!(report.end(), ExitCode::FAILURE);
        assert!(report.is_well("people") && !report.is_well("mail") && !report.is_well("ssh"));
        let json = report.json();
        assert_eq!(json["ok"], false);
        assert_eq!(json["looks"][2], json!({ "what": "mail", "result": "fail", "words": "no answer" }));
    }

    #[test]
    fn what_others_say_stays_on_its_line() {
        assert_eq!(on_one_line("a\r\nok    b\u{1b}[31m"), "a  ok    b [31m");
    }
}
