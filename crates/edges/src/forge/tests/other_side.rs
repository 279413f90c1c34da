//! The other side of a forge, as the contract's cases steer it. A double implements it.

use crate::forge::Forge;
use async_trait::async_trait;
use kozmic_model::{commit_status::CommitState, git::Sha, project::Permission};
use secrecy::SecretString;
use std::{any::Any, time::Duration};
use url::Url;

/// A forge that the client under test speaks to. Its people have mail addresses such as `anna@example.com`.
#[async_trait]
pub(in crate::forge) trait OtherSide: Send + Sync {
    /// The client under test.
    fn forge(&self) -> &dyn Forge;

    /// Adds a person.
    fn add_person(&self, login: &str);

    /// Adds a repository without any commit.
    fn add_repository(&self, full_name: &str, is_private: bool);

    /// Gives a person a right to a repository, or takes it away.
    fn allow(&self, repository: &str, login: &str, right: Option<Permission>);

    /// Gives a repository another name.
    async fn rename(&self, repository: &str, name: &str);

    /// A token of a person, with all rights that a sign-in asks for.
    fn token(&self, login: &str) -> SecretString;

    /// Takes back all tokens of a person.
    fn take_back_tokens(&self, login: &str);

    /// Lets the tokens of all later sign-ins end after so long.
    fn let_tokens_end(&self, after: Duration);

    /// The person opens the page of a sign-in, and agrees. Gives the code that the browser brings back.
    async fn agree(&self, page: &Url, login: &str) -> String;

    /// Makes commits with these messages, the oldest first, and pushes them. Gives the last one.
    async fn push(&self, repository: &str, branch: &str, messages: &[&str]) -> Sha;

    /// Tags the newest commit of `main`.
    async fn push_tag(&self, repository: &str, tag: &str, kind: TagKind);

    /// Deletes a branch.
    async fn delete_branch(&self, repository: &str, branch: &str);

    /// The person forks a repository, and proposes a commit in a pull request.
    async fn propose(&self, repository: &str, login: &str) -> Proposal;

    /// Closes a pull request.
    async fn close(&self, repository: &str, number: u64);

    /// The full names of a repository's refs.
    async fn refs(&self, repository: &str) -> Vec<String>;

    /// The webhooks of a repository.
    fn webhooks(&self, repository: &str) -> Vec<SeenWebhook>;

    /// Somebody changes a webhook by hand: another secret, and switched off.
    fn spoil_webhook(&self, repository: &str);

    /// Somebody removes all webhooks by hand.
    fn remove_webhooks(&self, repository: &str);

    /// The statuses of a commit, the oldest first.
    fn statuses(&self, repository: &str, sha: &Sha) -> Vec<SeenStatus>;

    /// The deploy keys of a repository.
    fn deploy_keys(&self, repository: &str) -> Vec<SeenKey>;

    /// Somebody removes all deploy keys by hand.
    fn remove_deploy_keys(&self, repository: &str);

    /// Brings trouble to all calls of the API, until the answer is dropped.
    fn go_wrong(&self, trouble: Trouble) -> Box<dyn Any + Send>;

    /// Forgets what the client said until now that the forge would not understand: the case meant it.
    fn forgive(&self);

    /// Fails the test if the client said anything that the forge would not understand.
    fn assert_understood(&self);
}

/// Kind of a tag.
#[derive(Clone, Copy, Debug)]
pub(in crate::forge) enum TagKind {
    /// A name of the commit.
    Light,
    /// An object of its own.
    Annotated,
}

/// Trouble at a forge.
#[derive(Clone, Copy, Debug)]
pub(in crate::forge) enum Trouble {
    /// It asks to wait.
    Limited(Duration),
    /// It has a fault.
    Broken,
    /// It closes each connection without an answer.
    Silent,
}

/// A pull request from a fork.
#[derive(Debug)]
pub(in crate::forge) struct Proposal {
    /// Its number.
    pub(in crate::forge) number: u64,
    /// Its commit.
    pub(in crate::forge) sha: Sha,
    /// The address of its page.
    pub(in crate::forge) page: String,
    /// The address of the page with all that it changes.
    pub(in crate::forge) changes: String,
}

/// A webhook at the other side.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::forge) struct SeenWebhook {
    /// The address of deliveries.
    pub(in crate::forge) url: String,
    /// True if deliveries are sent.
    pub(in crate::forge) is_on: bool,
}

/// A status at the other side.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::forge) struct SeenStatus {
    /// Its name.
    pub(in crate::forge) context: String,
    /// Its state.
    pub(in crate::forge) state: CommitState,
    /// Its sentence.
    pub(in crate::forge) description: String,
    /// The address that a click leads to.
    pub(in crate::forge) target_url: String,
}

/// A deploy key at the other side.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::forge) struct SeenKey {
    /// The key, without a comment.
    pub(in crate::forge) key: String,
    /// True if the key may push.
    pub(in crate::forge) may_push: bool,
}
