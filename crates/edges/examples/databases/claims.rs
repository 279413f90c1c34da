//! Speed of claims: several runners empty a queue.

use std::collections::HashSet;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use kozmic_edges::clock;
use kozmic_edges::store::{Among, Lane, Lease, Store};
use kozmic_model::ids::JobId;
use kozmic_model::runner::ClaimKey;
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
        claimers.spawn(claim(store.clone(), number as u64));
    }
    let claimed = claimers.join_all().await.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let took = begun.elapsed();
    let (times, jobs) = (claimed.len(), claimed.into_iter().collect::<HashSet<_>>().len());
    ensure!((times, jobs) == (JOBS, JOBS), "{jobs} of {JOBS} jobs were claimed, {times} times");
    Ok(JOBS as f64 / took.as_secs_f64())
}

async fn claim(store: Store, number: u64) -> Result<Vec<JobId>> {
    let runner = format!("runner-{number}");
    let mut claimed = Vec::new();
    for count in 0_u64.. {
        let [high, low] = [number, count].map(u64::to_be_bytes);
        let key = ClaimKey::of([high, low].concat().try_into().expect("they have 16 bytes"));
        let lease = Lease { runner: &runner, until: Timestamp(i64::MAX), key: Some(&key) };
        match store.queue().claim_job(Lane::Containers, lease, Among::All, clock::now()).await? {
            Some(one) => claimed.push(one.job.id),
            None => break,
        }
    }
    Ok(claimed)
}
