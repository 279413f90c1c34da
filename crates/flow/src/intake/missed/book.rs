//! Reads the forge's list of one webhook's deliveries. What did not arrive is sent again, in the order in which it
//! happened.

use super::{Next, POST_PACE, ask, tips};
use crate::{
    Flow,
    at_forge::{self, patience},
};
use anyhow::Result;
use kozmic_edges::{
    broker::Topic,
    clock,
    forge::{ForgeError, Sent, SentDelivery, SentOutcome},
    store::{Hearing, Subscription},
};
use kozmic_model::{
    missed::{Missed, REFUSED, TRIES, due, until_next},
    time::Timestamp,
};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// Part of the past before the newest known delivery that is read again: a delivery that takes long is listed after
/// others that were sent later.
const OVERLAP: Duration = Duration::from_secs(600);

/// The most deliveries that are sent again in one look. Then the other webhooks get their turn.
const AT_ONCE: usize = 50;

const OFF: &str = "The webhook is switched off at the forge: nobody hears of pushes.";

/// Reads the list of a webhook's deliveries.
pub(super) async fn look(flow: &Flow, subscription: &Subscription) -> Result<Next> {
    let store = &flow.edges.store;
    let known = store.missed().hearing(subscription).await?;
    let oldest =
        store.missed().outstanding(subscription).await?.into_iter().map(|missed| missed.missed_at).min();
    let asked_at = clock::now();
    let seen_at = known.as_ref().map_or(Timestamp(0), |known| Timestamp(known.seen_at));
    let since = seen_at.before(OVERLAP).min(oldest.unwrap_or(seen_at));
    let (forge, webhook) = (flow.edges.forge.as_ref(), subscription.webhook);
    let sent = ask(flow, subscription, |token, repository| async move {
        forge.sent(&token, &repository, webhook, since).await
    });
    let fault = match sent.await {
        Ok(Sent::Listed(list)) => return listed(flow, subscription, known, &list, asked_at).await,
        Ok(Sent::NotListed) => return tips::compare(flow, subscription, known).await,
        Ok(Sent::SwitchedOff) => OFF.to_owned(),
        Ok(Sent::Gone) => "The webhook is not at the forge any more: nobody hears of pushes.".to_owned(),
        Err(fault) if is_forbidden(&fault) => return tips::compare(flow, subscription, known).await,
        Err(fault) if patience::may_pass(&fault) => return Err(fault),
        Err(fault) => format!("Missed deliveries cannot be looked for: {fault:#}."),
    };
    store
        .missed()
        .note_hearing(subscription, &Hearing { fault: Some(fault), ..known.unwrap_or_default() })
        .await?;
    Ok(Next::Quiet)
}

/// True if there is a list of deliveries, and nobody may read it whose token Kozmic has.
fn is_forbidden(fault: &anyhow::Error) -> bool {
    fault.downcast_ref().is_some_and(|fault: &ForgeError| fault.is_forbidden() || fault.is_missing())
}

async fn listed(
    flow: &Flow,
    subscription: &Subscription,
    known: Option<Hearing>,
    list: &[SentDelivery],
    asked_at: Timestamp,
) -> Result<Next> {
    let store = &flow.edges.store;
    let interest = at_forge::interest(subscription.endpoint);
    let missing = missing(list, |event| flow.edges.forge.is_of_use(event, interest));
    let uuids = missing.iter().map(|(uuid, ..)| uuid.clone());
    let waiting = store.missed().outstanding(subscription).await?;
    let uuids = uuids.chain(waiting.iter().map(|missed| missed.uuid.clone())).collect::<Vec<_>>();
    let there = store.missed().arrived(subscription.endpoint, &uuids).await?;
    let news = missing.into_iter().filter(|(uuid, ..)| !there.contains(uuid)).collect::<Vec<_>>();
    store.missed().note_missed(subscription, &news).await?;
    let good = waiting.into_iter().map(|missed| missed.uuid).filter(|uuid| there.contains(uuid));
    let good = good.collect::<Vec<_>>();
    if !good.is_empty() {
        store.missed().make_good(subscription.endpoint, &good, clock::now()).await?;
        tracing::info!(
            project.id = subscription.project.0,
            count = good.len(),
            "missed deliveries were made good"
        );
        flow.edges.broker.ring(Topic::Project(subscription.project));
    }
    let newest = list.iter().map(|line| line.at.0).max().unwrap_or_default();
    let known = known.unwrap_or_default();
    let is_silent = newest <= known.seen_at;
    let fault = if is_silent && !is_on(flow, subscription).await? { Some(OFF.to_owned()) } else { None };
    let hearing = Hearing { seen_at: seen_up_to(newest, known.seen_at, asked_at), fault, ..known };
    store.missed().note_hearing(subscription, &hearing).await?;
    let is_open = !good.is_empty() || list.first().is_some_and(|line| line.outcome == SentOutcome::Arrived);
    send_again(flow, subscription, list, is_open).await
}

/// Time up to which a list was read, at most the time of the question. The forge's clock may be ahead and be corrected
/// later: deliveries that are listed until then would otherwise count as seen.
fn seen_up_to(newest: i64, before: i64, asked_at: Timestamp) -> i64 {
    newest.max(before).min(asked_at.0)
}

