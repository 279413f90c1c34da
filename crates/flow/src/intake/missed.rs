//! Finds deliveries that the forge could not deliver: it tries only once by itself. At the start and every few minutes
//! the forge's list of each webhook's deliveries is read, and what did not arrive is sent again. If a forge has no such
//! list, branches are compared with what was built.

mod book;
mod tips;

use crate::{
    Flow,
    at_forge::{patience, speak},
};
use anyhow::Result;
use kozmic_edges::{
    clock,
    forge::ForgeError,
    store::{Endpoint, Subscription},
};
use kozmic_model::{
    ids::{RepositoryId, UserId},
    project::Repository,
    time::Timestamp,
};
use secrecy::SecretString;
use std::{collections::HashMap, time::Duration};

/// Pause after the start before the first look: the server has to listen when a delivery is sent again.
const SETTLE: Duration = Duration::from_secs(1);

/// Interval between looks at a webhook's list if nothing is missed.
const QUIET: Duration = Duration::from_secs(600);

/// Time for each webhook in that interval, if there are many: the forge allows 5,000 calls an hour.
const SHARE: Duration = Duration::from_secs(8);

/// Pause before a look if a delivery that was sent again has arrived.
const SOON: Duration = Duration::from_secs(3);

/// Pause before another look while something is missed.
const BUSY: Duration = Duration::from_secs(60);

/// Time for each webhook in that pause, if there are many.
const BUSY_SHARE: Duration = Duration::from_secs(2);

/// Pause before another try when the forge does not answer.
const TROUBLE: Duration = Duration::from_secs(15);

/// Pause between two calls: the forge does not like many at once.
const PACE: Duration = Duration::from_millis(150);

/// Pause between two calls that change something: GitHub allows about 80 of them a minute.
const POST_PACE: Duration = Duration::from_millis(800);

/// Interval at which webhooks are listed anew.
const LOOK: Duration = Duration::from_secs(60);

/// Urgency of the next look at a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Something is on its way.
    Soon,
    /// Something is missed, and is to be tried after this time.
    Busy(Duration),
    /// Nothing is missed.
    Quiet,
}

/// Time at which each webhook is due, and time until which the forge wants no calls in a person's name.
#[derive(Default)]
struct Rounds {
    due: HashMap<(Endpoint, RepositoryId), Timestamp>,
    quiet: HashMap<Option<UserId>, Timestamp>,
}

/// Reads the forge's lists of deliveries, one webhook after another.
pub(crate) async fn forever(flow: Flow) {
    let mut rounds = Rounds::default();
    // Only webhooks that existed before the start may have missed something.
    match flow.edges.store.missed().subscriptions().await {
        Ok(subscriptions) => {
            rounds.due.extend(subscriptions.iter().map(|subscription| (key_of(subscription), clock::now())))
        }
        Err(fault) => cannot_list(&fault),
    }
    let mut wait = SETTLE;
    while flow.pause(wait).await {
        match flow.edges.store.missed().subscriptions().await {
            Ok(subscriptions) => rounds.go(&flow, &subscriptions).await,
            Err(fault) => cannot_list(&fault),
        }
        wait = rounds.wait();
    }
}

fn cannot_list(fault: &anyhow::Error) {
    tracing::warn!(error = format!("{fault:#}"), "webhooks cannot be listed");
}

impl Rounds {
    async fn go(&mut self, flow: &Flow, subscriptions: &[Subscription]) {
        self.due.retain(|key, _| subscriptions.iter().any(|subscription| key_of(subscription) == *key));
        // The webhook that waits longest goes first, so that no webhook waits for ever.
        let mut subscriptions = subscriptions
            .iter()
            .map(|subscription| (self.due_of(subscription), subscription))
            .collect::<Vec<_>>();
        subscriptions.sort_by_key(|(due, _)| *due);
        let count = subscriptions.len();
        for (due, subscription) in subscriptions {
            let due = self.quiet.get(&speaker(subscription)).copied().unwrap_or(due).max(due);
            if due > clock::now() {
                self.due.insert(key_of(subscription), due);
                continue;
            }
            let next = self.look(flow, subscription, count).await;
            self.due.insert(key_of(subscription), clock::now().after(next));
            if !flow.pause(PACE).await {
                return;
            }
        }
    }

