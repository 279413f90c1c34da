//! For a forge that lists no deliveries: compares branches and open pull requests with where they stood the last time,
//! and with what was built. A move that nobody heard of is told in the words that a delivery would have had.

use super::{Next, PACE, ask};
use crate::{Flow, receive};
use anyhow::Result;
use kozmic_edges::{
    broker::Topic,
    clock,
    forge::{ForgeError, Tip},
    store::{Door, Ear, Hearing, NewDelivery},
};
use kozmic_model::git::{GitRef, Sha};
use std::collections::BTreeMap;

/// Largest number of moves that are told at a time.
const MOST: usize = 50;

/// Compares, and tells what moved unheard.
pub(super) async fn compare(flow: &Flow, ear: &Ear, known: Option<Hearing>) -> Result<Next> {
    let store = &flow.edges.store;
    let mut known = known.unwrap_or_default();
    let forge = flow.edges.forge.as_ref();
    let tips = ask(flow, ear, |token, repository| async move { forge.tips(&token, &repository).await });
    let tips = match tips.await {
        Ok(tips) => tips,
        Err(fault) if fault.downcast_ref().and_then(ForgeError::try_again).is_some() => {
            return Err(fault);
        }
        Err(fault) => {
            let fault = Some(format!("Missed deliveries cannot be looked for: {fault:#}."));
            store.note_hearing(ear, &Hearing { fault, ..known }).await?;
            return Ok(Next::Quiet);
        }
    };
    let (mut stood, mut told) = (BTreeMap::new(), 0);
    for tip in tips {
        let name = tip.git_ref.to_string();
        let before = known.tips.get(&name).cloned();
        if told == MOST && before.as_deref() != Some(tip.sha.as_str()) {
            // The next look tells it.
            stood.extend(before.map(|before| (name, before)));
            continue;
        }
        if is_unheard(flow, ear, (&tip, &known)).await? {
            told += usize::from(tell(flow, ear, &tip, before.and_then(|sha| sha.parse().ok())).await?);
        }
        stood.insert(name, tip.sha.to_string());
    }
    known.tips = stood;
    store.note_hearing(ear, &Hearing { fault: None, ..known }).await?;
    Ok(if told == MOST { Next::Soon } else { Next::Quiet })
}

/// Whether a tip was built by nobody and moved since the last look. At the first one only refs that were built before
/// count: others may stand there for years.
async fn is_unheard(flow: &Flow, ear: &Ear, (tip, known): (&Tip, &Hearing)) -> Result<bool> {
    if ear.door == Door::AutoBuilder && !matches!(tip.git_ref, GitRef::Branch(_)) {
        return Ok(false);
    }
    let built = flow.edges.store.built_last(ear.project, &tip.git_ref).await?;
    let stood = known.tips.get(&tip.git_ref.to_string());
    let moved = match stood {
        Some(stood) => stood != tip.sha.as_str(),
        None => !known.tips.is_empty() || built.is_some(),
    };
    Ok(moved && built.as_deref() != Some(tip.sha.as_str()))
}

/// Tells of a tip as the forge would have; false if it stands elsewhere by now.
async fn tell(flow: &Flow, ear: &Ear, tip: &Tip, before: Option<Sha>) -> Result<bool> {
    let (forge, before) = (flow.edges.forge.as_ref(), before.as_ref());
    let telling =
        ask(
            flow,
            ear,
            |token, repository| async move { forge.telling(&token, &repository, (tip, before)).await },
        );
    let Some(telling) = telling.await? else { return Ok(false) };
    let from = before.map_or("", Sha::as_str);
    let (store, now) = (&flow.edges.store, clock::now());
    // A ref may go the same way once more.
    let last = store.last_move(ear.project, &tip.git_ref).await?.unwrap_or_default();
    let uuid = format!("compared:{}:{from}:{}:{last}", tip.git_ref, tip.sha);
    store.note_missed(ear, &[(uuid.clone(), telling.event.clone(), now)]).await?;
    let (event, payload) = (telling.event, telling.payload);
    receive::delivery(&flow.edges, NewDelivery { door: ear.door, uuid: uuid.clone(), event, payload })
        .await?;
    store.make_good(ear.door, &[uuid], now).await?;
    tracing::info!(project.id = ear.project.0, git_ref = %tip.git_ref, "a push that nobody heard of is made good");
    flow.edges.broker.ring(Topic::Project(ear.project));
    flow.pause(PACE).await;
    Ok(true)
}
