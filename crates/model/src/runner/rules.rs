//! The rules of a runner: the jobs that it may get. A label that a job asks for lets the job nowhere by itself.

use crate::label::Labels;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The most patterns of one runner.
const MOST: usize = 100;

/// The longest name of an owner or a repository, in characters.
const LONGEST: usize = 100;

/// The jobs that a runner may get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunnerRules {
    /// The labels that people gave it.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The projects whose jobs it may get.
    #[serde(skip_serializing_if = "ProjectPatterns::is_empty")]
    pub projects: ProjectPatterns,
    /// The rule for pull requests from forks.
    #[serde(skip_serializing_if = "Forks::is_any")]
    pub forks: Forks,
}

/// The facts about a job that decide which runner may have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobClass {
    /// The name of its project's repository, as `owner/name`.
    pub project: String,
    /// The labels that its runner must have.
    pub labels: Labels,
    /// True if its commit comes from a fork.
    pub is_from_fork: bool,
}

/// The reason why a runner may not have a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The runner lacks these labels.
    Labels(Labels),
    /// The runner is for other projects.
    Project,
    /// The runner takes no jobs of forks.
    Fork,
    /// The runner takes only jobs of forks.
    NoFork,
}

impl RunnerRules {
    /// Rules under which no job is taken, for a runner whose rules cannot be read.
    pub fn closed() -> Self {
        let nowhere = Pattern { owner: String::new(), name: Some(String::new()) };
        Self { projects: ProjectPatterns(vec![nowhere]), ..Self::default() }
    }

    /// The reason why a job of a class may not be taken; none if it may. `own` has all labels of the runner, also those
    /// that follow from its machine.
    pub fn refuses(&self, own: &Labels, class: &JobClass) -> Option<Refusal> {
        if !class.labels.are_all_in(own) {
            return Some(Refusal::Labels(class.labels.without(own)));
        }
        if !self.projects.let_in(&class.project) {
            return Some(Refusal::Project);
        }
        match (self.forks, class.is_from_fork) {
            (Forks::No, true) => Some(Refusal::Fork),
            (Forks::Only, false) => Some(Refusal::NoFork),
            (Forks::Any, _) | (Forks::No, false) | (Forks::Only, true) => None,
        }
    }
}

/// The rule of a runner for pull requests from forks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forks {
    /// It takes them like all others.
    #[default]
    Any,
    /// It takes none.
    No,
    /// It takes nothing else.
    Only,
}

impl Forks {
    /// All rules, the default first.
    pub const ALL: [Self; 3] = [Self::Any, Self::No, Self::Only];

    /// The word in commands, on pages and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::No => "no",
            Self::Only => "only",
        }
    }

    fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

/// The text names no rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no rule for forks: use any, no or only")]
pub struct UnknownForks(String);

impl FromStr for Forks {
    type Err = UnknownForks;

    fn from_str(text: &str) -> Result<Self, UnknownForks> {
        let known = Self::ALL.into_iter().find(|rule| rule.word() == text);
        known.ok_or_else(|| UnknownForks(text.chars().take(LONGEST).collect()))
    }
}

/// Patterns of projects, each `owner/*` or `owner/name`. No pattern means all projects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ProjectPatterns(Vec<Pattern>);

/// One pattern, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    owner: String,
    /// None: all repositories of the owner.
    name: Option<String>,
}

/// The text is not a pattern of projects, or there are too many.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPattern {
    /// The text has another form.
    #[error("\"{0}\" names no projects: write owner/name, or owner/* for all of an owner")]
    Form(String),
    /// The list is too long.
    #[error("{0} patterns of projects are more than {MOST}")]
    Many(usize),
}

impl ProjectPatterns {
    /// True if there is no pattern, so that all projects are let in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if the project with this name, `owner/name`, is let in. Upper and lower case do not matter.
    pub fn let_in(&self, full_name: &str) -> bool {
        self.is_empty() || self.0.iter().any(|pattern| pattern.fits(full_name))
    }

    fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Self, NotAPattern> {
        let mut patterns = texts.map(str::parse).collect::<Result<Vec<Pattern>, _>>()?;
        if patterns.len() > MOST {
            return Err(NotAPattern::Many(patterns.len()));
        }
        patterns.sort();
        patterns.dedup();
        Ok(Self(patterns))
    }
}

impl Pattern {
    fn fits(&self, full_name: &str) -> bool {
        let Some((owner, name)) = full_name.split_once('/') else { return false };
        let is_name = |pattern: &String| pattern.eq_ignore_ascii_case(name);
        self.owner.eq_ignore_ascii_case(owner) && self.name.as_ref().is_none_or(is_name)
    }
}

