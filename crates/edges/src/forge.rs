//! The forge: pushes come from it, and commit statuses go to it.
//!
//! [`Forge`] and [`Words`] are all that any forge has to do. [`github`] is the only one so far. No other module knows a
//! header, an event's name or a page's address of a forge.

mod deliveries;
mod fault;
pub mod github;
mod site;
#[cfg(test)]
mod tests;
mod token;
mod words;

pub use deliveries::{
    CameTo, DeliveryLimits, Proof, RefusedDelivery, Sent, SentDelivery, Step, Taken, Telling, Tip,
    UnreadablePayload,
};
pub use fault::ForgeError;
pub use site::Site;
pub use token::Token;
pub use words::{Interest, Words};

use async_trait::async_trait;
use kozmic_model::{
    commit_status::CommitStatus,
    event::Author,
    fork::Pusher,
    git::Sha,
    ids::{DeployKeyId, RepositoryId, WebhookId},
    project::{Access, Collaborator, Permission, Repository},
    time::Timestamp,
    user::Profile,
};
use secrecy::SecretString;
use url::Url;

/// A forge. All calls have a time-out and may be made at once by many; none retries by itself.
///
/// A repository is called by its number, which stays when it is renamed or moved. If a forge knows names only, reading
/// follows, and whatever changes something fails with [`ForgeError::is_moved`]: ask for the repository anew, then try
/// again.
#[async_trait]
pub trait Forge: Words {
    /// The address to send a browser to, to sign in; it comes back to `redirect` with a code and `state`. The forge is told
    /// what the verifier comes to, where it knows that (PKCE); the verifier is 43 to 128 letters and digits.
    fn authorize_url(&self, state: &str, verifier: &SecretString, redirect: &Url) -> Url;

    /// Exchanges the code that the browser brought back for the person's token. A code works once, and only with the
    /// verifier that the sign-in began with: nobody else can use a stolen code.
    ///
    /// # Errors
    /// [`ForgeError::is_unauthorized`] if the forge does not take the code.
    async fn exchange_code(
        &self,
        code: &str,
        verifier: &SecretString,
        redirect: &Url,
    ) -> Result<Token, ForgeError>;

    /// The person whom the token belongs to.
    async fn profile(&self, token: &SecretString) -> Result<Profile, ForgeError>;

    /// The names of the organizations that the token's person belongs to, as far as they let the token see them.
    async fn organizations(&self, token: &SecretString) -> Result<Vec<String>, ForgeError>;

    /// The bytes and image type of a person's picture.
    async fn picture(&self, url: &str) -> Result<(String, Vec<u8>), ForgeError>;

    /// All repositories that the token's person can reach, with what they may do there.
    ///
    /// # Errors
    /// [`ForgeError::is_unauthorized`] if the token is no longer accepted.
    async fn repositories(&self, token: &SecretString) -> Result<Vec<Access>, ForgeError>;

    /// A repository as it is now, wherever it was moved to; none if it is gone or the token's person may not see it.
    ///
    /// # Errors
    /// [`ForgeError::is_unauthorized`] if the token is no longer accepted.
    async fn repository(
        &self,
        token: &SecretString,
        id: RepositoryId,
    ) -> Result<Option<Repository>, ForgeError>;

    /// The repository that has this name, or had it and has another by now; none if there is none or the token's person
    /// may not see it. A name that no repository can have is nobody's, and not asked for.
    ///
    /// # Errors
    /// [`ForgeError::is_unauthorized`] if the token is no longer accepted.
    async fn repository_named(
        &self,
        token: &SecretString,
        owner: &str,
        name: &str,
    ) -> Result<Option<Repository>, ForgeError>;

    /// Everybody who was given access to a repository, with what they may do: direct collaborators, teams, owners of
    /// the organization.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if the token's person does not see the repository; a refusal if they may not push
    /// to it, for only who may push learns of the others.
    async fn collaborators(
        &self,
        token: &SecretString,
        repository: &Repository,
    ) -> Result<Vec<Collaborator>, ForgeError>;

    /// The right that a person has to a repository by now; none if they have none, or are another one by now.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] or a refusal if the token's person may not learn of it.
    async fn permission(
        &self,
        token: &SecretString,
        repository: &Repository,
        person: &Pusher,
    ) -> Result<Option<Permission>, ForgeError>;

    /// Makes the webhook, or brings it fully back in line: address, events, secret, switched on. One that was removed
    /// at the forge is made anew. Gives its id, which is not `known` if it was made anew.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if the token's person does not see the repository or may not administer it.
    async fn ensure_webhook(
        &self,
        token: &SecretString,
        repository: &Repository,
        wanted: &Webhook,
        known: Option<WebhookId>,
    ) -> Result<WebhookId, ForgeError>;

    /// Removes a webhook, and whatever else calls its address: the answer to its making may have been lost. `known` is
    /// its id, if that is known. A webhook that is gone is fine.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if the token's person does not see the repository; else the forge refuses, since they
    /// may not administer it, or does not answer: the webhook may still be there.
    async fn remove_webhook(
        &self,
        token: &SecretString,
        repository: &Repository,
        url: &Url,
        known: Option<WebhookId>,
    ) -> Result<(), ForgeError>;

