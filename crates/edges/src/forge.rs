//! The forge: pushes come from it, and commit statuses go to it.
//!
//! [`Forge`] and [`ForgeFormat`] are all that any forge has to do. [`github`] is the only one so far. No other module
//! knows a header, an event's name or a page's address of a forge.

mod deliveries;
mod fault;
mod format;
pub mod github;
mod site;
#[cfg(test)]
mod tests;
mod token;

pub use deliveries::{
    DeliveryLimits, MovedRef, Proof, ReadDelivery, RefusedDelivery, ReplacementDelivery, Sent, SentDelivery,
    SentOutcome, Tip, UnreadablePayload,
};
pub use fault::ForgeError;
pub use format::{ForgeFormat, Interest};
pub use site::Site;
pub use token::Token;

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

/// A forge. Each call has a time-out and makes no second try by itself. Many tasks may call at once.
///
/// Calls use the number of a repository, which stays when the repository is renamed or moved. If a forge knows names
/// only, its reading calls follow the repository. Its changing calls fail with [`ForgeError::is_moved`]: ask for the
/// repository again, then try again.
#[async_trait]
pub trait Forge: ForgeFormat {
    /// The address for a browser that signs in. The browser comes back to `redirect` with a code and `state`. The
    /// verifier has 43 to 128 letters and digits. Its hash goes to the forge, if the forge knows PKCE.
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

    /// All repositories that the token's person can reach, with the person's right to each.
    ///
    /// # Errors
    /// [`ForgeError::is_unauthorized`] if the token is no longer accepted.
    async fn repositories(&self, token: &SecretString) -> Result<Vec<Access>, ForgeError>;

    /// A repository as it is now, also if it was moved. None if it is gone, or if the token's person may not see it.
    ///
    /// # Errors
    /// [`ForgeError::is_unauthorized`] if the token is no longer accepted.
    async fn repository(
        &self,
        token: &SecretString,
        id: RepositoryId,
    ) -> Result<Option<Repository>, ForgeError>;

    /// The repository that has this name, or had it once. None if there is none, or if the token's person may not see
    /// it. The forge is not asked for a name that no repository can have.
    ///
    /// # Errors
    /// [`ForgeError::is_unauthorized`] if the token is no longer accepted.
    async fn repository_named(
        &self,
        token: &SecretString,
        owner: &str,
        name: &str,
    ) -> Result<Option<Repository>, ForgeError>;

    /// All people who were given access to a repository, with their rights: direct collaborators, teams, owners of the
    /// organization.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if the token's person does not see the repository. A refusal if that person may not
    /// push to it: a forge tells this list only to people who may push.
    async fn collaborators(
        &self,
        token: &SecretString,
        repository: &Repository,
    ) -> Result<Vec<Collaborator>, ForgeError>;

    /// The right that a person has to a repository now. None if there is no right, or if the login belongs to somebody
    /// else now.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] or a refusal if the token's person may not know it.
    async fn permission(
        &self,
        token: &SecretString,
        repository: &Repository,
        person: &Pusher,
    ) -> Result<Option<Permission>, ForgeError>;

    /// Creates the webhook, or corrects it: address, events, secret, switched on. If somebody removed it at the forge,
    /// it is created again. Gives its id, which differs from `known` then.
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

    /// Removes a webhook, and all others with its address: the answer to an earlier creation may have been lost.
    /// `known` is its id, if there is one. It is no error if the webhook is gone.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if the token's person does not see the repository. A refusal if that person may not
    /// administer it. In each case, and if the forge does not answer, the webhook may still be there.
    async fn remove_webhook(
        &self,
        token: &SecretString,
        repository: &Repository,
        url: &Url,
        known: Option<WebhookId>,
    ) -> Result<(), ForgeError>;

    /// Outcomes of a webhook's deliveries since a time, which is by the forge's own clock.
    ///
    /// # Errors
    /// A refusal if the token's person may not read them.
    async fn sent(
        &self,
        token: &SecretString,
        repository: &Repository,
        webhook: WebhookId,
        since: Timestamp,
    ) -> Result<Sent, ForgeError>;

