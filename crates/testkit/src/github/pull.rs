//! Pull requests, from a branch of the same repository or of a fork, and what GitHub delivers of them.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::delivery::Occasion;
use super::double::Double;
use super::world::{Delivery, Pull, Repository, Side};
use super::{GitHub, stamp};

/// A pull request to be opened.
#[derive(Debug, Clone)]
pub struct NewPull {
    base: String,
    base_branch: String,
    head: String,
    head_branch: String,
    title: String,
    body: Option<String>,
    user: Option<String>,
    is_draft: bool,
}

/// Result of opening or changing a pull request.
#[derive(Debug, Clone)]
pub struct PullEvent {
    /// The pull request's number.
    pub number: u64,
    /// The commit at its head.
    pub sha: String,
    /// Deliveries about it.
    pub deliveries: Vec<Delivery>,
}

impl NewPull {
    /// Asks to merge this branch of the repository into its `main`.
    pub fn new(repository: &str, branch: &str, title: &str) -> Self {
        Self {
            base: repository.to_owned(),
            base_branch: "main".to_owned(),
            head: repository.to_owned(),
            head_branch: branch.to_owned(),
            title: title.to_owned(),
            body: None,
            user: None,
            is_draft: false,
        }
    }

    /// Takes the branch from this fork.
    #[must_use]
    pub fn from_fork(mut self, fork: &str) -> Self {
        fork.clone_into(&mut self.head);
        self
    }

    /// Asks to merge into another branch than `main`.
    #[must_use]
    pub fn into_branch(mut self, branch: &str) -> Self {
        branch.clone_into(&mut self.base_branch);
        self
    }

    /// Sets the text under the title.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// Opens it as a draft.
    #[must_use]
    pub fn draft(mut self) -> Self {
        self.is_draft = true;
        self
    }

    /// Sets the person who opens it; else it is the owner of the head's repository.
    #[must_use]
    pub fn by(mut self, login: &str) -> Self {
        self.user = Some(login.to_owned());
        self
    }
}

impl GitHub {
    /// Forks a repository with all its branches; the answer is the fork's full name.
    pub async fn fork(&self, repository: &str, login: &str) -> Result<String> {
        let parent = self.repository(repository).with_context(|| format!("no repository {repository}"))?;
        let fork = format!("{login}/{}", parent.name);
        self.add_repository(super::NewRepository::public(&fork))?;
        let source = self.double.git(repository);
        let source = source.dir().to_string_lossy();
        self.double.git(&fork).run(&["fetch", "--quiet", &source, "refs/*:refs/*"]).await?;
        self.double.change(|world| {
            let Some(one) = world.repository_mut(&fork) else { return };
            one.fork_of = Some(parent.full_name());
            one.announced = parent.announced;
        });
        Ok(fork)
    }

    /// Opens a pull request.
    pub async fn open_pull_request(&self, new: NewPull) -> Result<PullEvent> {
        let repository = new.base.clone();
        let number = self.double.add_pull(new).await?;
        self.double.fetch_pull_head(&repository, number).await?;
        self.double.tell_of_pull(&repository, number, "opened", json!({})).await
    }

    /// Takes the newest commit of the head's branch into the pull request and tells of it, whether or
    /// not the branch was pushed. ([`GitHub::push`] does this by itself.)
    pub async fn synchronize(&self, repository: &str, number: u64) -> Result<PullEvent> {
        let before = self.double.pull(repository, number)?.head.sha;
        let after = self.double.fetch_pull_head(repository, number).await?;
        let more = json!({"before": before, "after": after});
        self.double.tell_of_pull(repository, number, "synchronize", more).await
    }

    /// Closes a pull request without a merge.
    pub async fn close_pull_request(&self, repository: &str, number: u64) -> Result<PullEvent> {
        self.double.change_pull(repository, number, |pull| pull.open = false)?;
        self.double.tell_of_pull(repository, number, "closed", json!({})).await
    }

    /// Opens a closed pull request again.
    pub async fn reopen_pull_request(&self, repository: &str, number: u64) -> Result<PullEvent> {
        self.double.change_pull(repository, number, |pull| pull.open = true)?;
        self.double.fetch_pull_head(repository, number).await?;
        self.double.tell_of_pull(repository, number, "reopened", json!({})).await
    }

    /// Says that a draft is ready for review.
    pub async fn ready_for_review(&self, repository: &str, number: u64) -> Result<PullEvent> {
        self.double.change_pull(repository, number, |pull| pull.is_draft = false)?;
        self.double.tell_of_pull(repository, number, "ready_for_review", json!({})).await
    }

    /// Asks to merge into another branch.
    pub async fn retarget_pull_request(
        &self,
        repository: &str,
        number: u64,
        branch: &str,
    ) -> Result<PullEvent> {
        let old = self.double.pull(repository, number)?.base;
        let sha = self.double.git(repository).resolve(&format!("refs/heads/{branch}")).await;
        let sha = sha.with_context(|| format!("no branch {branch} in {repository}"))?;
        self.double.change_pull(repository, number, |pull| {
            (pull.base.branch, pull.base.sha) = (branch.to_owned(), sha);
        })?;
        let changes = json!({"changes": {"base": {"ref": {"from": old.branch}, "sha": {"from": old.sha}}}});
        self.double.tell_of_pull(repository, number, "edited", changes).await
    }

