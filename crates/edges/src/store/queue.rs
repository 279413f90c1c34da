//! The queue: jobs from a change to their end. All decisions about which jobs are executed are made here.
//!
//! The modules are listed in the order of use: no module uses one below it.

mod waiting;
mod jobs;
mod refresh;
mod attempts;
mod cancel;
pub(super) mod moves;
mod choosing;
pub(super) mod superseded;
mod approvals;
mod enqueue;
mod claims;
mod held;
mod claimable;
mod progress;
mod lapsed;
mod given_back;
mod heard;

pub use approvals::{Approval, Approved};
pub(super) use cancel::cancel;
pub use claims::{Among, ClaimedJob, Lane, Lease};
pub use enqueue::{Enqueued, HookCall, Planned};
pub(super) use jobs::of_project;
pub use moves::{Heard, ProjectChange, RefAtForge};
pub(super) use refresh::follow_jobs;
pub(super) use waiting::approvals_of;

use super::database::Database;

/// The queue.
#[derive(Clone, Copy)]
pub struct Queue<'a> {
    pub(super) db: &'a Database,
}