    /// True if a webhook is switched on.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if the webhook is gone, or if the token's person may not see it.
    async fn is_webhook_on(
        &self,
        token: &SecretString,
        repository: &Repository,
        webhook: WebhookId,
    ) -> Result<bool, ForgeError>;

    /// Asks the forge to send a delivery again, which happens soon after. `delivery` is its [`SentDelivery::id`].
    ///
    /// # Errors
    /// A refusal if the forge no longer keeps the delivery, or if the token's person may not ask for it.
    async fn send_again(
        &self,
        token: &SecretString,
        repository: &Repository,
        webhook: WebhookId,
        delivery: i64,
    ) -> Result<(), ForgeError>;

    /// The commits of the branches and of the open pull requests, up to a thousand of each.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if the token's person does not see the repository.
    async fn tips(&self, token: &SecretString, repository: &Repository) -> Result<Vec<Tip>, ForgeError>;

    /// Event and payload that a delivery about a move would have had. None if the ref is at another commit now.
    ///
    /// # Errors
    /// [`ForgeError::is_missing`] if the token's person does not see the repository.
    async fn replacement(
        &self,
        token: &SecretString,
        repository: &Repository,
        moved: MovedRef<'_>,
    ) -> Result<Option<ReplacementDelivery>, ForgeError>;

    /// Registers a read-only deploy key, or finds it if it is already there. Gives its id. `known` is the id of the
    /// last time. If another key has that id now, the other key stays as it is. A key that may push is replaced by one
    /// that may only read.
    ///
    /// # Errors
    /// [`ForgeError::is_key_refused`] if the forge may take a key of another kind. A refusal if the key is in use
    /// elsewhere.
    async fn ensure_deploy_key(
        &self,
        token: &SecretString,
        repository: &Repository,
        wanted: &PublicKey<'_>,
        known: Option<DeployKeyId>,
    ) -> Result<DeployKeyId, ForgeError>;

    /// Removes a deploy key. The key itself is its name here: the answer with its id may have been lost. It is no error
    /// if the key is gone.
    ///
    /// # Errors
    /// The same as for a webhook. The key may still be there.
    async fn remove_deploy_key(
        &self,
        token: &SecretString,
        repository: &Repository,
        key: &str,
    ) -> Result<(), ForgeError>;

    /// The forge's SSH host keys, as lines `ssh-ed25519 AAAA…`. Empty if the forge does not publish them.
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

    /// The message and author of a commit, for payloads without them.
    async fn commit(
        &self,
        token: &SecretString,
        repository: &Repository,
        sha: &Sha,
    ) -> Result<(String, Author), ForgeError>;

    /// The newest commit of a branch, never that of a tag with the same name. None if there is no such branch, if
    /// nothing was ever pushed, or if the token's person may not see the repository.
    ///
    /// # Errors
    /// [`ForgeError::is_unauthorized`] if the token is no longer accepted.
    async fn head(
        &self,
        token: &SecretString,
        repository: &Repository,
        branch: &str,
    ) -> Result<Option<Head>, ForgeError>;

    /// Tries if the forge's API answers. Gives a sentence with its address.
    ///
    /// # Errors
    /// The API does not answer, or something else is at that address.
    async fn greet(&self) -> Result<String, ForgeError>;

    /// Tries if the forge knows the application that people sign in with: its secret, and the address to return to.
    ///
    /// # Errors
    /// The forge does not know it, or does not answer.
    async fn try_client(&self, redirect: &Url) -> Result<(), ForgeError>;
}

/// A webhook that Kozmic needs at the forge.
pub struct Webhook {
    /// The address of deliveries at Kozmic.
    pub url: Url,
    /// The events that the webhook is made for.
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
    /// The address of its page at the forge. Empty if the forge gave no address of the web.
    pub url: String,
    /// The time of the commit, by the committer's clock.
    pub made_at: Option<Timestamp>,
}

/// A deploy key to register.
pub struct PublicKey<'a> {
    /// The title that people read at the forge.
    pub title: &'a str,
    /// The key as in `authorized_keys`: `ssh-ed25519 AAAA…`.
    pub key: &'a str,
}
