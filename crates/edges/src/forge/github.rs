//! GitHub, or a GitHub Enterprise server: a thin client with the calls that Kozmic needs.

mod addresses;
mod client;
mod delivery;
mod oauth;
mod payload;
mod repositories;
mod commits;
mod statuses;
mod webhooks;
mod sent;
mod tips;
mod deploy_keys;
mod host_keys;
#[cfg(test)]
pub(in crate::forge) mod tests;

use super::{
    DeliveryLimits, Forge, ForgeError, ForgeFormat, Head, Interest, MovedRef, Proof, PublicKey, ReadDelivery,
    RefusedDelivery, ReplacementDelivery, Sent, Site, Tip, Token, UnreadablePayload, Webhook,
};
pub use addresses::{api_of, application_link};

use async_trait::async_trait;
use client::Client;
use deploy_keys::DeployKeys;
use http::HeaderMap;
use kozmic_model::{
    commit_status::CommitStatus,
    event::{Author, Event},
    fork::Pusher,
    git::{GitRef, Sha},
    ids::{DeployKeyId, RepositoryId, WebhookId},
    project::{Access, Collaborator, Permission, Repository},
    time::Timestamp,
    touched::Touched,
    user::Profile,
};
use secrecy::SecretString;
use sent::Book;
use url::Url;

/// GitHub as people see it.
pub const SITE: Site = Site {
    name: "GitHub",
    commit: "commit/{}",
    pull_request: "pull/{}",
    changes: "pull/{}/files",
    resend: "Redeliver",
};

/// The addresses of a GitHub, and Kozmic's OAuth application there.
#[derive(Clone)]
pub struct GitHubSettings {
    /// `https://github.com`, or an Enterprise server.
    pub url: Url,
    /// `https://api.github.com`, or `https://…/api/v3`.
    pub api_url: Url,
    /// The OAuth application's id.
    pub client_id: String,
    /// The OAuth application's secret.
    pub client_secret: SecretString,
}

/// A GitHub.
pub struct GitHub {
    settings: GitHubSettings,
    client: Client,
}

impl GitHub {
    /// A new client. It makes no call yet.
    ///
    /// # Errors
    /// The system's network library cannot be set up.
    pub fn new(settings: GitHubSettings) -> anyhow::Result<Self> {
        let client = Client::new(settings.api_url.clone())?;
        Ok(Self { settings, client })
    }
}

impl ForgeFormat for GitHub {
    fn site(&self) -> Site {
        SITE
    }

    fn remote_ref(&self, git_ref: &GitRef) -> String {
        match git_ref {
            GitRef::PullRequest(number) => format!("refs/pull/{number}/head"),
            GitRef::Branch(_) | GitRef::Tag(_) => git_ref.to_string(),
        }
    }

    fn known_hosts(&self) -> &'static str {
        host_keys::BUILT_IN
    }

    fn delivery_limits(&self) -> DeliveryLimits {
        delivery::LIMITS
    }

    fn proof(&self, headers: &HeaderMap) -> Result<Proof, RefusedDelivery> {
        delivery::proof(headers)
    }

    fn check(&self, proof: &Proof, secret: &SecretString, body: &[u8]) -> Result<(), RefusedDelivery> {
        delivery::check(proof, secret, body)
    }

    fn delivery(&self, headers: &HeaderMap, body: Vec<u8>) -> Result<ReadDelivery, RefusedDelivery> {
        delivery::delivery(headers, body)
    }

    fn is_of_use(&self, event: &str, interest: Interest) -> bool {
        delivery::is_of_use(event, interest)
    }

    fn event(&self, name: &str, payload: &[u8]) -> Result<Event, UnreadablePayload> {
        payload::event(name, payload)
    }

    fn touched(&self, name: &str, payload: &[u8]) -> Result<Touched, UnreadablePayload> {
        payload::touched::of(name, payload)
    }

    fn pushed_repository(&self, payload: &[u8]) -> Result<Repository, UnreadablePayload> {
        repositories::of_payload(payload)
    }
}

#[async_trait]
impl Forge for GitHub {
    fn authorize_url(&self, state: &str, verifier: &SecretString, redirect: &Url) -> Url {
        oauth::authorize_url(&self.settings, state, verifier, redirect)
    }

    async fn exchange_code(
        &self,
        code: &str,
        verifier: &SecretString,
        redirect: &Url,
    ) -> Result<Token, ForgeError> {
        oauth::exchange_code(&self.client, &self.settings, oauth::Code { code, verifier, redirect }).await
    }

    async fn profile(&self, token: &SecretString) -> Result<Profile, ForgeError> {
        oauth::profile(&self.client, token).await
    }

