//! One fetch: over HTTP or SSH, by the ref and else by the commit's id.

use super::{Credentials, Git, GitError, GitRef, Wanted, known_hosts::KnownHosts, repair, ssh::Identity};
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
    if is_at(mirror, wanted) || git.has_commit(&wanted.sha).await? {
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

/// Whether the wanted commit is in the mirror, with all that it is made of: git shows a pack when it is whole. A tag
/// has to be there too: its commit often is before it, for a branch's sake, and who builds it asks git for the name.
pub(super) async fn has(git: &Git, mirror: &Path, wanted: &Wanted) -> Result<bool, GitError> {
    if !mirror.exists() {
        return Ok(false);
    }
    match &wanted.git_ref {
        _ if is_at(mirror, wanted) => Ok(true),
        GitRef::Tag(_) => Ok(tag(git, wanted).await?.is_some()),
        GitRef::Branch(_) | GitRef::PullRequest(_) => git.has_commit(&wanted.sha).await,
    }
}

/// What a wanted tag is in the mirror, the id of a commit or of an annotated tag; none unless it is at the wanted
/// commit.
pub(super) async fn tag(git: &Git, wanted: &Wanted) -> Result<Option<String>, GitError> {
    let GitRef::Tag(_) = &wanted.git_ref else { return Ok(None) };
    let name = wanted.git_ref.to_string();
    let ids = match git.run("rev-parse", ["rev-parse", &name, &format!("{name}^{{commit}}"), "--"]).await {
        Err(GitError::Failed { .. }) => return Ok(None),
        ids => ids?,
    };
    let mut ids = ids.lines();
    let (tag, commit) = (ids.next(), ids.next());
    Ok(tag.filter(|_| commit == Some(wanted.sha.as_str())).map(str::to_owned))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Checkout, Mirrors, git_files};
    use kozmic_model::{git::Sha, ids::ProjectId};
    use std::{path::PathBuf, process::Command};

    /// A repository, and mirrors that may fetch from it.
    struct Forge {
        dir: tempfile::TempDir,
        mirrors: Mirrors,
    }

    impl Forge {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let mirrors = Mirrors::open(dir.path().join("mirrors")).unwrap();
            let forge = Self { dir, mirrors };
            forge.git(&["init", "--quiet", "--initial-branch=main", &forge.url()]);
            forge
        }

        fn url(&self) -> String {
            self.dir.path().join("forge").display().to_string()
        }

        fn git(&self, arguments: &[&str]) -> String {
            let dir = if self.dir.path().join("forge").exists() { self.url() } else { "/".to_owned() };
            let person = ["-C", &dir, "-c", "user.name=A", "-c", "user.email=a@example.org"];
            let output = Command::new("git").args(person).args(arguments).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        }

        fn commit(&self) -> Sha {
            self.git(&["commit", "--quiet", "--allow-empty", "-m", "One"]);
            self.git(&["rev-parse", "HEAD"]).parse().unwrap()
        }

        fn mirror(&self) -> PathBuf {
            self.mirrors.path(ProjectId(1))
        }

        fn wanted(&self, git_ref: &str, sha: &Sha) -> Wanted {
            Wanted {
                project: ProjectId(1),
                url: self.url(),
                credentials: Credentials::Open,
                git_ref: git_ref.parse().unwrap(),
                sha: sha.clone(),
            }
        }

        async fn has(&self, wanted: &Wanted) -> bool {
            has(&Git::new(&self.mirror()), &self.mirror(), wanted).await.unwrap()
        }

        async fn bring(&self, wanted: &Wanted) -> Result<(), GitError> {
            let way = Way::Http(Git::new(&self.mirror()).with("GIT_ALLOW_PROTOCOL", "file"));
            bring(&way, &self.mirror(), wanted).await
        }

        async fn check_out(&self, wanted: &Wanted, name: &str) -> Checkout {
            self.mirrors.check_out(wanted, self.dir.path().join(name)).await.unwrap()
        }
    }

    #[tokio::test]
    async fn an_annotated_tag_is_fetched_for_its_commit_and_kept_as_it_is() {
        let forge = Forge::new();
        let sha = forge.commit();
        forge.git(&["tag", "-a", "-m", "First", "v1"]);
        let tag = forge.git(&["rev-parse", "refs/tags/v1"]);
        let wanted = forge.wanted("refs/tags/v1", &sha);
        assert!(!forge.has(&wanted).await);
        forge.bring(&wanted).await.unwrap();
        assert_ne!(tag, sha.as_str());
        assert!(forge.has(&wanted).await && !is_at(&forge.mirror(), &wanted));
        let checkout = forge.check_out(&wanted, "1").await;
        assert_eq!(git_files::head(&wanted), format!("{sha}\n"));
        let refs = git_files::packed_refs(&checkout).unwrap();
        assert_eq!(refs, format!("# pack-refs with: sorted\n{tag} refs/tags/v1\n"));
        assert!(!git_files::config(&wanted).contains("[branch"));
    }

    #[tokio::test]
    async fn a_tag_is_fetched_even_if_its_commit_is_there_and_never_taken_for_a_branch_of_its_name() {
        let forge = Forge::new();
        let sha = forge.commit();
        forge.bring(&forge.wanted("refs/heads/main", &sha)).await.unwrap();
        forge.git(&["tag", "main"]);
        let wanted = forge.wanted("refs/tags/main", &sha);
        assert!(!forge.has(&wanted).await);
        forge.bring(&wanted).await.unwrap();
        assert!(forge.has(&wanted).await && is_at(&forge.mirror(), &wanted));
        let checkout = forge.check_out(&wanted, "1").await;
        let refs = git_files::packed_refs(&checkout).unwrap();
        assert_eq!(refs, format!("# pack-refs with: sorted\n{sha} refs/tags/main\n"));
    }

    #[tokio::test]
    async fn a_tag_that_was_moved_or_deleted_since_stays_at_the_commit_that_was_pushed() {
        let forge = Forge::new();
        let old = forge.commit();
        forge.git(&["tag", "-a", "-m", "First", "v1"]);
        let wanted = forge.wanted("refs/tags/v1", &old);
        let refs = format!("# pack-refs with: sorted\n{old} refs/tags/v1\n");
        forge.commit();
        forge.git(&["tag", "-f", "-a", "-m", "Again", "v1"]);
        forge.bring(&wanted).await.unwrap();
        assert!(!forge.has(&wanted).await);
        assert_eq!(git_files::packed_refs(&forge.check_out(&wanted, "1").await).unwrap(), refs);
        forge.git(&["tag", "-d", "v1"]);
        forge.bring(&wanted).await.unwrap();
        assert_eq!(git_files::packed_refs(&forge.check_out(&wanted, "2").await).unwrap(), refs);
        let fault = forge.bring(&forge.wanted("refs/tags/v2", &"a".repeat(40).parse().unwrap())).await;
        assert!(matches!(fault, Err(GitError::NoSuchCommit { .. })), "{fault:?}");
    }
}
