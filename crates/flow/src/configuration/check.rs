//! Reads and checks one commit of the configuration repository, reports to its job's log, and puts the whole
//! configuration in force.

use super::{is_newest, telling::Telling, webhooks};
use crate::{AutobuildSettings, Flow};
use anyhow::{Context, Result};
use kozmic_edges::{
    broker::Topic,
    clock,
    git::FileLimits,
    store::{ClaimedJob, LoadedConfiguration},
};
use kozmic_model::{
    job::Outcome,
    phase::PhaseKind,
    recipe::{self, Branch, Configuration, Reading},
};
use kozmic_runner::{Runner, order::Order, work::Work};
use std::{collections::BTreeSet, sync::Arc};

/// Limits that protect the memory from a mistake. They are far beyond any real need. One byte more than the largest
/// recipe is read of each file, so that a file that is too large is reported as such.
const LIMITS: FileLimits = FileLimits { files: 10_000, bytes: recipe::LARGEST as u64 + 1, all: 64 << 20 };

/// Reads one commit of the configuration repository.
pub(super) async fn commit(
    flow: &Flow,
    settings: &AutobuildSettings,
    runner: &Runner,
    order: &Arc<Order>,
    claimed: &ClaimedJob,
) -> Result<Outcome> {
    let mut work = Work::take_up(runner, order).await?;
    let what = format!("{} at {}", claimed.project.repository.full_name(), claimed.build.sha.short());
    work.begin(PhaseKind::Check, &what).await?;
    let wanted = kozmic_runner::fetched(&mut work).await?;
    let files = flow.edges.mirrors.files(&wanted, LIMITS).await.context("read the configuration's files")?;
    let reading = recipe::configuration(&files, &settings.defaults);
    let mut telling = Telling::new(flow, work);
    for line in reading.lines() {
        telling.say(&line).await?;
    }
    if !is_newest(flow, &claimed.build, &claimed.project.repository).await {
        telling.say("A newer commit is there: this one is not put in force.").await?;
        telling.end().await?;
        return Ok(verdict(&reading, &[]));
    }
    put_in_force(flow, &mut telling, claimed, &reading.configuration).await?;
    let heard = webhooks::of(flow, settings, &reading.configuration).await;
    let faults = heard.unwrap_or_else(|fault| vec![format!("Webhooks cannot be looked at: {fault:#}.")]);
    for fault in &faults {
        telling.say(fault).await?;
    }
    telling.end().await?.end(&what).await?;
    Ok(verdict(&reading, &faults))
}

/// Puts a configuration in force: from now on pushes are judged by it, and by nothing of the configuration before.
async fn put_in_force(
    flow: &Flow,
    telling: &mut Telling,
    claimed: &ClaimedJob,
    configuration: &Configuration,
) -> Result<()> {
    let store = flow.edges.store.clone();
    let before =
        store.configuration().configuration().await?.map(|loaded| loaded.configuration).unwrap_or_default();
    let tracked = configuration.branches().collect::<BTreeSet<_>>();
    for Branch { repository, branch } in before.branches().filter(|branch| !tracked.contains(branch)) {
        telling.say(&format!("gone  {repository} {branch} is tracked no more")).await?;
    }
    let sha = claimed.build.sha.clone();
    let new = LoadedConfiguration { sha, configuration: configuration.clone() };
    store.configuration().swap_configuration(&new, clock::now()).await?;
    // Pushes that came before the first configuration wait for it.
    flow.edges.broker.ring(Topic::Deliveries);
    Ok(())
}

fn verdict(reading: &Reading, webhooks: &[String]) -> Outcome {
    let without = match webhooks.len() {
        0 => String::new(),
        1 => format!(" {}", webhooks[0]),
        count => format!(" {count} repositories are not heard of."),
    };
    match reading.faults.is_empty() && webhooks.is_empty() {
        true => Outcome::Returned(0),
        false => Outcome::Broken(format!("{}.{without}", reading.summary().trim_end_matches('.'))),
    }
}
