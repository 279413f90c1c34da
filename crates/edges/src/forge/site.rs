//! A forge as people see it in a browser.

use kozmic_model::{git::Sha, project::Repository};
use std::fmt;

/// A forge's name, and the paths of its pages behind the page of a repository. In a path, `{}` is the place of the
/// commit's id or of the pull request's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The name that people know, such as `GitHub`.
    pub name: &'static str,
    /// Path of a commit.
    pub commit: &'static str,
    /// Path of a pull request.
    pub pull_request: &'static str,
    /// Path of all that a pull request changes.
    pub changes: &'static str,
    /// The words on the button that sends a delivery again.
    pub resend: &'static str,
}

impl Site {
    /// The address of a repository's page.
    pub fn repository_page(&self, repository: &Repository) -> String {
        page(repository, "", "")
    }

    /// The address of a commit's page.
    pub fn commit_page(&self, repository: &Repository, sha: &Sha) -> String {
        page(repository, self.commit, sha.as_str())
    }

    /// The address of a pull request's page.
    pub fn pull_request_page(&self, repository: &Repository, number: u64) -> String {
        page(repository, self.pull_request, &number.to_string())
    }

    /// The address of the page with all that a pull request changes.
    pub fn changes_page(&self, repository: &Repository, number: u64) -> String {
        page(repository, self.changes, &number.to_string())
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn page(repository: &Repository, path: &str, what: &str) -> String {
    format!("{}/{}", repository.html_url.trim_end_matches('/'), path.replace("{}", what))
}
