//! One fetch: over HTTP or SSH, by the ref and else by the commit's id.

use super::{Credentials, Git, GitError, Wanted, known_hosts::KnownHosts, repair, ssh::Identity};
use std::{path::Path, sync::Arc};

/// How a fetch reaches the forge.
pub(super) enum Way {
    /// With or without a token.
    Http(Git),
    /// With a deploy key.
    Ssh(Git, Identity),
}

impl Way {
    /// As the wanted commit's credentials tell; a deploy key lies in `keys` until this is dropped.
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

    async fn fetch(&self, url: &str, refspec: &str) -> Result<(), GitError> {
        match self {
            Self::Http(git) => git.fetch(url, refspec).await,
            Self::Ssh(git, identity) => {
                let fetched = git.fetch(url, refspec).await;
                identity.learn()?;
                fetched.map_err(|fault| identity.meaning(fault))
            }
        }
    }
}

/// Fetches the commit by its ref, else by its id.
pub(super) async fn bring(way: &Way, mirror: &Path, wanted: &Wanted) -> Result<(), GitError> {
    let git = Git::new(mirror);
    if !mirror.exists() {
        repair::make_whole(mirror).await?;
    }
    let by_ref = way.fetch(&wanted.url, &format!("+{0}:{0}", wanted.git_ref)).await;
    if has(&git, mirror, wanted).await? {
        return Ok(());
    }
    if by_ref.as_ref().is_err_and(is_final) {
        return by_ref;
    }
    // The ref moved on or is gone; many servers still give a commit by its id.
    let by_sha = way.fetch(&wanted.url, wanted.sha.as_str()).await;
    match git.has_commit(&wanted.sha).await? {
        true => Ok(()),
        false => Err(explain(wanted, by_ref, by_sha)),
    }
}

/// Whether the wanted commit is in the mirror, with all that it is made of: git shows a pack when it is whole.
pub(super) async fn has(git: &Git, mirror: &Path, wanted: &Wanted) -> Result<bool, GitError> {
    Ok(mirror.exists() && (is_at(mirror, wanted) || git.has_commit(&wanted.sha).await?))
}

/// Whether the mirror's ref is at the wanted commit, which it is for nearly every push once it was fetched. Git moves
/// a ref last, so all of the commit is there. Asking git itself would cost a process.
fn is_at(mirror: &Path, wanted: &Wanted) -> bool {
    let at = std::fs::read_to_string(mirror.join(wanted.git_ref.to_string()));
    at.is_ok_and(|at| at.trim_end() == wanted.sha.as_str())
}

/// Whether the same server would say the same again.
fn is_final(fault: &GitError) -> bool {
    matches!(fault, GitError::KeyRefused { .. } | GitError::HostKeyChanged { .. } | GitError::NotInstalled(_))
}

/// A repository that answers but lacks the commit is no reason to try again; one that does not answer is.
fn explain(wanted: &Wanted, by_ref: Result<(), GitError>, by_sha: Result<(), GitError>) -> GitError {
    let faults = [by_ref, by_sha].into_iter().filter_map(Result::err);
    let other = faults.into_iter().find(|fault| !tells_of_a_lack(fault));
    other.unwrap_or_else(|| GitError::NoSuchCommit {
        sha: wanted.sha.clone(),
        git_ref: wanted.git_ref.clone(),
    })
}

fn tells_of_a_lack(fault: &GitError) -> bool {
    let known = [
        "not our ref",
        "couldn't find remote ref",
        "did not send all necessary objects",
        "unadvertised object",
    ];
    matches!(fault, GitError::Failed { words, .. } if known.iter().any(|known| words.contains(known)))
}
