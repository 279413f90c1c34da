//! A new runner as people write it, in a form or as arguments of a command.

use super::{Forks, ProjectPatterns, RunnerRules, RunnerTitle};
use crate::{form::FieldFaults, label::Labels};
use std::{fmt::Display, str::FromStr};

/// A new runner as typed, right or wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunnerDraft {
    /// The name for people.
    pub title: String,
    /// Labels, separated by commas or white space.
    pub labels: String,
    /// Patterns of projects, separated by commas or white space. Empty: all projects.
    pub projects: String,
    /// The word of the rule for forks. Empty: the default.
    pub forks: String,
}

impl RunnerDraft {
    /// The title and the rules, or a fault for each wrong field.
    ///
    /// # Errors
    /// Names every field that is wrong and says what would be right.
    pub fn check(&self) -> Result<(RunnerTitle, RunnerRules), FieldFaults> {
        let mut faults = FieldFaults::new();
        let title = read::<RunnerTitle>("title", self.title.trim(), &mut faults);
        let labels = read::<Labels>("labels", &self.labels, &mut faults);
        let projects = read::<ProjectPatterns>("projects", &self.projects, &mut faults);
        let forks = match self.forks.as_str() {
            "" => Some(Forks::default()),
            word => read::<Forks>("forks", word, &mut faults),
        };
        match (title, labels, projects, forks) {
            (Some(title), Some(labels), Some(projects), Some(forks)) => {
                Ok((title, RunnerRules { labels, projects, forks }))
            }
            _ => Err(faults),
        }
    }
}

fn read<T: FromStr<Err: Display>>(field: &'static str, text: &str, faults: &mut FieldFaults) -> Option<T> {
    text.parse().map_err(|fault: T::Err| faults.insert(field, sentence(&fault.to_string()))).ok()
}

/// A fault as a sentence: some are the end of one.
fn sentence(fault: &str) -> String {
    let end = if fault.ends_with('.') { "" } else { "." };
    format!("{fault}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(title: &str, labels: &str, projects: &str, forks: &str) -> RunnerDraft {
        let [title, labels, projects, forks] = [title, labels, projects, forks].map(str::to_owned);
        RunnerDraft { title, labels, projects, forks }
    }

    #[test]
    fn a_runner_may_have_all_jobs_unless_its_form_says_otherwise() {
        let (title, rules) = draft(" big ", "", "", "").check().unwrap();
        assert_eq!((title.as_str(), rules), ("big", RunnerRules::default()));
        let (_, rules) = draft("big", "GPU, arm64", "anna/*\nbert/x", "no").check().unwrap();
        assert_eq!((rules.labels.to_string(), rules.forks), ("arm64,gpu".to_owned(), Forks::No));
        assert_eq!(rules.projects.to_string(), "anna/*,bert/x");
    }

    #[test]
    fn every_wrong_field_is_named_at_once_in_a_sentence() {
        let faults = draft("<b>", "a!", "anna", "some").check().unwrap_err();
        assert_eq!(faults.keys().copied().collect::<Vec<_>>(), ["forks", "labels", "projects", "title"]);
        assert!(faults.values().all(|fault| fault.ends_with('.')), "{faults:?}");
    }
}
