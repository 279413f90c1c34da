//! Speed of claims: several runners empty a queue.

use std::collections::HashSet;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use kozmic_edges::clock;
use kozmic_edges::store::{Lane, Lease, Store};
use kozmic_model::ids::JobId;
use kozmic_model::time::Timestamp;
use kozmic_testkit::bench::figures::Series;
use tokio::task::JoinSet;

use crate::place::Place;
use crate::queue::{self, JOBS};

/// Number of runners that claim at once.
pub(crate) const CLAIMERS: usize = 8;

/// Claims a second at each place.
pub(crate) async fn measure(rounds: usize, places: &[Place]) -> Result<Vec<Series>> {
    let mut all = vec![Series::default(); places.len()];
    for round in 0..rounds {
        for turn in 0..places.len() {
            // None of them is always the last.
            let index = (round + turn) % places.len();
            let url = places[index].fresh().await?;
            let store = queue::fill(&url).await.with_context(|| format!("fill {}", places[index].name))?;
            all[index]
                .add(claim_all(&store).await.with_context(|| format!("claim on {}", places[index].name))?);
            store.close().await;
        }
    }
    Ok(all)
}

/// Empties the queue; gives the claims a second. It counts only if each job went to one runner.
async fn claim_all(store: &Store) -> Result<f64> {
    let mut claimers = JoinSet::new();
    let begun = Instant::now();
    for number in 0..CLAIMERS {
        claimers.spawn(claim(store.clone(), format!("runner-{number}")));
    }
    let claimed = claimers.join_all().await.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let took = begun.elapsed();
    let (times, jobs) = (claimed.len(), claimed.into_iter().collect::<HashSet<_>>().len());
    ensure!((times, jobs) == (JOBS, JOBS), "{jobs} of {JOBS} jobs were claimed, {times} times");
    Ok(JOBS as f64 / took.as_secs_f64())
}

async fn claim(store: Store, runner: String) -> Result<Vec<JobId>> {
    let (mut claimed, lease) = (Vec::new(), Lease { runner: &runner, until: Timestamp(i64::MAX) });
    while let Some(one) = store.queue().claim_job(Lane::Containers, lease, clock::now()).await? {
        claimed.push(one.job.id);
    }
    Ok(claimed)
}
