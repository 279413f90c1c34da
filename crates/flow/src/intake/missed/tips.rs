//! For a forge that lists no deliveries: compares branches and open pull requests with their places at the last look,
//! and with the deliveries that came. A move without a delivery is reported in the form that its delivery would have
//! had.

use super::{Next, PACE, ask};
use crate::{Flow, at_forge::patience, intake::receive};
use anyhow::Result;
use kozmic_edges::{
    broker::Topic,
    clock,
    forge::{MovedRef, ReplacementDelivery, Tip},
    store::{Endpoint, Hearing, NewDelivery, Subscription},
};
use kozmic_model::{
    git::{GitRef, Sha},
    time::Timestamp,
};
use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

/// Largest number of refs that the forge is asked about in one look.
const MOST: usize = 50;

/// Commits tell their time in whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// Marks a ref that no look has come to yet. The time follows since which a move may have been missed.
const UNSEEN: char = '?';

/// Compares, and reports moves without a delivery.
pub(super) async fn compare(
    flow: &Flow,
    subscription: &Subscription,
    known: Option<Hearing>,
) -> Result<Next> {
    let store = &flow.edges.store;
    let known = known.unwrap_or_default();
    let forge = flow.edges.forge.as_ref();
    let tips =
        ask(flow, subscription, |token, repository| async move { forge.tips(&token, &repository).await });
    let mut tips = match tips.await {
        Ok(tips) => tips,
        Err(fault) if patience::may_pass(&fault) => {
            return Err(fault);
        }
        Err(fault) => {
            let fault = Some(format!("Missed deliveries cannot be looked for: {fault:#}."));
            store.missed().note_hearing(subscription, &Hearing { fault, ..known }).await?;
            return Ok(Next::Quiet);
        }
    };
    note_told(flow, subscription).await?;
    tips.retain(|tip| {
        subscription.endpoint != Endpoint::AutoBuilder || matches!(tip.git_ref, GitRef::Branch(_))
    });
    let mut look = Look { flow, subscription, stood: known.tips, left: MOST };
    if look.stood.is_empty() {
        let unseen = format!("{UNSEEN}{}", store.missed().heard_at(subscription).await?.0);
        look.stood = tips.iter().map(|tip| (tip.git_ref.to_string(), unseen.clone())).collect();
    }
    let looked = look.all(&tips).await;
    // A move is never reported twice, even if something fails here.
    let next = if look.left == 0 { Next::Soon } else { Next::Quiet };
    store.missed().note_hearing(subscription, &Hearing { tips: look.stood, fault: None, ..known }).await?;
    looked.map(|()| next)
}

/// Notes reported moves as made good. The process may have ended between the report and this note.
async fn note_told(flow: &Flow, subscription: &Subscription) -> Result<()> {
    let store = &flow.edges.store;
    let waiting = store
        .missed()
        .outstanding(subscription)
        .await?
        .into_iter()
        .map(|missed| missed.uuid)
        .collect::<Vec<_>>();
    let told = store.missed().arrived(subscription.endpoint, &waiting).await?.into_iter().collect::<Vec<_>>();
    store.missed().make_good(subscription.endpoint, &told, clock::now()).await
}

/// One look at a repository's refs.
struct Look<'a> {
    flow: &'a Flow,
    subscription: &'a Subscription,
    /// The commit of each ref at the last look.
    stood: BTreeMap<String, String>,
    /// Number of questions that the forge may still be asked.
    left: usize,
}

