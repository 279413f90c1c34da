//! A look at the store and the logs: the jobs that run, and those that ended last.

use super::{card::Card, sight::Sight, tails::Tails};
use crate::app::App;
use anyhow::Result;
use kozmic_edges::store::{HistoryMark, Monitored};
use kozmic_model::artifact::Artifact;

/// Number of history rows that are read together for a viewer who may not see everything.
const PAGE: u64 = 200;

/// The most pages of rows that are read: many private jobs of others must not make the search endless.
const PAGES: usize = 10;

/// The jobs that wait and run, in the order in which they were planned.
pub(super) async fn running(app: &App, tails: &mut Tails) -> Result<Vec<Card>> {
    // A running job has published nothing yet: an earlier attempt's artifacts are not shown.
    cards(app, tails, &app.edges.store.builds().monitored().await?, &[]).await
}

/// The jobs that ended last, the newest first, up to this limit.
pub(super) async fn ended(app: &App, tails: &mut Tails, limit: u64) -> Result<Vec<Card>> {
    of_history(app, tails, &app.edges.store.builds().monitored_history(None, limit).await?).await
}

/// The jobs that ended last among those that this viewer may see, the newest first, up to this limit.
pub(super) async fn ended_for(app: &App, sight: &Sight, limit: usize) -> Result<Vec<Card>> {
    let page_size = if *sight == Sight::Everything { limit as u64 } else { PAGE };
    let (mut found, mut mark) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = app.edges.store.builds().monitored_history(mark, page_size).await?;
        mark = page.last().and_then(mark_of);
        found.extend(page.into_iter().filter(|seen| sight.includes(&seen.project)));
        if found.len() >= limit || mark.is_none() {
            break;
        }
    }
    found.truncate(limit);
    of_history(app, &mut Tails::default(), &found).await
}

/// Cards of ended jobs, with the artifacts that they published.
pub(super) async fn of_history(app: &App, tails: &mut Tails, jobs: &[Monitored]) -> Result<Vec<Card>> {
    let ids = jobs.iter().map(|seen| seen.job.id).collect::<Vec<_>>();
    let artifacts = app.edges.store.artifacts().artifacts_of_jobs(&ids).await?;
    cards(app, tails, jobs, &artifacts).await
}

/// The place of a job in the history.
pub(super) fn mark_of(seen: &Monitored) -> Option<HistoryMark> {
    seen.job.finished_at.map(|finished_at| HistoryMark { finished_at, job: seen.job.id })
}

async fn cards(
    app: &App,
    tails: &mut Tails,
    jobs: &[Monitored],
    artifacts: &[Artifact],
) -> Result<Vec<Card>> {
    let mut cards = Vec::with_capacity(jobs.len());
    for seen in jobs {
        let tail = tails.of(&app.edges.logs, seen.job.shown_attempt()).await?;
        let made =
            artifacts.iter().filter(|artifact| artifact.job == seen.job.id).cloned().collect::<Vec<_>>();
        cards.push(Card::of(seen, &made, tail, &app.face));
    }
    Ok(cards)
}
