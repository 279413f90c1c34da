//! Webhooks: made, or brought back in line.
//!
//! GitHub takes one webhook for an address. One that it made while its answer was lost is found by its address.

use super::{Client, ForgeError, Webhook};
use kozmic_model::{ids::WebhookId, project::Repository};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct WebhookAnswer {
    id: i64,
    #[serde(default)]
    config: Config,
}

#[derive(Default, Deserialize)]
struct Config {
    url: Option<String>,
}

/// A guard against a list that never ends: GitHub allows 20 webhooks for an event.
const PAGE_LIMIT: usize = 10;

pub(super) async fn ensure(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    (wanted, known): (&Webhook, Option<WebhookId>),
) -> Result<WebhookId, ForgeError> {
    if let Some(known) = known {
        match change(client, token, repository, (wanted, known)).await {
            // Somebody removed it at GitHub: make it anew.
            Err(ForgeError::Refused { status: 404, .. }) => {}
            changed => return changed,
        }
    }
    match make(client, token, repository, wanted).await {
        Err(refusal @ ForgeError::Refused { status: 422, .. }) => {
            let there = find(client, token, repository, wanted).await?.ok_or(refusal)?;
            change(client, token, repository, (wanted, there)).await
        }
        made => made,
    }
}

async fn make(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    wanted: &Webhook,
) -> Result<WebhookId, ForgeError> {
    let mut new = body(wanted);
    new["name"] = json!("web");
    let path = client.repository_path(repository, &["hooks"])?;
    let response = client.post(path, token, &new).await?;
    Ok(WebhookId(client.json::<WebhookAnswer>(response).await?.id))
}

async fn change(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    (wanted, id): (&Webhook, WebhookId),
) -> Result<WebhookId, ForgeError> {
    let path = client.repository_path(repository, &["hooks", &id.to_string()])?;
    client.patch(path, token, &body(wanted)).await.map(|_| id)
}

/// The webhook with the wanted address.
async fn find(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    wanted: &Webhook,
) -> Result<Option<WebhookId>, ForgeError> {
    let mut url = client.repository_path(repository, &["hooks"])?;
    url.query_pairs_mut().append_pair("per_page", "100");
    let mut next = Some(url);
    for _ in 0..PAGE_LIMIT {
        let Some(url) = next else { break };
        let page = client.page::<WebhookAnswer>(url, token).await?;
        let is_wanted = |webhook: &WebhookAnswer| webhook.config.url.as_deref() == Some(wanted.url.as_str());
        if let Some(found) = page.items.into_iter().find(is_wanted) {
            return Ok(Some(WebhookId(found.id)));
        }
        next = page.next;
    }
    Ok(None)
}

fn body(wanted: &Webhook) -> Value {
    json!({
        "active": true,
        "events": ["push", "pull_request"],
        "config": {
            "url": wanted.url.as_str(),
            "content_type": "json",
            "secret": wanted.secret.expose_secret(),
            "insecure_ssl": "0",
        },
    })
}
