//! The monitor: the present and the last jobs of the Auto Builder, for people who wait for an artifact. It only looks,
//! and takes no part in the way of a push.
//!
//! A person or program that asks becomes an [`Onlooker`] first, and sees no more than their [`Sight`]. A look at the
//! store and the logs makes [`Card`]s, and all cards at one moment are a view. The broadcaster sends the differences
//! between two views to all live viewers (`live/monitor.rs`).

mod sight;
mod terminal;
mod tails;
mod card;
mod json;
mod look;
mod view;
mod broadcaster;
mod answers;
mod report;
#[cfg(test)]
pub(crate) mod samples;

pub(crate) use answers::{full_history, history, status};
pub(crate) use broadcaster::{Broadcaster, Seat, Told};
pub(crate) use card::Card;
pub(crate) use report::{of_branch, report};
pub(crate) use sight::{Onlooker, Program, Sight};
pub(crate) use view::{Difference, View};

use crate::{app::App, error::WebError};
use tails::Tails;
use view::HISTORY;

/// The cards on the monitor's page.
pub(crate) struct Shown {
    /// Jobs that wait and run.
    pub(crate) running: Vec<Card>,
    /// Jobs that ended last, the newest first.
    pub(crate) ended: Vec<Card>,
}

/// Looks once, for one person or program.
pub(crate) async fn seen_by(app: &App, sight: &Sight) -> Result<Shown, WebError> {
    let mut running = look::running(app, &mut Tails::default()).await?;
    let ended = look::ended_for(app, sight, HISTORY).await?;
    // A job that ended between the two looks counts as ended.
    running.retain(|card| card.is_for(sight) && ended.iter().all(|ended| ended.id != card.id));
    Ok(Shown { running, ended })
}