    async fn organizations(&self, token: &SecretString) -> Result<Vec<String>, ForgeError> {
        repositories::organizations(&self.client, token).await
    }

    async fn picture(&self, url: &str) -> Result<(String, Vec<u8>), ForgeError> {
        self.client.picture(url).await
    }

    async fn repositories(&self, token: &SecretString) -> Result<Vec<Access>, ForgeError> {
        repositories::reachable(&self.client, token).await
    }

    async fn repository(
        &self,
        token: &SecretString,
        id: RepositoryId,
    ) -> Result<Option<Repository>, ForgeError> {
        repositories::by_id(&self.client, token, id).await
    }

    async fn repository_named(
        &self,
        token: &SecretString,
        owner: &str,
        name: &str,
    ) -> Result<Option<Repository>, ForgeError> {
        repositories::by_name(&self.client, token, owner, name).await
    }

    async fn collaborators(
        &self,
        token: &SecretString,
        repository: &Repository,
    ) -> Result<Vec<Collaborator>, ForgeError> {
        repositories::collaborators(&self.client, token, repository).await
    }

    async fn permission(
        &self,
        token: &SecretString,
        repository: &Repository,
        person: &Pusher,
    ) -> Result<Option<Permission>, ForgeError> {
        repositories::permission(&self.client, token, repository, person).await
    }

    async fn ensure_webhook(
        &self,
        token: &SecretString,
        repository: &Repository,
        wanted: &Webhook,
        known: Option<WebhookId>,
    ) -> Result<WebhookId, ForgeError> {
        webhooks::ensure(&self.client, token, repository, wanted, known).await
    }

    async fn remove_webhook(
        &self,
        token: &SecretString,
        repository: &Repository,
        url: &Url,
        known: Option<WebhookId>,
    ) -> Result<(), ForgeError> {
        webhooks::remove(&self.client, token, repository, url, known).await
    }

    async fn sent(
        &self,
        token: &SecretString,
        repository: &Repository,
        webhook: WebhookId,
        since: Timestamp,
    ) -> Result<Sent, ForgeError> {
        Book { client: &self.client, token, repository, webhook }.since(since).await
    }

    async fn is_webhook_on(
        &self,
        token: &SecretString,
        repository: &Repository,
        webhook: WebhookId,
    ) -> Result<bool, ForgeError> {
        Book { client: &self.client, token, repository, webhook }.is_on().await
    }

    async fn send_again(
        &self,
        token: &SecretString,
        repository: &Repository,
        webhook: WebhookId,
        delivery: i64,
    ) -> Result<(), ForgeError> {
        Book { client: &self.client, token, repository, webhook }.send_again(delivery).await
    }

    async fn tips(&self, token: &SecretString, repository: &Repository) -> Result<Vec<Tip>, ForgeError> {
        tips::all(&self.client, token, repository).await
    }

    async fn replacement(
        &self,
        token: &SecretString,
        repository: &Repository,
        moved: MovedRef<'_>,
    ) -> Result<Option<ReplacementDelivery>, ForgeError> {
        tips::replacement(&self.client, token, repository, moved).await
    }

    async fn ensure_deploy_key(
        &self,
        token: &SecretString,
        repository: &Repository,
        wanted: &PublicKey<'_>,
        known: Option<DeployKeyId>,
    ) -> Result<DeployKeyId, ForgeError> {
        DeployKeys { client: &self.client, token, repository }.ensure(wanted, known).await
    }

    async fn remove_deploy_key(
        &self,
        token: &SecretString,
        repository: &Repository,
        key: &str,
    ) -> Result<(), ForgeError> {
        DeployKeys { client: &self.client, token, repository }.remove(key).await
    }

    async fn host_keys(&self, token: &SecretString) -> Result<Vec<String>, ForgeError> {
        host_keys::host_keys(&self.client, token).await
    }

    async fn set_status(
        &self,
        token: &SecretString,
        repository: &Repository,
        status: &CommitStatus,
    ) -> Result<(), ForgeError> {
        statuses::set(&self.client, token, repository, status).await
    }

    async fn commit(
        &self,
        token: &SecretString,
        repository: &Repository,
        sha: &Sha,
    ) -> Result<(String, Author), ForgeError> {
        commits::one(&self.client, token, repository, sha).await
    }

    async fn head(
        &self,
        token: &SecretString,
        repository: &Repository,
        branch: &str,
    ) -> Result<Option<Head>, ForgeError> {
        commits::head(&self.client, token, repository, branch).await
    }

    async fn greet(&self) -> Result<String, ForgeError> {
        self.client.greet().await
    }

    async fn try_client(&self, redirect: &Url) -> Result<(), ForgeError> {
        oauth::try_client(&self.client, &self.settings, redirect).await
    }
}
