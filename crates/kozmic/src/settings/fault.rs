//! Faults of the settings, in words for the person who set Kozmic up.

mod kernel_rule;

pub(crate) use kernel_rule::KernelRuleFault;

use super::keys::{Key, find, names};
use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter},
    path::{Path, PathBuf},
};

/// All faults of the settings, at least one.
#[derive(Debug)]
pub(crate) struct SettingsFaults {
    pub(super) faults: Vec<SettingsFault>,
    /// True if a settings file was read.
    pub(super) has_file: bool,
}

impl std::error::Error for SettingsFaults {}

impl Display for SettingsFaults {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.faults[..] {
            [fault] => write!(f, "{fault}")?,
            faults => {
                write!(f, "the settings have {} faults:", faults.len())?;
                faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))?;
            }
        }
        let misses = self.faults.iter().any(|fault| matches!(fault, SettingsFault::Missing { .. }));
        match misses && !self.has_file {
            true => f.write_str(
                "\nno settings file was read: this directory has no kozmic.toml, and --config names none",
            ),
            false => Ok(()),
        }
    }
}

impl From<SettingsFault> for SettingsFaults {
    fn from(fault: SettingsFault) -> Self {
        Self { faults: vec![fault], has_file: true }
    }
}

/// Fault of the settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsFault {
    /// The settings file, or a file that a setting names, cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Error of the system.
        cause: std::io::Error,
    },
    /// The settings file is not TOML.
    #[error("{}, line {line}, column {column}: {words}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1, in characters.
        column: usize,
        /// Words for the fault, without the text at that place: it may be a secret.
        words: String,
    },
    /// The variable is not UTF-8.
    #[error("{variable} in the environment is not text in UTF-8")]
    NotText {
        /// The variable's name, with signs in place of bytes that are no text.
        variable: String,
    },
    /// No setting has this name.
    #[error("{place}: there is no setting \"{name}\"; did you mean \"{nearest}\"?")]
    Unknown {
        /// The file or the environment.
        place: String,
        /// The name as written.
        name: String,
        /// The known name that is most similar.
        nearest: String,
    },
    /// The value and a file with the value are both set.
    #[error("{place}: {name} and {name}_file are both set: only one of them can hold")]
    Twice {
        /// The file.
        place: String,
        /// The setting.
        name: &'static str,
    },
    /// The value cannot be used.
    #[error("{setting} in {place} {value} it needs to be {right}")]
    Wrong {
        /// The setting by its name at that place.
        setting: String,
        /// The file or the environment.
        place: String,
        /// The value as written, if it is no secret, as the middle of the sentence.
        value: String,
        /// Description of a right value.
        right: Cow<'static, str>,
    },
    /// The file has `kernel`, but not as a list of tables.
    #[error("{place}: kernel rules are tables, each below a line [[kernel]] of its own")]
    NoRules {
        /// The file.
        place: String,
    },
    /// A kernel rule cannot be used.
    #[error("{place}, kernel rule {number}: {fault}")]
    KernelRule {
        /// The file.
        place: String,
        /// The rule's number, counted from 1.
        number: usize,
        /// The fault.
        fault: KernelRuleFault,
    },
    /// Two settings exclude each other.
    #[error("{} and {} are both set: only one of them can hold", names(one), names(other))]
    Both {
        /// The first setting.
        one: &'static str,
        /// The second setting.
        other: &'static str,
    },
    /// The range for networks of single jobs is too small for the number of jobs that run at once.
    #[error(
        "{} has room for {room} networks, and {jobs} jobs at once need {}: one may outlive its job by a moment",
        names("docker_job_subnets"), jobs * 2
    )]
    FewSubnets {
        /// Number of networks that fit.
        room: usize,
        /// Number of jobs that run at once.
        jobs: usize,
    },
    /// The setting is needed.
    #[error("{} is missing: {hint}", names(name))]
    Missing {
        /// The setting by its name in the file.
        name: &'static str,
        /// Hint how to get a value.
        hint: &'static str,
    },
}

impl SettingsFault {
    /// The fault of a missing setting.
    pub(super) fn missing(name: &'static str) -> Self {
        Self::Missing { name, hint: find(name).map_or("", |key| key.hint) }
    }

    /// The setting with the wrong value, if there is one.
    pub(super) fn key(&self) -> Option<&'static Key> {
        match self {
            Self::Wrong { setting, .. } => {
                find(setting.trim_start_matches("KOZMIC_").to_lowercase().as_str())
            }
            Self::Both { other: name, .. } | Self::Missing { name, .. } => find(name),
            Self::FewSubnets { .. } => find("docker_job_subnets"),
            _ => None,
        }
    }

    /// The fault of a wrong value. `right` describes a right one.
    pub(crate) fn wrong(
        Written { setting, place, value }: Written<'_>,
        right: impl Into<Cow<'static, str>>,
    ) -> Self {
        let value = match value {
            Some(text) => format!("is \"{text}\":"),
            None => "has a wrong value (not shown);".to_owned(),
        };
        Self::Wrong { setting: setting.to_owned(), place: place.to_owned(), value, right: right.into() }
    }

    /// A syntax error in a file's text, with its line and column.
    pub(super) fn syntax(path: &Path, text: &str, fault: &toml::de::Error) -> Self {
        let at = fault.span().map_or(0, |span| text.floor_char_boundary(span.start));
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::Syntax {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            words: fault.message().to_owned(),
        }
    }
}

/// A value as it was written.
pub(crate) struct Written<'a> {
    /// The setting by its name at that place.
    pub(crate) setting: &'a str,
    /// The file or the environment.
    pub(crate) place: &'a str,
    /// The value; none if it is a secret, which is never shown.
    pub(crate) value: Option<&'a str>,
}
