//! GitHub's own list of a webhook's deliveries: the outcome of each, and a second sending. GitHub keeps a delivery for
//! some days.

use super::{Client, ForgeError, repositories};
use crate::forge::{Sent, SentDelivery, SentOutcome};
use chrono::DateTime;
use kozmic_model::{ids::WebhookId, project::Repository, time::Timestamp};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use url::Url;

/// The most pages of the list that are read: 3,000 deliveries.
const PAGES: usize = 30;

/// The longest id and event name that are believed, in bytes.
const LONGEST_NAME: usize = 100;

#[derive(Deserialize)]
struct DeliveryAnswer {
    id: i64,
    guid: String,
    delivered_at: String,
    status_code: Option<i64>,
    event: String,
}

#[derive(Deserialize)]
struct WebhookAnswer {
    active: bool,
}

/// The list of one webhook, by the token of one person.
pub(super) struct Book<'a> {
    pub(super) client: &'a Client,
    pub(super) token: &'a SecretString,
    pub(super) repository: &'a Repository,
    pub(super) webhook: WebhookId,
}

impl Book<'_> {
    /// The deliveries since a time, the newest first.
    pub(super) async fn since(&self, since: Timestamp) -> Result<Sent, ForgeError> {
        let mut url = self.path(&["deliveries"])?;
        url.query_pairs_mut().append_pair("per_page", "100");
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let (page, next) = match self.client.page::<DeliveryAnswer>(url, self.token).await {
                Err(fault @ ForgeError::Refused { status: 403 | 404, .. }) => {
                    return self.unlisted(fault).await;
                }
                page => page?,
            };
            let listed = page.into_iter().filter_map(SentDelivery::read).collect::<Vec<_>>();
            let is_last = listed.last().is_none_or(|last| last.at < since);
            found.extend(listed.into_iter().filter(|delivery| delivery.at >= since));
            match next.filter(|_| !is_last) {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(Sent::Listed(found))
    }

    /// True if the webhook is switched on.
    pub(super) async fn is_on(&self) -> Result<bool, ForgeError> {
        Ok(self.client.get::<WebhookAnswer>(self.path(&[])?, self.token).await?.active)
    }

    /// Asks GitHub to send a delivery again, which happens soon after.
    pub(super) async fn send_again(&self, delivery: i64) -> Result<(), ForgeError> {
        let path = self.path(&["deliveries", &delivery.to_string(), "attempts"])?;
        self.client.post(path, self.token, &json!({})).await.map(drop)
    }

    /// The reason why there is no list. An old Enterprise server keeps none, or the person may not administer the
    /// repository, or there is no such webhook.
    async fn unlisted(&self, refusal: ForgeError) -> Result<Sent, ForgeError> {
        match self.is_on().await {
            Ok(true) => Ok(Sent::NotListed),
            Ok(false) => Ok(Sent::SwitchedOff),
            Err(fault) if fault.is_missing() => {
                match repositories::gone(self.client, self.token, self.repository).await {
                    Ok(()) => Ok(Sent::Gone),
                    Err(_) => Err(refusal),
                }
            }
            Err(fault) => Err(fault),
        }
    }

    fn path(&self, rest: &[&str]) -> Result<Url, ForgeError> {
        let id = self.webhook.to_string();
        self.client.repository_path(self.repository, &[&["hooks", id.as_str()], rest].concat())
    }
}