    /// Outcomes of a webhook's deliveries, since a time by the forge's own clock.
    ///
    /// # Errors
    /// A refusal if the token's person may not read that.
    async fn sent(
        &self,
        token: &SecretString,
        repository: &Repository,
        webhook: WebhookId,
        since: Timestamp,
    ) -> Result<Sent, ForgeError>;

    /// Whether a webhook is switched on.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if it is gone, or not for the token's person to see.
    async fn is_webhook_on(
        &self,
        token: &SecretString,
        repository: &Repository,
        webhook: WebhookId,
    ) -> Result<bool, ForgeError>;

    /// Has the forge send a delivery again, which it does in a moment; `delivery` is its [`SentDelivery::id`].
    ///
    /// # Errors
    /// A refusal if it is not kept any more, or the token's person may not ask for it.
    async fn send_again(
        &self,
        token: &SecretString,
        repository: &Repository,
        webhook: WebhookId,
        delivery: i64,
    ) -> Result<(), ForgeError>;

    /// Positions of the branches and the open pull requests, up to a thousand of each.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if the token's person does not see the repository.
    async fn tips(&self, token: &SecretString, repository: &Repository) -> Result<Vec<Tip>, ForgeError>;

    /// The words that a delivery would have had of a step; none if its ref stands elsewhere by now.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if the token's person does not see the repository.
    async fn telling(
        &self,
        token: &SecretString,
        repository: &Repository,
        step: Step<'_>,
    ) -> Result<Option<Telling>, ForgeError>;

    /// Registers a read-only deploy key, or finds it if it is there already; gives its id. `known` is what it was the
    /// last time; if another key has that number, that one stays as it is. One that may write is replaced by one that
    /// may only read.
    ///
    /// # Errors
    /// [`ForgeError::is_key_refused`] if a key of another kind may be taken; a refusal if the key is in use elsewhere.
    async fn ensure_deploy_key(
        &self,
        token: &SecretString,
        repository: &Repository,
        wanted: &PublicKey<'_>,
        known: Option<DeployKeyId>,
    ) -> Result<DeployKeyId, ForgeError>;

    /// Removes a deploy key, known by what it is: the answer that told its number may have been lost. One that is gone is
    /// fine.
    ///
    /// # Errors
    /// As with a webhook: the key may still be there.
    async fn remove_deploy_key(
        &self,
        token: &SecretString,
        repository: &Repository,
        key: &str,
    ) -> Result<(), ForgeError>;

    /// The forge's SSH host keys, as lines `ssh-ed25519 AAAA…`; none if it does not publish them.
    ///
    /// # Errors
    /// [`ForgeError::is_unauthorized`] if the token is no longer accepted.
    async fn host_keys(&self, token: &SecretString) -> Result<Vec<String>, ForgeError>;

    /// Shows a state beside a commit, under the status's context.
    async fn set_status(
        &self,
        token: &SecretString,
        repository: &Repository,
        status: &CommitStatus,
    ) -> Result<(), ForgeError>;

    /// The message and author of a commit, where a payload did not carry them.
    async fn commit(
        &self,
        token: &SecretString,
        repository: &Repository,
        sha: &Sha,
    ) -> Result<(String, Author), ForgeError>;

    /// The newest commit of a branch, never that of a tag with the same name; none if there is no such branch, nothing
    /// was ever pushed, or the token's person may not see the repository.
    ///
    /// # Errors
    /// [`ForgeError::is_unauthorized`] if the token is no longer accepted.
    async fn head(
        &self,
        token: &SecretString,
        repository: &Repository,
        branch: &str,
    ) -> Result<Option<Head>, ForgeError>;

    /// Whether the forge's API answers, and at which address.
    ///
    /// # Errors
    /// It does not, or something else is there.
    async fn greet(&self) -> Result<String, ForgeError>;

    /// Whether the forge knows the application as which people sign in, with this secret and this address to return to.
    ///
    /// # Errors
    /// It does not, or cannot be asked.
    async fn try_client(&self, redirect: &Url) -> Result<(), ForgeError>;
}

/// A webhook that Kozmic needs at the forge.
pub struct Webhook {
    /// The address of deliveries at Kozmic.
    pub url: Url,
    /// The events that it is made for.
    pub interest: Interest,
    /// The secret that deliveries are signed with.
    pub secret: SecretString,
}

/// A branch's newest commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its id.
    pub sha: Sha,
    /// Its message, up to 64 KiB.
    pub message: String,
    /// Its author.
    pub author: Author,
    /// Its page at the forge; empty if that is no address of a page.
    pub url: String,
    /// Time at which it was made, by its maker's clock.
    pub made_at: Option<Timestamp>,
}

/// A deploy key to register.
pub struct PublicKey<'a> {
    /// The words that people read beside it at the forge.
    pub title: &'a str,
    /// As in `authorized_keys`: `ssh-ed25519 AAAA…`.
    pub key: &'a str,
}