impl FromStr for Pattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let fault = || NotAPattern::Form(text.chars().take(LONGEST).collect());
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_word = |word: &str| (1..=LONGEST).contains(&word.len()) && word.bytes().all(is_inner);
        let (owner, name) = text.split_once('/').filter(|(owner, _)| is_word(owner)).ok_or_else(fault)?;
        let name = match name {
            "*" => None,
            name if is_word(name) => Some(name.to_ascii_lowercase()),
            _ => return Err(fault()),
        };
        Ok(Self { owner: owner.to_ascii_lowercase(), name })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name.as_deref().unwrap_or("*"))
    }
}

/// Reads patterns that a person wrote, separated by commas or white space.
impl FromStr for ProjectPatterns {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        Self::of(words.filter(|word| !word.is_empty()))
    }
}

impl TryFrom<Vec<String>> for ProjectPatterns {
    type Error = NotAPattern;

    fn try_from(texts: Vec<String>) -> Result<Self, NotAPattern> {
        Self::of(texts.iter().map(String::as_str))
    }
}

impl From<ProjectPatterns> for Vec<String> {
    fn from(patterns: ProjectPatterns) -> Self {
        patterns.0.iter().map(ToString::to_string).collect()
    }
}

impl fmt::Display for ProjectPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.0.iter().map(ToString::to_string).collect::<Vec<_>>();
        f.write_str(&texts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Labels {
        text.parse().unwrap()
    }

    fn class(project: &str, wanted: &str, is_from_fork: bool) -> JobClass {
        JobClass { project: project.to_owned(), labels: labels(wanted), is_from_fork }
    }

    #[test]
    fn a_label_lets_nobody_in_by_itself() {
        let projects = "anna/*, bert/deploy".parse().unwrap();
        let rules = RunnerRules { labels: labels("deploy"), projects, forks: Forks::No };
        let refused = |class: &JobClass| rules.refuses(&labels("deploy,amd64"), class);
        assert_eq!(refused(&class("Anna/Hello", "deploy", false)), None);
        assert_eq!(refused(&class("bert/Deploy", "amd64", false)), None);
        assert_eq!(refused(&class("bert/other", "deploy", false)), Some(Refusal::Project));
        assert_eq!(refused(&class("eve/anna", "", false)), Some(Refusal::Project));
        assert_eq!(refused(&class("anna/hello", "", true)), Some(Refusal::Fork));
        let lacking = refused(&class("eve/hello", "deploy,gpu,arm64", true));
        assert_eq!(lacking, Some(Refusal::Labels(labels("arm64,gpu"))));
    }

    #[test]
    fn a_runner_for_forks_takes_nothing_else() {
        let rules = RunnerRules { forks: Forks::Only, ..RunnerRules::default() };
        let refused = |is_from_fork| rules.refuses(&Labels::default(), &class("a/b", "", is_from_fork));
        assert_eq!((refused(true), refused(false)), (None, Some(Refusal::NoFork)));
        let none = RunnerRules::closed().refuses(&Labels::default(), &class("a/b", "", false));
        assert_eq!(none, Some(Refusal::Project));
    }

    #[test]
    fn patterns_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<ProjectPatterns>().map(|patterns| patterns.to_string());
        assert_eq!(read(" Anna/*,\n bert/Hello.rs anna/*"), Ok("anna/*,bert/hello.rs".to_owned()));
        assert_eq!(read(""), Ok(String::new()));
        for bad in ["anna", "*/hello", "anna/", "/hello", "anna/h*", "a/b/c", "ä/b"] {
            assert_eq!(read(bad), Err(NotAPattern::Form(bad.to_owned())));
        }
        let many = (0..=MOST).map(|number| format!("a/b{number} ")).collect::<String>();
        assert_eq!(read(&many), Err(NotAPattern::Many(MOST + 1)));
    }

    #[test]
    fn rules_are_stored_without_their_defaults_and_read_back() {
        let stored = |rules: &RunnerRules| serde_json::to_string(rules).unwrap();
        assert_eq!(stored(&RunnerRules::default()), "{}");
        let rules =
            RunnerRules { labels: labels("gpu"), projects: "a/*".parse().unwrap(), forks: Forks::Only };
        assert_eq!(stored(&rules), r#"{"labels":["gpu"],"projects":["a/*"],"forks":"only"}"#);
        assert_eq!(serde_json::from_str::<RunnerRules>(&stored(&rules)).unwrap(), rules);
        assert!(serde_json::from_str::<RunnerRules>(r#"{"projects":["a"]}"#).is_err());
        for rule in Forks::ALL {
            assert_eq!(rule.word().parse(), Ok(rule));
        }
        assert!("some".parse::<Forks>().is_err());
    }
}
