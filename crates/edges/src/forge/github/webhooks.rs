//! Webhooks: created, corrected, removed.
//!
//! If GitHub's answer to a creation was lost, the webhook is found by its address: before another one is created, and
//! when it is removed.

use super::{Client, ForgeError, Webhook, delivery, repositories};
use kozmic_model::{ids::WebhookId, project::Repository};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

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

impl WebhookAnswer {
    fn calls(&self, url: &Url) -> bool {
        self.config.url.as_deref() == Some(url.as_str())
    }
}

pub(super) async fn ensure(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    wanted: &Webhook,
    known: Option<WebhookId>,
) -> Result<WebhookId, ForgeError> {
    if let Some(known) = known {
        match change(client, token, repository, wanted, known).await {
            // Somebody removed it at GitHub.
            Err(fault) if fault.is_missing() => {}
            changed => return changed,
        }
    }
    let there = at(client, token, repository, &wanted.url).await?;
    let Some((first, more)) = there.split_first() else {
        return make(client, token, repository, wanted).await;
    };
    for webhook in more {
        delete(client, token, repository, *webhook).await?;
    }
    change(client, token, repository, wanted, *first).await
}

pub(super) async fn remove(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    url: &Url,
    known: Option<WebhookId>,
) -> Result<(), ForgeError> {
    let there = match list(client, token, repository).await {
        Err(fault) if fault.is_missing() => return repositories::gone(client, token, repository).await,
        there => there?,
    };
    let is_meant = |webhook: &&WebhookAnswer| webhook.calls(url) || known == Some(WebhookId(webhook.id));
    for webhook in there.iter().filter(is_meant) {
        delete(client, token, repository, WebhookId(webhook.id)).await?;
    }
    Ok(())
}

async fn delete(
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
    wanted: &Webhook,
    id: WebhookId,
) -> Result<WebhookId, ForgeError> {
    let path = client.repository_path(repository, &["hooks", &id.to_string()])?;
    client.patch(path, token, &body(wanted)).await.map(|_| id)
}

/// The ids of the webhooks with this address.
async fn at(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    url: &Url,
) -> Result<Vec<WebhookId>, ForgeError> {
    let webhooks = list(client, token, repository).await?;
    Ok(webhooks.iter().filter(|webhook| webhook.calls(url)).map(|found| WebhookId(found.id)).collect())
}

async fn list(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
) -> Result<Vec<WebhookAnswer>, ForgeError> {
    client.list(client.repository_path(repository, &["hooks"])?, token).await
}

fn body(wanted: &Webhook) -> Value {
    json!({
        "active": true,
        "events": delivery::wanted(wanted.interest),
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
        Interest,
        github::tests::loopback::{Loopback, repository},
    };

    fn wanted() -> Webhook {
        let url = "https://ci.example.org/_hooks/hook/1/".parse().unwrap();
        Webhook { url, interest: Interest::PushesAndPulls, secret: "s".into() }
    }

    async fn ensured(loopback: &Loopback, known: Option<i64>) -> Result<i64, ForgeError> {
        let known = known.map(WebhookId);
        ensure(&loopback.client(), &"t0ken".into(), &repository(), &wanted(), known).await.map(|id| id.0)
    }

    #[tokio::test]
    async fn a_webhook_that_somebody_removed_is_made_anew() {
        let answers = [(404, "{}".to_owned()), (200, "[]".to_owned()), (201, json!({ "id": 8 }).to_string())];
        let loopback = Loopback::answering(answers).await;
        assert_eq!(ensured(&loopback, Some(3)).await.unwrap(), 8);
        let hooks = "/api/repositories/1/hooks";
        let calls =
            [format!("PATCH {hooks}/3"), format!("GET {hooks}?per_page=100"), format!("POST {hooks}")];
        assert_eq!(loopback.asked(), calls);
    }

    fn listed(id: i64, url: &str) -> Value {
        json!({ "id": id, "config": { "url": url } })
    }

    #[tokio::test]
    async fn a_webhook_whose_answer_was_lost_is_taken_over_and_a_second_one_goes() {
        let url = wanted().url;
        for known in [None, Some(3)] {
            let list = json!([
                listed(7, "https://other.example.org/"),
                listed(9, url.as_str()),
                listed(10, url.as_str())
            ]);
            let answers = [(200, list.to_string()), (204, String::new()), (200, "{}".to_owned())];
            let gone = known.map(|_| (404, "{}".to_owned()));
            let loopback = Loopback::answering(gone.into_iter().chain(answers)).await;
            assert_eq!(ensured(&loopback, known).await.unwrap(), 9);
            let asked = loopback.asked();
            let hooks = "/api/repositories/1/hooks";
            assert_eq!(asked[asked.len() - 2..], [format!("DELETE {hooks}/10"), format!("PATCH {hooks}/9")]);
        }
    }

    #[tokio::test]
    async fn a_webhook_is_removed_by_number_and_address_for_who_would_see_it() {
        let url = wanted().url;
        let removed = |answers: Vec<(u16, String)>, known: Option<i64>| {
            let url = url.clone();
            async move {
                let loopback = Loopback::answering(answers).await;
                let (client, known) = (loopback.client(), known.map(WebhookId));
                let done = remove(&client, &"t0ken".into(), &repository(), &url, known).await;
                (done, loopback.asked())
            }
        };
        let missing = || (404, "{}".to_owned());
        let seen = |admin: bool| (200, shape(admin).to_string());
        let list = |hooks: Value| (200, hooks.to_string());
        let deleted = || (204, String::new());
        let all = json!([
            listed(3, "https://edited.example.org/"),
            listed(4, "https://x/"),
            listed(5, url.as_str())
        ]);
        let (done, asked) = removed(vec![list(all), deleted(), deleted()], Some(3)).await;
        done.unwrap();
        assert_eq!(asked[1..], ["DELETE /api/repositories/1/hooks/3", "DELETE /api/repositories/1/hooks/5"]);
        let (done, asked) = removed(vec![list(json!([listed(4, "https://x/")]))], None).await;
        assert!(done.is_ok() && asked.len() == 1, "{asked:?}");
        removed(vec![list(json!([listed(5, url.as_str())])), missing(), seen(true)], None).await.0.unwrap();
        let fault = removed(vec![missing(), seen(false)], Some(3)).await.0.unwrap_err();
        assert!(!fault.is_missing() && fault.try_again().is_none(), "{fault}");
        let fault = removed(vec![missing(), missing()], Some(3)).await.0.unwrap_err();
        assert!(fault.is_missing(), "the repository is gone");
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
        let wanted = Webhook { interest: Interest::Pushes, ..wanted() };
        assert_eq!(body(&wanted)["events"], json!(["push"]));
    }
}
