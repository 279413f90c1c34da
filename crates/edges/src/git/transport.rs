//! The connection to a forge's repository, over HTTP or SSH, and its answer about its refs.

use super::{Credentials, Git, GitError, Wanted, known_hosts::KnownHosts, ssh::Identity};
use std::{path::Path, sync::Arc};

/// A connection for a fetch.
pub(super) enum Transport {
    /// HTTP, with or without a token.
    Http(Git),
    /// SSH with a deploy key.
    Ssh(Git, Identity),
}

impl Transport {
    /// The connection for the wanted commit's credentials. A deploy key is in `keys` until this is dropped.
    pub(super) fn of(
        wanted: &Wanted,
        mirror: &Path,
        keys: &Path,
        known_hosts: Arc<KnownHosts>,
    ) -> Result<Self, GitError> {
        let git = Git::new(mirror);
        Ok(match &wanted.credentials {
            Credentials::Open => Self::Http(git.over_http()),
            Credentials::Token(token) => Self::Http(git.over_http().with_token(&wanted.url, token)),
            Credentials::DeployKey(key) => {
                let identity = Identity::make(keys, &wanted.url, key, known_hosts)?;
                Self::Ssh(git.over_ssh(identity.command()), identity)
            }
        })
    }

    pub(super) async fn fetch(&self, url: &str, refspecs: &[String]) -> Result<(), GitError> {
        let fetched = self.git().fetch(url, refspecs).await;
        self.meaning(fetched)
    }

    /// The forge's answer about HEAD and one ref.
    pub(super) async fn look(&self, url: &str, git_ref: &str) -> Result<AtForge, GitError> {
        let told = self.git().ls_remote(url, &["HEAD", git_ref]).await;
        Ok(AtForge::read(&self.meaning(told)?, git_ref))
    }

    fn git(&self) -> &Git {
        let (Self::Http(git) | Self::Ssh(git, _)) = self;
        git
    }

    /// The meaning of an answer. The server's key is learnt, even if the fetch failed.
    fn meaning<T>(&self, answer: Result<T, GitError>) -> Result<T, GitError> {
        match self {
            Self::Http(_) => answer.map_err(of_http),
            Self::Ssh(_, identity) => {
                identity.learn()?;
                answer.map_err(|fault| identity.meaning(fault))
            }
        }
    }
}

/// The meaning of a failure over HTTP. After a 401, git asks for a user name; after a 404, it reports that itself.
fn of_http(fault: GitError) -> GitError {
    match fault {
        GitError::Failed { words, .. }
            if ["could not read Username", "' not found"].iter().any(|known| words.contains(known)) =>
        {
            GitError::NotShown { words }
        }
        other => other,
    }
}

/// The forge's refs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AtForge {
    pub(super) default_branch: Option<String>,
    pub(super) has_ref: bool,
}

impl AtForge {
    /// Reads lines `ref: refs/heads/main<tab>HEAD` and `<id><tab><name>`.
    fn read(told: &str, git_ref: &str) -> Self {
        let lines = told.lines().filter_map(|line| line.split_once('\t'));
        let mut found = Self { default_branch: None, has_ref: false };
        for (what, name) in lines {
            match what.strip_prefix("ref: refs/heads/") {
                Some(branch) if name == "HEAD" => found.default_branch = Some(branch.to_owned()),
                _ => found.has_ref |= name == git_ref,
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forges_answer_is_read() {
        let told = "ref: refs/heads/main\tHEAD\n1\tHEAD\n1\trefs/heads/a\n2\trefs/remotes/x/HEAD";
        let read = |name| AtForge::read(told, name);
        assert_eq!(read("refs/heads/a"), AtForge { default_branch: Some("main".into()), has_ref: true });
        assert!(!read("refs/heads/b").has_ref);
        assert_eq!(AtForge::read("", "refs/heads/a"), AtForge { default_branch: None, has_ref: false });
    }
}
