//! Install scripts: such a script installs once the things that a hook's script needs. The result is kept until a
//! tracked input changes.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The most tracked files of one hook.
pub const TRACKED_LIMIT: usize = 100;

/// The longest path of a tracked file, in bytes.
const PATH_LIMIT: usize = 1_000;

/// The path of a repository's root.
const EVERYTHING: &str = ".";

/// A script that runs before a hook's script, and the paths whose changes make it run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Install {
    /// The script, starting with its shebang.
    pub script: String,
    /// Files and directories, each once, in order.
    pub tracked: Vec<TrackedPath>,
}

/// The rule for pulling a newer base image before a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// Pull only if the engine does not have the image.
    #[default]
    IfAbsent,
    /// Pull before each job.
    Newer,
}

impl PullPolicy {
    /// The word in the database and in forms.
    pub fn word(self) -> &'static str {
        match self {
            Self::IfAbsent => "if_absent",
            Self::Newer => "newer",
        }
    }
}

impl FromStr for PullPolicy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::IfAbsent, Self::Newer].into_iter().find(|policy| policy.word() == text);
        known.ok_or_else(|| "Choose when the image is pulled.".to_owned())
    }
}

/// The path of a file or directory in a repository, from its root, in normal form; a dot for the whole repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrackedPath(String);

impl TrackedPath {
    /// The path as git writes it: `requirements/dev.txt`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if it stands for the whole repository.
    pub fn is_everything(&self) -> bool {
        self.0 == EVERYTHING
    }
}

impl fmt::Display for TrackedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TrackedPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let shown = text.chars().take(80).collect::<String>();
        if text.starts_with('/') {
            return Err(format!("{shown} is absolute: write it as seen from the repository's root."));
        }
        let parts = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>();
        if parts.contains(&"..") {
            return Err(format!("{shown} has a .. in it: only files in the repository can be tracked."));
        }
        if parts.is_empty() && !text.starts_with(EVERYTHING) {
            return Err("An empty path names no file or directory.".to_owned());
        }
        if text.len() > PATH_LIMIT || text.contains(char::is_control) {
            return Err(format!("{shown} is no path."));
        }
        Ok(Self(if parts.is_empty() { EVERYTHING.to_owned() } else { parts.join("/") }))
    }
}

impl TryFrom<String> for TrackedPath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TrackedPath> for String {
    fn from(path: TrackedPath) -> Self {
        path.0
    }
}

/// The paths in a text, one a line; each once, in order.
///
/// # Errors
/// The fault of the first line that is not a path in the repository, or of too many paths.
pub fn tracked_paths(text: &str) -> Result<Vec<TrackedPath>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut paths = lines.map(str::parse).collect::<Result<Vec<TrackedPath>, _>>()?;
    paths.sort();
    paths.dedup();
    match paths.len() {
        0..=TRACKED_LIMIT => Ok(paths),
        _ => Err(format!("Keep to {TRACKED_LIMIT} paths: a directory counts with all that is in it.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_in_one_way() {
        let paths = tracked_paths(" ./b//c/ \r\n\na.txt\nb/c\n").unwrap();
        assert_eq!(paths.iter().map(TrackedPath::as_str).collect::<Vec<_>>(), ["a.txt", "b/c"]);
        assert_eq!(tracked_paths("").unwrap(), []);
    }

    #[test]
    fn a_path_is_as_long_as_said_and_no_longer() {
        assert!("x".repeat(PATH_LIMIT).parse::<TrackedPath>().is_ok());
        for text in ["x".repeat(PATH_LIMIT + 1), "a\tb".to_owned()] {
            assert!(text.parse::<TrackedPath>().unwrap_err().ends_with("is no path."));
        }
    }

    #[test]
    fn a_dot_is_the_whole_repository() {
        for text in [".", "./", " ././/. "] {
            let path = text.parse::<TrackedPath>().unwrap();
            assert!(path.is_everything() && path.as_str() == ".", "{text}");
        }
        let paths = tracked_paths("./a\n.\n./\n").unwrap();
        assert_eq!(paths.iter().map(TrackedPath::as_str).collect::<Vec<_>>(), [".", "a"]);
        assert!(!paths[1].is_everything());
        assert!("".parse::<TrackedPath>().is_err() && "..".parse::<TrackedPath>().is_err());
    }

    #[test]
    fn what_lies_outside_is_refused_by_name() {
        for (text, word) in [("/etc/passwd", "absolute"), ("a/../../b", "..")] {
            let fault = tracked_paths(&format!("fine\n{text}")).unwrap_err();
            assert!(fault.contains(word) && fault.contains(text), "{fault}");
        }
    }
}
