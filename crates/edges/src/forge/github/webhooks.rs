//! Webhooks: made, or brought back in line.

use super::{Client, ForgeError, Webhook};
use kozmic_model::{ids::WebhookId, project::Repository};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct WebhookAnswer {
    id: i64,
}

pub(super) async fn ensure(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    (wanted, known): (&Webhook, Option<WebhookId>),
) -> Result<WebhookId, ForgeError> {
    if let Some(known) = known {
        let path = client.repository_path(repository, &["hooks", &known.to_string()])?;
        match client.patch(path, token, &body(wanted)).await {
            Ok(_) => return Ok(known),
            // Somebody removed it at GitHub: make it anew.
            Err(ForgeError::Refused { status: 404, .. }) => {}
            Err(fault) => return Err(fault),
        }
    }
    let mut new = body(wanted);
    new["name"] = json!("web");
    let path = client.repository_path(repository, &["hooks"])?;
    let response = client.post(path, token, &new).await?;
    Ok(WebhookId(client.json::<WebhookAnswer>(response).await?.id))
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