impl SentDelivery {
    /// Reads a line of the list. None if it has nothing of use.
    fn read(answer: DeliveryAnswer) -> Option<Self> {
        let DeliveryAnswer { id, guid, delivered_at, status_code, event } = answer;
        let is_short = |text: &str| (1..=LONGEST_NAME).contains(&text.len());
        let at = Timestamp(DateTime::parse_from_rfc3339(&delivered_at).ok()?.timestamp_millis());
        let outcome = match status_code {
            Some(200..=299) => SentOutcome::Arrived,
            // A proxy answers 408 and 429, not Kozmic: the delivery failed on its way.
            Some(408 | 429) => SentOutcome::Failed,
            Some(400..=499) => SentOutcome::Refused,
            _ => SentOutcome::Failed,
        };
        (is_short(&guid) && is_short(&event)).then_some(Self { id, uuid: guid, event, at, outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::github::tests::loopback::{Loopback, repository};
    use serde_json::Value;

    fn delivery(id: i64, minute: i64, code: i64) -> Value {
        json!({ "id": id, "guid": format!("guid-{id}"), "delivered_at": format!("2026-01-01T00:{minute:02}:00.000Z"),
            "redelivery": false, "duration": 0.1, "status": "OK", "status_code": code, "event": "push",
            "action": null, "repository_id": 1 })
    }

    fn minute(minute: i64) -> Timestamp {
        Timestamp(1_767_225_600_000 + minute * 60_000)
    }

    async fn since(loopback: &Loopback, since: Timestamp) -> Result<Sent, ForgeError> {
        let (client, token, repository) = (loopback.client(), "t0ken".into(), repository());
        let (client, token, repository, webhook) = (&client, &token, &repository, WebhookId(3));
        Book { client, token, repository, webhook }.since(since).await
    }

    #[tokio::test]
    async fn the_book_is_read_back_to_a_time_and_no_further() {
        let loopback = Loopback::start(|origin| {
            let link = |n: i64| format!("200 OK\r\nlink: <{origin}/api/x?cursor={n}>; rel=\"next\"\r\n");
            let first = json!([delivery(9, 9, 200), delivery(8, 8, 502), delivery(7, 7, 422)]);
            let second = json!([delivery(6, 6, 504), delivery(5, 3, 200)]);
            vec![(link(1), first.to_string()), (link(2), second.to_string())]
        });
        let loopback = loopback.await;
        let Sent::Listed(found) = since(&loopback, minute(5)).await.unwrap() else { panic!("a list") };
        let came = found.iter().map(|one| (one.id, one.outcome)).collect::<Vec<_>>();
        let (arrived, failed, refused) = (SentOutcome::Arrived, SentOutcome::Failed, SentOutcome::Refused);
        assert_eq!(came, [(9, arrived), (8, failed), (7, refused), (6, failed)]);
        assert_eq!((found[0].at, found[0].uuid.as_str()), (minute(9), "guid-9"));
        let hook = "GET /api/repositories/1/hooks/3/deliveries?per_page=100";
        assert_eq!(loopback.asked(), [hook, "GET /api/x?cursor=1"]);
    }

    #[tokio::test]
    async fn where_there_is_no_list_it_is_said_why() {
        let missing = || (404, "{}".to_owned());
        let hook = |active: bool| (200, json!({ "id": 3, "active": active }).to_string());
        let seen = |admin: bool| {
            let shape = json!({ "id": 1, "name": "app", "owner": { "login": "anna" }, "private": false,
                "html_url": "h", "clone_url": "c", "permissions": { "admin": admin } });
            (200, shape.to_string())
        };
        let ask = |answers: Vec<(u16, String)>| async move {
            since(&Loopback::answering(answers).await, Timestamp(0)).await
        };
        assert!(matches!(ask(vec![missing(), hook(true)]).await.unwrap(), Sent::NotListed));
        assert!(matches!(ask(vec![missing(), hook(false)]).await.unwrap(), Sent::SwitchedOff));
        assert!(matches!(ask(vec![missing(), missing(), seen(true)]).await.unwrap(), Sent::Gone));
        assert!(ask(vec![missing(), missing(), seen(false)]).await.unwrap_err().is_missing());
        let limited = json!({ "message": "You have exceeded a secondary rate limit." }).to_string();
        let fault = ask(vec![(403, limited)]).await.unwrap_err();
        assert!(matches!(fault, ForgeError::RateLimited { .. }), "{fault}");
        let odd = json!([{ "id": 1, "guid": "x".repeat(200), "delivered_at": "now", "event": "push" }]);
        assert!(
            matches!(ask(vec![(200, odd.to_string())]).await.unwrap(), Sent::Listed(found) if found.is_empty())
        );
    }
}
