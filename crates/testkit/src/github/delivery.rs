//! Sending deliveries: the signed POST with which a push reaches Kozmic.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::Value;
use url::form_urlencoded;

use super::double::Double;
use super::signature::{sign, sign_sha1};
use super::world::{Delivery, Hook, Repository, World};
use super::{GitHub, random};

/// Event that is to be delivered to all webhooks of a repository that want it.
pub(super) struct Occasion {
    pub(super) repository: String,
    pub(super) event: String,
    pub(super) payload: Value,
}

/// One POST that is about to be sent.
struct Parcel {
    uuid: String,
    repository: String,
    event: String,
    body: Vec<u8>,
    redelivery: bool,
}

impl Parcel {
    fn new(uuid: &str, occasion: &Occasion, hook: &Hook) -> Self {
        let json = occasion.payload.to_string();
        let body = if hook.content_type == "json" { json } else { form(&json) };
        Self {
            uuid: uuid.to_owned(),
            repository: occasion.repository.clone(),
            event: occasion.event.clone(),
            body: body.into_bytes(),
            redelivery: false,
        }
    }
}

/// The body of a webhook that did not ask for JSON.
fn form(json: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", json).finish()
}

impl Double {
    /// Delivers to each webhook that wants the event; the answer comes when all have answered.
    pub(super) async fn deliver(&self, occasion: Occasion) -> Vec<Delivery> {
        let hooks = self.read(|world| {
            let hooks = world.repository(&occasion.repository).map(|one| one.hooks.clone());
            hooks
                .unwrap_or_default()
                .into_iter()
                .filter(|hook| hook.wants(&occasion.event))
                .collect::<Vec<_>>()
        });
        // GitHub gives all deliveries of one event the same id, whichever webhook they go to.
        let uuid = random::uuid();
        join_all(hooks.iter().map(|hook| self.send(hook, Parcel::new(&uuid, &occasion, hook)))).await
    }

    /// Delivers to each webhook that wants the event, while whoever caused it goes on.
    pub(super) fn deliver_beside(self: &Arc<Self>, occasion: Occasion) {
        let wanted = |one: &Repository| one.hooks.iter().any(|hook| hook.wants(&occasion.event));
        if self.read(|world| world.repository(&occasion.repository).is_some_and(wanted)) {
            let double = self.clone();
            self.tasks.spawn(async move { double.deliver(occasion).await });
        }
    }

    /// Delivers to one webhook, whatever it wants: pings go so.
    pub(super) async fn deliver_to(&self, hook: &Hook, occasion: &Occasion) -> Delivery {
        self.send(hook, Parcel::new(&random::uuid(), occasion, hook)).await
    }

    async fn send(&self, hook: &Hook, parcel: Parcel) -> Delivery {
        let (at, time) = (Instant::now(), SystemTime::now() + self.read(|world| world.ahead));
        let answer = self.post(hook, &parcel).await.map_err(|error| format!("{error:#}"));
        let Parcel { uuid, repository, event, body, redelivery } = parcel;
        let took = at.elapsed();
        let (id, hook_id) = (self.change(World::fresh_id), hook.id);
        let delivery =
            Delivery { id, uuid, hook_id, repository, event, body, redelivery, at, time, took, answer };
        self.change(|world| world.note_delivery(&delivery));
        delivery
    }

    /// Sends a delivery again, byte by byte the same.
    pub(super) async fn send_again(&self, hook: &Hook, delivery: &Delivery) -> Delivery {
        let Delivery { uuid, repository, event, body, .. } = delivery.clone();
        self.send(hook, Parcel { uuid, repository, event, body, redelivery: true }).await
    }

    async fn post(&self, hook: &Hook, parcel: &Parcel) -> Result<(u16, String)> {
        let request = self.http.post(&hook.url);
        let response = addressed(request, hook, parcel).send().await?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.context("read the answer")?))
    }
}

/// Adds GitHub's headers and the body.
fn addressed(request: RequestBuilder, hook: &Hook, parcel: &Parcel) -> RequestBuilder {
    let kind =
        if hook.content_type == "json" { "application/json" } else { "application/x-www-form-urlencoded" };
    let request = request
        .header("Accept", "*/*")
        .header("Content-Type", kind)
        .header("User-Agent", "GitHub-Hookshot/760256b")
        .header("X-GitHub-Event", &parcel.event)
        .header("X-GitHub-Delivery", &parcel.uuid)
        .header("X-GitHub-Hook-ID", hook.id)
        .header("X-GitHub-Hook-Installation-Target-Type", "repository");
    let request = match &hook.secret {
        Some(secret) => request
            .header("X-Hub-Signature", sign_sha1(secret, &parcel.body))
            .header("X-Hub-Signature-256", sign(secret, &parcel.body)),
        None => request,
    };
    request.body(parcel.body.clone())
}

impl GitHub {
    /// All deliveries that were answered or given up so far, in that order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.double.read(|world| world.deliveries.clone())
    }

    /// Waits for a delivery, past or to come, of which `is_it` says yes.
    pub async fn wait_for_delivery(
        &self,
        limit: Duration,
        is_it: impl Fn(&Delivery) -> bool,
    ) -> Option<Delivery> {
        self.double.wait_until(limit, |world| world.deliveries.iter().find(|one| is_it(one)).cloned()).await
    }

    /// Sends a delivery again, byte by byte the same.
    pub async fn redeliver(&self, delivery: &Delivery) -> Result<Delivery> {
        let hook = self.hook(&delivery.repository, delivery.hook_id)?;
        Ok(self.double.send_again(&hook, delivery).await)
    }

    /// Forgets all but so many of each webhook's newest deliveries, now and from now on: they can neither be listed nor
    /// sent again.
    pub fn keep_deliveries(&self, count: usize) {
        self.double.change(|world| world.kept_deliveries = count);
    }

    /// Has the clock that deliveries are dated by run ahead, from now on.
    pub fn set_clock_ahead(&self, ahead: Duration) {
        self.double.change(|world| world.ahead = ahead);
    }

    /// Delivers an event and body of the test's own making, rightly signed, to all webhooks.
    pub async fn deliver(&self, repository: &str, event: &str, payload: &Value) -> Result<Vec<Delivery>> {
        let hooks = self.hooks(repository);
        ensure!(!hooks.is_empty(), "{repository} has no webhook");
        let (repository, event, payload) = (repository.to_owned(), event.to_owned(), payload.clone());
        let occasion = Occasion { repository, event, payload };
        let send = hooks.iter().map(|hook| self.double.deliver_to(hook, &occasion));
        Ok(join_all(send).await)
    }

    /// Delivers an event and body of the test's own making, rightly signed, to one webhook, whether or not it
    /// asked for such events.
    pub async fn deliver_event(
        &self,
        repository: &str,
        hook_id: u64,
        event: &str,
        payload: &Value,
    ) -> Result<Delivery> {
        let hook = self.hook(repository, hook_id)?;
        let (repository, event, payload) = (repository.to_owned(), event.to_owned(), payload.clone());
        Ok(self.double.deliver_to(&hook, &Occasion { repository, event, payload }).await)
    }

    fn hook(&self, repository: &str, id: u64) -> Result<Hook> {
        let hook = self.hooks(repository).into_iter().find(|hook| hook.id == id);
        hook.with_context(|| format!("{repository} has no webhook {id}"))
    }
}
