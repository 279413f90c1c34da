//! A commit that is wanted of a repository, the credentials for it, and the way it came.

use super::GitError;
use kozmic_model::{
    git::{GitRef, Sha},
    ids::ProjectId,
};
use secrecy::SecretString;
use std::time::Instant;

/// A commit that somebody wants to have.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The project whose mirror is meant.
    pub project: ProjectId,
    /// The address that git fetches from: over SSH with a deploy key, else over HTTP.
    pub url: String,
    /// The credentials that let Kozmic in there.
    pub credentials: Credentials,
    /// The ref that the commit was on.
    pub git_ref: GitRef,
    /// The commit.
    pub sha: Sha,
    /// The branch that a clone checks out, as far as that is known: the forge's word counts.
    pub default_branch: String,
    /// The time as of which the tags and the default branch are wanted, at the earliest.
    pub since: Instant,
}

/// A commit that came, alone or with its surroundings.
#[derive(Debug)]
#[must_use]
pub enum Fetched {
    /// With the tags and the default branch, as the forge had them at [`Wanted::since`] or later.
    All,
    /// The commit is there, but for this reason the tags and the default branch may not be those of the forge.
    Outdated(GitError),
}

/// The credentials for a repository.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing is needed: everybody may read it, over HTTP.
    Open,
    /// A person's token, over HTTP.
    Token(SecretString),
    /// The private part of a deploy key in OpenSSH's format, over SSH.
    DeployKey(SecretString),
}