    /// Changes title and body.
    pub async fn edit_pull_request(
        &self,
        repository: &str,
        number: u64,
        title: &str,
        body: &str,
    ) -> Result<PullEvent> {
        let old = self.double.pull(repository, number)?;
        self.double.change_pull(repository, number, |pull| {
            title.clone_into(&mut pull.title);
            pull.body = Some(body.to_owned());
        })?;
        let changes = json!({"changes": {"title": {"from": old.title}, "body": {"from": old.body}}});
        self.double.tell_of_pull(repository, number, "edited", changes).await
    }
}

impl Double {
    async fn add_pull(&self, new: NewPull) -> Result<u64> {
        let side = async |repository: String, branch: String| {
            let sha = self.git(&repository).resolve(&format!("refs/heads/{branch}")).await;
            let sha = sha.with_context(|| format!("no branch {branch} in {repository}"))?;
            anyhow::Ok(Side { repository, branch, sha })
        };
        let head = side(new.head, new.head_branch).await?;
        let base = side(new.base, new.base_branch).await?;
        let owner = head.repository.split('/').next().unwrap_or_default().to_owned();
        self.change(|world| {
            let id = world.fresh_id();
            let repository = world.repository_mut(&base.repository).context("no such repository")?;
            let number = repository.pulls.len() as u64 + 1;
            let (title, body, user) = (new.title, new.body, new.user.unwrap_or(owner));
            let is_draft = new.is_draft;
            let created_at = stamp::now();
            repository.pulls.push(Pull {
                id,
                number,
                title,
                body,
                open: true,
                is_draft,
                user,
                head,
                base,
                created_at,
            });
            Ok(number)
        })
    }

    /// Sets `refs/pull/N/head` in the base repository; the answer is the commit.
    async fn fetch_pull_head(&self, repository: &str, number: u64) -> Result<String> {
        let head = self.pull(repository, number)?.head;
        let source = self.git(&head.repository);
        let wanted = format!("+refs/heads/{}:refs/pull/{number}/head", head.branch);
        let target = self.git(repository);
        let source = source.dir().to_string_lossy();
        target.run(&["fetch", "--quiet", "--no-tags", &source, &wanted]).await?;
        let sha = target.run(&["rev-parse", &format!("refs/pull/{number}/head")]).await?;
        self.change_pull(repository, number, |pull| sha.clone_into(&mut pull.head.sha))?;
        Ok(sha)
    }

    /// Brings the open pull requests up to date whose head a push moved.
    pub(super) async fn synchronize_pulls_of(
        &self,
        head: &str,
        branch: &str,
        pusher: &str,
    ) -> Result<Vec<Delivery>> {
        let moved = |repository: &Repository| {
            let of_head =
                |pull: &&Pull| pull.open && pull.head.repository == head && pull.head.branch == branch;
            let key = |pull: &Pull| (repository.full_name(), pull.number, pull.head.sha.clone());
            repository.pulls.iter().filter(of_head).map(key).collect::<Vec<_>>()
        };
        let pulls = self.read(|world| world.repositories.iter().flat_map(moved).collect::<Vec<_>>());
        let mut deliveries = Vec::new();
        for (repository, number, before) in pulls {
            if self.git(head).resolve(&format!("refs/heads/{branch}")).await.is_none() {
                continue;
            }
            let after = self.fetch_pull_head(&repository, number).await?;
            let sender = self.shapes(|shapes| shapes.simple_user(pusher));
            let more = json!({"before": before, "after": after, "sender": sender});
            deliveries.extend(self.tell_of_pull(&repository, number, "synchronize", more).await?.deliveries);
        }
        Ok(deliveries)
    }

    fn pull(&self, repository: &str, number: u64) -> Result<Pull> {
        let find = |one: &Repository| one.pulls.iter().find(|pull| pull.number == number).cloned();
        let pull = self.read(|world| world.repository(repository).and_then(find));
        pull.with_context(|| format!("no pull request {number} of {repository}"))
    }

    fn change_pull(&self, repository: &str, number: u64, act: impl FnOnce(&mut Pull)) -> Result<()> {
        self.change(|world| {
            let pulls = world.repository_mut(repository).map(|one| &mut one.pulls);
            let pull = pulls.and_then(|pulls| pulls.iter_mut().find(|pull| pull.number == number));
            act(pull.with_context(|| format!("no pull request {number} of {repository}"))?);
            Ok(())
        })
    }

    async fn tell_of_pull(
        &self,
        repository: &str,
        number: u64,
        action: &str,
        more: Value,
    ) -> Result<PullEvent> {
        let pull = self.pull(repository, number)?;
        let payload = self.shapes(|shapes| shapes.pull_event(&pull, action, more));
        let payload = payload.context("the repository is gone")?;
        let event = "pull_request".to_owned();
        let deliveries = self.deliver(Occasion { repository: repository.to_owned(), event, payload }).await;
        Ok(PullEvent { number, sha: pull.head.sha, deliveries })
    }
}