/// True if the webhook is switched on at the forge. Silence alone does not tell: perhaps nothing happened.
async fn is_on(flow: &Flow, subscription: &Subscription) -> Result<bool> {
    let (forge, webhook) = (flow.edges.forge.as_ref(), subscription.webhook);
    ask(flow, subscription, |token, repository| async move {
        forge.is_webhook_on(&token, &repository, webhook).await
    })
    .await
}

/// Makes the forge send again what is due, the oldest first.
async fn send_again(
    flow: &Flow,
    subscription: &Subscription,
    list: &[SentDelivery],
    is_open: bool,
) -> Result<Next> {
    let outstanding = flow.edges.store.missed().outstanding(subscription).await?;
    let due = due(&outstanding, is_open, clock::now());
    let mut lines = HashMap::new();
    for line in list.iter().rev() {
        lines.insert(line.uuid.as_str(), line);
    }
    for missed in due.iter().take(AT_ONCE) {
        one(flow, subscription, missed, lines.get(missed.uuid.as_str()).copied()).await?;
        if !flow.pause(POST_PACE).await {
            break;
        }
    }
    Ok(match (due.is_empty(), outstanding.is_empty()) {
        (false, _) => Next::Soon,
        (true, false) => Next::Busy(until_next(&outstanding, clock::now())),
        (true, true) => Next::Quiet,
    })
}

/// Makes the forge send one delivery again. The try is noted first: if a delivery ends the process each time that it
/// arrives, that must end after a few tries.
async fn one(
    flow: &Flow,
    subscription: &Subscription,
    missed: &Missed,
    line: Option<&SentDelivery>,
) -> Result<()> {
    let Some(line) = line else {
        tracing::warn!(delivery.uuid = missed.uuid, "a missed delivery is not kept by the forge any more");
        return note(flow, subscription, missed, TRIES).await;
    };
    let cost = if line.outcome == SentOutcome::Refused { REFUSED } else { 1 };
    note(flow, subscription, missed, cost).await?;
    let (forge, webhook, delivery) = (flow.edges.forge.as_ref(), subscription.webhook, line.id);
    let sent = ask(flow, subscription, |token, repository| async move {
        forge.send_again(&token, &repository, webhook, delivery).await
    });
    match sent.await {
        Ok(()) => {
            let event = line.event.as_str();
            tracing::info!(delivery.uuid = missed.uuid, event, "a missed delivery is sent again");
            Ok(())
        }
        Err(fault) if patience::is_refusal(&fault) => {
            let error = format!("{fault:#}");
            tracing::warn!(delivery.uuid = missed.uuid, error, "a missed delivery is not sent again");
            note(flow, subscription, missed, REFUSED).await
        }
        Err(fault) => Err(fault),
    }
}

async fn note(flow: &Flow, subscription: &Subscription, missed: &Missed, cost: i32) -> Result<()> {
    flow.edges.store.missed().note_asked(subscription.endpoint, &missed.uuid, cost, clock::now()).await
}

/// The deliveries of a list that never arrived, as far as their events are of use. Each has its id, its event, and the
/// time when it was sent first.
fn missing(list: &[SentDelivery], is_of_use: impl Fn(&str) -> bool) -> Vec<(String, String, Timestamp)> {
    let arrived = list.iter().filter(|line| line.outcome == SentOutcome::Arrived);
    let arrived = arrived.map(|line| line.uuid.as_str()).collect::<HashSet<_>>();
    let mut seen = HashSet::new();
    let oldest_first = list.iter().rev();
    let missing = oldest_first.filter(|line| {
        is_of_use(&line.event) && !arrived.contains(line.uuid.as_str()) && seen.insert(&line.uuid)
    });
    missing.map(|line| (line.uuid.clone(), line.event.clone(), line.at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: i64, uuid: &str, event: &str, outcome: SentOutcome) -> SentDelivery {
        SentDelivery { id, uuid: uuid.to_owned(), event: event.to_owned(), at: Timestamp(id), outcome }
    }

    #[test]
    fn what_never_arrived_is_missing_once_and_the_oldest_first() {
        let list = [
            line(7, "c", "of use", SentOutcome::Failed),
            line(6, "a", "of use", SentOutcome::Arrived),
            line(5, "b", "too", SentOutcome::Refused),
            line(4, "c", "of use", SentOutcome::Failed),
            line(3, "d", "other", SentOutcome::Failed),
            line(1, "a", "of use", SentOutcome::Failed),
        ];
        let found = missing(&list, |event| ["of use", "too"].contains(&event));
        let found = found.iter().map(|(uuid, _, at)| (uuid.as_str(), at.0)).collect::<Vec<_>>();
        assert_eq!(found, [("c", 4), ("b", 5)]);
    }

    #[test]
    fn a_clock_that_was_ahead_hides_nothing() {
        let hour = 3_600_000;
        let now = Timestamp(100 * hour);
        let newest = |at: i64| seen_up_to(at, 50 * hour, now);
        assert_eq!(newest(99 * hour), 99 * hour, "the forge's clock is behind, or nothing happened");
        assert_eq!(newest(105 * hour), 100 * hour, "what it sends at 101 o'clock, put right, is looked at");
        assert_eq!(newest(10 * hour), 50 * hour);
        assert_eq!(seen_up_to(0, 105 * hour, now), 100 * hour, "it was noted so by an earlier version");
    }
}
