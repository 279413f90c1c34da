//! Pushes: moving branches and tags, and telling the webhooks of it, as GitHub does.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::delivery::{Delivery, Occasion};
use super::double::Double;
use super::history::CommitFacts;
use super::{Commit, GitHub};

/// What `before` or `after` of a push says where there is no commit.
pub const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// A commit that was made and pushed.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// The commit.
    pub sha: String,
    /// What was delivered about it.
    pub deliveries: Vec<Delivery>,
}

/// How a ref moved.
pub(super) struct RefChange {
    pub(super) repository: String,
    pub(super) name: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) forced: bool,
    pub(super) commits: Vec<CommitFacts>,
    pub(super) head: Option<CommitFacts>,
    pub(super) pusher: String,
}

impl GitHub {
    /// Tells the webhooks how a branch has moved since it was last pushed: a `push` event, and
    /// `pull_request` (`synchronize`) where the branch is the head of an open one.
    pub async fn push(&self, repository: &str, branch: &str) -> Result<Vec<Delivery>> {
        self.double.announce(repository, &format!("refs/heads/{branch}")).await
    }

    /// Makes a commit and pushes it.
    pub async fn push_commit(&self, repository: &str, branch: &str, commit: Commit) -> Result<Pushed> {
        let sha = self.commit(repository, branch, commit).await?;
        Ok(Pushed { sha, deliveries: self.push(repository, branch).await? })
    }

    /// Takes the branch for pushed without telling anybody, as if the delivery had been lost.
    pub async fn push_silently(&self, repository: &str, branch: &str) -> Result<()> {
        let name = format!("refs/heads/{branch}");
        let sha = self.double.git(repository).run(&["rev-parse", "--verify", &name]).await?;
        self.double.set_announced(repository, &name, Some(sha));
        Ok(())
    }

    /// The commit at the head of a branch.
    pub async fn head(&self, repository: &str, branch: &str) -> Option<String> {
        self.double.git(repository).resolve(&format!("refs/heads/{branch}")).await
    }

    /// Points a branch at this commit, which makes it if need be. Nobody is told until it is pushed;
    /// where the commit does not follow the old one, that is a force push.
    pub async fn set_branch(&self, repository: &str, branch: &str, sha: &str) -> Result<()> {
        let name = format!("refs/heads/{branch}");
        self.double.git(repository).run(&["update-ref", &name, sha]).await.map(drop)
    }

    /// Deletes a branch and tells the webhooks.
    pub async fn delete_branch(&self, repository: &str, branch: &str) -> Result<Vec<Delivery>> {
        let name = format!("refs/heads/{branch}");
        self.double.git(repository).run(&["update-ref", "-d", &name]).await?;
        self.double.announce(repository, &name).await
    }

    /// Sets a tag on a commit and tells the webhooks.
    pub async fn push_tag(&self, repository: &str, tag: &str, sha: &str) -> Result<Vec<Delivery>> {
        let name = format!("refs/tags/{tag}");
        self.double.git(repository).run(&["update-ref", &name, sha]).await?;
        self.double.announce(repository, &name).await
    }
}

impl Double {
    /// Delivers what happened to a ref since it was last announced; nothing if it did not move.
    pub(super) async fn announce(&self, repository: &str, name: &str) -> Result<Vec<Delivery>> {
        let change = self.ref_change(repository, name).await?;
        if change.before == change.after {
            return Ok(Vec::new());
        }
        self.set_announced(repository, name, change.after.clone());
        let payload = self.shapes(|shapes| shapes.push(&change)).context("the repository is gone")?;
        let occasion = Occasion { repository: repository.to_owned(), event: "push".to_owned(), payload };
        let mut deliveries = self.deliver(occasion).await;
        if let Some(branch) = name.strip_prefix("refs/heads/") {
            deliveries.extend(self.synchronize_pulls_of(repository, branch).await?);
        }
        Ok(deliveries)
    }

    /// Announces all refs that differ from how they were before somebody pushed over HTTP.
    pub(super) async fn announce_since(
        &self,
        repository: &str,
        before: BTreeMap<String, String>,
    ) -> Result<()> {
        let after = self.git(repository).refs().await?;
        let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for name in names {
            if before.get(name) != after.get(name) {
                self.set_announced(repository, name, before.get(name).cloned());
                self.announce(repository, name).await?;
            }
        }
        Ok(())
    }

    fn set_announced(&self, repository: &str, name: &str, sha: Option<String>) {
        self.change(|world| {
            let Some(repository) = world.repository_mut(repository) else { return };
            match sha {
                Some(sha) => repository.announced.insert(name.to_owned(), sha),
                None => repository.announced.remove(name),
            };
        });
    }

    async fn ref_change(&self, repository: &str, name: &str) -> Result<RefChange> {
        let git = self.git(repository);
        let before = self.read(|world| world.repository(repository)?.announced.get(name).cloned());
        let after = git.run(&["rev-parse", "--verify", "--quiet", name]).await.ok();
        let (mut commits, mut head, mut forced) = (Vec::new(), None, false);
        if let Some(after) = &after {
            commits = git.commits_between(before.as_deref(), after).await?;
            head = Some(git.commit_facts(after).await?);
        }
        if let (Some(before), Some(after)) = (&before, &after) {
            forced = git.run(&["merge-base", "--is-ancestor", before, after]).await.is_err();
        }
        let pusher = self.pusher(repository, head.as_ref());
        let (repository, name) = (repository.to_owned(), name.to_owned());
        Ok(RefChange { repository, name, before, after, forced, commits, head, pusher })
    }

    /// Who is taken for the pusher: the author of the newest commit if known, else the owner.
    fn pusher(&self, repository: &str, head: Option<&CommitFacts>) -> String {
        let author = self.read(|world| {
            let login = world.login_of_email(&head?.author.email)?;
            Some(login.to_owned())
        });
        let owner = || self.read(|world| world.repository(repository).map(|one| one.owner.clone()));
        author.or_else(owner).unwrap_or_default()
    }
}
