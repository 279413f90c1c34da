//! The version of the installed git. Older versions let a repository that they read run its own code.

use super::{Git, GitError, Mirrors};
use std::path::Path;

/// The oldest safe version. Earlier ones can write beyond their memory when they read attributes or format a commit
/// (CVE-2022-23521, CVE-2022-41903).
const OLDEST: [u32; 3] = [2, 39, 1];

impl Mirrors {
    /// The answer of `git --version`.
    ///
    /// # Errors
    /// Git is not installed, or [`GitError::TooOld`].
    pub async fn version() -> Result<String, GitError> {
        let words = Git::new(Path::new("/")).run("version", ["version"]).await?;
        if number(&words).is_some_and(|number| number < OLDEST) {
            return Err(GitError::TooOld {
                found: words,
                needed: OLDEST.map(|part| part.to_string()).join("."),
            });
        }
        Ok(words)
    }
}

/// The version number in words such as `git version 2.39.5 (made by hand)`; a part that is not a number counts as 0.
/// None if there is no number to compare.
fn number(words: &str) -> Option<[u32; 3]> {
    let number =
        words.split_whitespace().find(|word| word.starts_with(|sign: char| sign.is_ascii_digit()))?;
    let mut parts = number.split('.').map(|part| part.parse().unwrap_or(0));
    Some([parts.next()?, parts.next()?, parts.next().unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart_by_their_numbers() {
        let is_old = |words: &str| number(words).is_some_and(|number| number < OLDEST);
        for old in [
            "git version 2.34.1",
            "git version 2.39.0",
            "git version 1.9",
            "git version 2.9.11",
            "git version 2.39.GIT",
        ] {
            assert!(is_old(old), "{old}");
        }
        for new in [
            "git version 2.39.1",
            "git version 2.39.5 (Apple Git-154)",
            "git version 2.47.0.rc1",
            "git version 3.0",
            "git version 2.100.0",
        ] {
            assert!(!is_old(new), "{new}");
        }
        assert!(!is_old("git, made by hand"), "nobody can tell");
    }
}
