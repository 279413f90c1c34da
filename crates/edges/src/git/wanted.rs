//! A wanted commit of a repository, the credentials for it, and the result of a fetch.

use super::GitError;
use kozmic_model::{
    git::{GitRef, Sha},
    ids::ProjectId,
};
use secrecy::SecretString;
use std::time::Instant;

/// A wanted commit.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The project whose mirror is used.
    pub project: ProjectId,
    /// The address for git: over SSH with a deploy key, else over HTTP.
    pub url: String,
    /// The credentials for that address.
    pub credentials: Credentials,
    /// The ref of the commit.
    pub git_ref: GitRef,
    /// The name of that ref at the forge. The mirror keeps it under the name of `git_ref`.
    pub remote_ref: String,
    /// The commit.
    pub sha: Sha,
    /// The branch that a clone checks out, as far as it is known. The forge's own answer replaces it.
    pub default_branch: String,
    /// The tags and the default branch must be at least as new as this time.
    pub since: Instant,
}

/// The result of a successful fetch.
#[derive(Debug)]
#[must_use]
pub enum Fetched {
    /// The commit with the tags and the default branch, as the forge had them at [`Wanted::since`] or later.
    All,
    /// The commit. For this reason, the tags and the default branch may be outdated.
    Outdated(GitError),
}

/// The credentials for a repository.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// No credentials: everybody may read it, over HTTP.
    Open,
    /// A person's token, over HTTP.
    Token(SecretString),
    /// The private part of a deploy key in OpenSSH's format, over SSH.
    DeployKey(SecretString),
}
