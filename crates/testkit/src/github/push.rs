//! Pushes: moving branches and tags, and telling the webhooks of it, as GitHub does.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::delivery::Occasion;
use super::double::Double;
use super::history::CommitFacts;
use super::ref_change::RefChange;
use super::world::Delivery;
use super::{Commit, GitHub, stamp};

/// A commit that was made and pushed.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// The commit.
    pub sha: String,
    /// Deliveries about it.
    pub deliveries: Vec<Delivery>,
}

/// A tag to be pushed, with what it stands for: a branch, whose head it is then, or a commit's id.
#[derive(Debug, Clone, Copy)]
pub enum Tag<'a> {
    /// A name of the commit and nothing more.
    Light(&'a str),
    /// An object of its own with a message, which points to the commit.
    Annotated(&'a str),
}

impl<'a> From<&'a str> for Tag<'a> {
    fn from(target: &'a str) -> Self {
        Self::Light(target)
    }
}

impl<'a> From<&'a String> for Tag<'a> {
    fn from(target: &'a String) -> Self {
        Self::Light(target)
    }
}

impl GitHub {
    /// Tells the webhooks how a branch has moved since it was last pushed: a `push` event, and
    /// `pull_request` (`synchronize`) where the branch is the head of an open one.
    pub async fn push(&self, repository: &str, branch: &str) -> Result<Vec<Delivery>> {
        self.double.announce(repository, &format!("refs/heads/{branch}")).await
    }

    /// Makes a commit and pushes it.
    pub async fn push_commit(&self, repository: &str, branch: &str, commit: Commit) -> Result<Pushed> {
        self.push_commits(repository, branch, [commit]).await
    }

    /// Makes several commits, each on the one before, and pushes them at once; answers the last one.
    pub async fn push_commits(
        &self,
        repository: &str,
        branch: &str,
        commits: impl IntoIterator<Item = Commit>,
    ) -> Result<Pushed> {
        let mut last = None;
        for commit in commits {
            last = Some(self.commit(repository, branch, commit).await?);
        }
        let sha = last.context("a push of no commit")?;
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

    /// Sets a tag and tells the webhooks; a branch's name or a commit's id alone makes a light one.
    pub async fn push_tag<'a>(
        &self,
        repository: &str,
        tag: &str,
        kind: impl Into<Tag<'a>>,
    ) -> Result<Vec<Delivery>> {
        let object = self.tag_object(repository, tag, kind.into()).await?;
        let name = format!("refs/tags/{tag}");
        self.double.git(repository).run(&["update-ref", &name, &object]).await?;
        self.double.announce(repository, &name).await
    }

    /// Deletes a tag and tells the webhooks.
    pub async fn delete_tag(&self, repository: &str, tag: &str) -> Result<Vec<Delivery>> {
        let name = format!("refs/tags/{tag}");
        self.double.git(repository).run(&["update-ref", "-d", &name]).await?;
        self.double.announce(repository, &name).await
    }

    /// Object that a tag's ref points to: the commit, or the tag's own object, which is made here.
    async fn tag_object(&self, repository: &str, tag: &str, kind: Tag<'_>) -> Result<String> {
        let git = self.double.git(repository);
        let (Tag::Light(target) | Tag::Annotated(target)) = kind;
        let commit = match git.resolve(&format!("refs/heads/{target}")).await {
            Some(head) => Some(head),
            None => git.resolve(target).await,
        };
        let commit = commit.with_context(|| format!("no branch or commit {target} in {repository}"))?;
        let Tag::Annotated(_) = kind else { return Ok(commit) };
        let (name, email) = self.identity_of_owner(repository);
        let when = stamp::unix(SystemTime::now());
        let object = format!(
            "object {commit}\ntype commit\ntag {tag}\ntagger {name} <{email}> {when} +0000\n\nTag {tag}\n"
        );
        let made = git.feed(&["mktag"], object.as_bytes()).await.context("make a tag")?;
        Ok(String::from_utf8_lossy(&made).trim().to_owned())
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
            deliveries.extend(self.synchronize_pulls_of(repository, branch, &change.pusher).await?);
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
        let announced = self.read(|world| Some(world.repository(repository)?.announced.clone()));
        let mut announced = announced.unwrap_or_default();
        let before = announced.remove(name);
        let after = git.run(&["rev-parse", "--verify", "--quiet", name]).await.ok();
        announced.retain(|name, _| name.starts_with("refs/heads/"));
        let (mut commits, mut head, mut base, mut forced) = (Vec::new(), None, None, false);
        if let Some(after) = &after {
            let known = before.clone().map_or_else(|| announced.values().cloned().collect(), |sha| vec![sha]);
            commits = git.commits_since(&known, after).await?;
            let facts = git.commit_facts(after).await?;
            let is_it = |(_, sha): &(&String, &String)| **sha == facts.sha && before.is_none();
            base = announced.iter().find(is_it).map(|(name, _)| name.clone());
            head = Some(facts);
        }
        if let (Some(before), Some(after)) = (&before, &after) {
            forced = git.run(&["merge-base", "--is-ancestor", before, after]).await.is_err();
        }
        let pusher = self.pusher(repository, head.as_ref());
        let (repository, name) = (repository.to_owned(), name.to_owned());
        Ok(RefChange { repository, name, base, before, after, forced, commits, head, pusher })
    }

    /// Person who is taken for the pusher: the author of the newest commit if known, else the owner.
    fn pusher(&self, repository: &str, head: Option<&CommitFacts>) -> String {
        let author = self.read(|world| {
            let login = world.login_of_email(&head?.author.email)?;
            Some(login.to_owned())
        });
        let owner = || self.read(|world| world.repository(repository).map(|one| one.owner.clone()));
        author.or_else(owner).unwrap_or_default()
    }
}