impl Look<'_> {
    async fn all(&mut self, tips: &[Tip]) -> Result<()> {
        for tip in tips {
            self.at(tip).await?;
        }
        let there = tips.iter().map(|tip| tip.git_ref.to_string()).collect::<HashSet<_>>();
        let gone = self.stood.keys().filter(|name| !there.contains(*name)).cloned().collect::<Vec<_>>();
        for name in gone {
            self.gone(&name).await?;
        }
        Ok(())
    }

    async fn at(&mut self, Tip { git_ref, sha }: &Tip) -> Result<()> {
        let name = git_ref.to_string();
        let stood = self.stood.get(&name).cloned();
        let heard = self.flow.edges.store.missed().heard_last(self.subscription.project, git_ref).await?;
        // The commit of the last look may be older than that of the last delivery: a look can end before it is noted.
        let known = heard.as_ref().or(stood.as_ref());
        if known.is_none_or(|known| known != sha.as_str()) {
            let before = known.and_then(|known| known.parse().ok());
            let moved = MovedRef { git_ref, before: before.as_ref(), after: Some(sha) };
            let uuid = self.uuid(moved).await?;
            if !self.is_told(&uuid).await? {
                let Some(replacement) = self.ask(moved).await? else { return Ok(()) };
                // A ref of which no delivery ever came may have stood there for years.
                let since = stood.as_deref().filter(|_| heard.is_none()).and_then(unseen_since);
                if since.is_none_or(|since| replacement.at.is_some_and(|at| at.after(SECOND) > since)) {
                    self.tell(git_ref, uuid, replacement).await?;
                }
            }
        }
        self.stood.insert(name, sha.to_string());
        Ok(())
    }

    /// Reports a ref that stood somewhere and is not listed any more.
    async fn gone(&mut self, name: &str) -> Result<()> {
        let (Some(stood), Ok(git_ref)) = (self.stood.get(name), name.parse::<GitRef>()) else {
            return Ok(());
        };
        if let Ok(before) = stood.parse::<Sha>() {
            let heard =
                self.flow.edges.store.missed().heard_last(self.subscription.project, &git_ref).await?;
            let moved = MovedRef { git_ref: &git_ref, before: Some(&before), after: None };
            let uuid = self.uuid(moved).await?;
            if heard.as_deref() != Some(before.nowhere().as_str()) && !self.is_told(&uuid).await? {
                let Some(replacement) = self.ask(moved).await? else { return Ok(()) };
                self.tell(&git_ref, uuid, replacement).await?;
            }
        }
        self.stood.remove(name);
        Ok(())
    }

    /// The payload that a delivery would have had. None if the ref stands elsewhere by now, or if no question is left:
    /// then the next look goes on here.
    async fn ask(&mut self, moved: MovedRef<'_>) -> Result<Option<ReplacementDelivery>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.flow.pause(PACE).await;
        let forge = self.flow.edges.forge.as_ref();
        ask(self.flow, self.subscription, |token, repository| async move {
            forge.replacement(&token, &repository, moved).await
        })
        .await
    }

    /// The id of a move's delivery. It contains the ref's last move, because a ref may make the same move again later.
    async fn uuid(&self, MovedRef { git_ref, before, after }: MovedRef<'_>) -> Result<String> {
        let word = |sha: Option<&Sha>| sha.map_or("", Sha::as_str).to_owned();
        let last = self
            .flow
            .edges
            .store
            .queue()
            .last_move(self.subscription.project, git_ref)
            .await?
            .unwrap_or_default();
        Ok(format!("compared:{git_ref}:{}:{}:{last}", word(before), word(after)))
    }

    /// True if that move was reported already, even if nothing came of it.
    async fn is_told(&self, uuid: &str) -> Result<bool> {
        let told =
            self.flow.edges.store.missed().arrived(self.subscription.endpoint, &[uuid.to_owned()]).await?;
        Ok(!told.is_empty())
    }

    async fn tell(&self, git_ref: &GitRef, uuid: String, replacement: ReplacementDelivery) -> Result<()> {
        let Self { flow, subscription, .. } = self;
        let (store, now) = (&flow.edges.store, clock::now());
        let ReplacementDelivery { event, payload, .. } = replacement;
        store.missed().note_missed(subscription, &[(uuid.clone(), event.clone(), now)]).await?;
        let delivery = NewDelivery { endpoint: subscription.endpoint, uuid: uuid.clone(), event, payload };
        receive::delivery(&flow.edges, delivery).await?;
        store.missed().make_good(subscription.endpoint, &[uuid], now).await?;
        tracing::info!(project.id = subscription.project.0, %git_ref, "a move that nobody heard of is made good");
        flow.edges.broker.ring(Topic::Project(subscription.project));
        Ok(())
    }
}

fn unseen_since(place: &str) -> Option<Timestamp> {
    place.strip_prefix(UNSEEN).and_then(|time| time.parse().ok()).map(Timestamp)
}
