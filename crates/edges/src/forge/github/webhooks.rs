//! Webhooks: made, or brought back in line.
//!
//! GitHub takes one webhook for an address. One that it made while its answer was lost is found by its address.

use super::{Client, ForgeError, Webhook, repositories};
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

pub(super) async fn ensure(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    (wanted, known): (&Webhook, Option<WebhookId>),
) -> Result<WebhookId, ForgeError> {
    let changed = match known {
        Some(known) => change(client, token, repository, (wanted, known)).await,
        None => make(client, token, repository, wanted).await,
    };
    let made = match changed {
        // Somebody removed it at GitHub: make it anew.
        Err(fault) if known.is_some() && fault.is_missing() => make(client, token, repository, wanted).await,
        changed => changed,
    };
    match made {
        // Another webhook has the address already.
        Err(refusal @ ForgeError::Refused { status: 422, .. }) => {
            let there = find(client, token, repository, wanted).await?.ok_or(refusal)?;
            change(client, token, repository, (wanted, there)).await
        }
        made => made,
    }
}

pub(super) async fn remove(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    webhook: WebhookId,
) -> Result<(), ForgeError> {
    let path = client.repository_path(repository, &["hooks", &webhook.to_string()])?;
    match client.delete(path, token).await {
        Err(fault) if fault.is_missing() => repositories::gone(client, token, repository).await,
        removed => removed,
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
    let url = client.repository_path(repository, &["hooks"])?;
    let webhooks = client.list::<WebhookAnswer>(url, token).await?;
    let is_wanted = |webhook: &WebhookAnswer| webhook.config.url.as_deref() == Some(wanted.url.as_str());
    Ok(webhooks.into_iter().find(is_wanted).map(|found| WebhookId(found.id)))
}

fn body(wanted: &Webhook) -> Value {
    json!({
        "active": true,
        "events": wanted.events,
        "config": {
            "url": wanted.url.as_str(),
            "content_type": "json",
            "secret": wanted.secret.expose_secret(),
            "insecure_ssl": "0",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::{
        AUTOBUILD_EVENTS, HOOK_EVENTS,
        github::loopback::{Loopback, repository},
    };

    fn wanted() -> Webhook {
        let url = "https://ci.example.org/_hooks/hook/1/".parse().unwrap();
        Webhook { url, events: HOOK_EVENTS, secret: "s".into() }
    }

    async fn ensured(loopback: &Loopback, known: Option<i64>) -> Result<i64, ForgeError> {
        let known = known.map(WebhookId);
        ensure(&loopback.client(), &"t0ken".into(), &repository(), (&wanted(), known)).await.map(|id| id.0)
    }

    #[tokio::test]
    async fn a_webhook_that_somebody_removed_is_made_anew() {
        let answers = [(404, "{}".to_owned()), (201, json!({ "id": 8 }).to_string())];
        let loopback = Loopback::answering(answers).await;
        assert_eq!(ensured(&loopback, Some(3)).await.unwrap(), 8);
        assert_eq!(loopback.asked(), ["PATCH /api/repos/anna/app/hooks/3", "POST /api/repos/anna/app/hooks"]);
    }

    #[tokio::test]
    async fn a_webhook_that_has_the_address_already_is_taken_over() {
        for known in [None, Some(3)] {
            let list = json!([{ "id": 9, "config": { "url": wanted().url.as_str() } }]).to_string();
            let answers = [(422, "{}".to_owned()), (200, list), (200, "{}".to_owned())];
            let loopback = Loopback::answering(answers).await;
            assert_eq!(ensured(&loopback, known).await.unwrap(), 9);
            assert_eq!(loopback.asked()[2], "PATCH /api/repos/anna/app/hooks/9");
        }
    }

    #[tokio::test]
    async fn a_webhook_that_is_gone_counts_as_removed_for_who_would_see_it() {
        let removed = |answers: Vec<(u16, String)>| async move {
            let loopback = Loopback::answering(answers).await;
            let done = remove(&loopback.client(), &"t0ken".into(), &repository(), WebhookId(3)).await;
            assert_eq!(loopback.asked()[0], "DELETE /api/repos/anna/app/hooks/3");
            done
        };
        let missing = || (404, "{}".to_owned());
        let seen = |admin: bool| (200, shape(admin).to_string());
        removed(vec![(204, String::new())]).await.unwrap();
        removed(vec![missing(), seen(true)]).await.unwrap();
        let fault = removed(vec![missing(), seen(false)]).await.unwrap_err();
        assert!(!fault.is_missing() && fault.try_again().is_none(), "{fault}");
        assert!(
            removed(vec![missing(), missing()]).await.unwrap_err().is_missing(),
            "the repository is gone"
        );
    }

    fn shape(admin: bool) -> Value {
        json!({ "id": 1, "name": "app", "owner": { "login": "anna" }, "private": true, "html_url": "h",
            "clone_url": "c", "permissions": { "admin": admin, "push": true } })
    }

    #[test]
    fn all_that_people_can_change_is_put_back() {
        let body = body(&wanted());
        assert_eq!(body["active"], true);
        assert_eq!(body["events"], json!(["push", "pull_request"]));
        let config = json!({ "url": wanted().url.as_str(), "content_type": "json", "secret": "s", "insecure_ssl": "0" });
        assert_eq!(body["config"], config);
    }

    #[test]
    fn the_auto_builder_hears_of_pushes_only() {
        let wanted = Webhook { events: AUTOBUILD_EVENTS, ..wanted() };
        assert_eq!(body(&wanted)["events"], json!(["push"]));
    }
}