    /// A new webhook has missed nothing yet. It is looked at soon all the same, to note where its branches stand.
    fn due_of(&mut self, subscription: &Subscription) -> Timestamp {
        *self.due.entry(key_of(subscription)).or_insert_with(|| clock::now().after(SOON))
    }

    async fn look(&mut self, flow: &Flow, subscription: &Subscription, count: usize) -> Duration {
        match book::look(flow, subscription).await {
            Ok(Next::Soon) => SOON,
            Ok(Next::Busy(wait)) => busy(count).max(wait.min(QUIET)),
            Ok(Next::Quiet) => quiet(subscription, count),
            Err(fault) => {
                let error = format!("{fault:#}");
                tracing::warn!(
                    webhook = subscription.webhook.0,
                    error,
                    "missed deliveries cannot be looked for yet"
                );
                let asked = patience::asked_wait(&fault);
                let wait = if asked.is_zero() { TROUBLE } else { asked };
                if is_forges(&fault) {
                    self.quiet.insert(speaker(subscription), clock::now().after(wait));
                }
                wait
            }
        }
    }

    fn wait(&self) -> Duration {
        let now = clock::now();
        let next = self.due.values().map(|due| due.since(now)).min().unwrap_or(LOOK);
        next.clamp(PACE, LOOK)
    }
}

/// True if the fault concerns other webhooks as well.
fn is_forges(fault: &anyhow::Error) -> bool {
    matches!(fault.downcast_ref(), Some(ForgeError::RateLimited { .. } | ForgeError::Unreachable { .. }))
}

/// The person in whose name the forge is asked about a webhook; none: the Auto Builder.
fn speaker(subscription: &Subscription) -> Option<UserId> {
    match subscription.endpoint {
        Endpoint::Hook(_) => Some(subscription.owner),
        Endpoint::AutoBuilder => None,
    }
}

fn key_of(subscription: &Subscription) -> (Endpoint, RepositoryId) {
    (subscription.endpoint, subscription.repository)
}

/// Time until the next look if nothing is missed. It grows with the number of webhooks, and is spread by their ids.
fn quiet(subscription: &Subscription, count: usize) -> Duration {
    let spread = (subscription.webhook.0 ^ subscription.repository.0).rem_euclid(60).unsigned_abs();
    QUIET.max(share(SHARE, count)) + Duration::from_secs(spread)
}

/// Time until the next look if something is missed. It grows with the number of webhooks: all of them may miss
/// something for days, if no delivery comes through.
fn busy(count: usize) -> Duration {
    BUSY.max(share(BUSY_SHARE, count))
}

fn share(each: Duration, count: usize) -> Duration {
    each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Asks the forge about a webhook, with the token of a person who may speak for its project, or the Auto Builder's.
async fn ask<T, F>(
    flow: &Flow,
    subscription: &Subscription,
    ask: impl Fn(SecretString, Repository) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T, ForgeError>>,
{
    match subscription.endpoint {
        Endpoint::Hook(_) => speak::for_project(&flow.edges, subscription.project, ask).await,
        Endpoint::AutoBuilder => speak::as_auto_builder(&flow.edges, subscription.project, ask).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_model::ids::{HookId, ProjectId, WebhookId};

    #[test]
    fn many_webhooks_are_looked_at_more_seldom_each() {
        let subscription = Subscription {
            endpoint: Endpoint::Hook(HookId(1)),
            repository: RepositoryId(1),
            project: ProjectId(1),
            owner: UserId(1),
            webhook: WebhookId(1),
        };
        assert_eq!(quiet(&subscription, 1), QUIET);
        assert_eq!(quiet(&subscription, 1_000), Duration::from_secs(8_000));
        assert!(quiet(&Subscription { webhook: WebhookId(9), ..subscription }, 1) > QUIET);
        assert_eq!(busy(1), BUSY);
        for count in [200, 5_000] {
            let an_hour = 3_600 * u64::try_from(count).unwrap();
            let calls = an_hour / busy(count).as_secs() + 2 * an_hour / quiet(&subscription, count).as_secs();
            assert!(calls < 3_000, "{calls} calls an hour leave room for commit statuses");
        }
    }
}
