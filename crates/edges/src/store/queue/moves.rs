//! Moves of refs, and the position of each build in the order of its ref, which follows from the moves.

mod note;
mod known;
mod stand;
mod builds;
#[cfg(test)]
mod tests;

pub(in crate::store) use builds::newest;
pub(in crate::store) use known::of_ref;
pub(super) use known::{Known, is_moving, last};
pub(in crate::store) use note::OF_BUILD;
pub(super) use note::note;
pub(super) use stand::{RefOrder, is_newest, stand};

use kozmic_model::{
    event::Change,
    git::{GitRef, Sha},
    ids::{DeliveryId, ProjectId},
    time::Timestamp,
};

/// A change of a project's repository.
#[derive(Clone, Copy, Debug)]
pub struct ProjectChange<'a> {
    /// The project.
    pub project: ProjectId,
    /// The change.
    pub change: &'a Change,
}

/// The commit of a ref, as the forge reports it.
#[derive(Clone, Copy, Debug)]
pub struct RefAtForge<'a> {
    /// The ref.
    pub git_ref: &'a GitRef,
    /// The commit; none if the forge does not know the ref.
    pub sha: Option<&'a Sha>,
    /// The number of the newest known move at the time of the question.
    pub last_known: i64,
}

/// A move that just became known.
pub(super) struct NewMove<'a> {
    pub(super) git_ref: &'a GitRef,
    pub(super) before: Option<&'a Sha>,
    pub(super) after: &'a Sha,
    /// The commit, if the ref is at one.
    pub(super) sha: Option<&'a Sha>,
    pub(super) at: Option<Timestamp>,
}

impl<'a> From<&'a Change> for NewMove<'a> {
    fn from(change: &'a Change) -> Self {
        let Change { git_ref, sha, before, after, pushed_at, .. } = change;
        Self { git_ref, before: before.as_ref(), after, sha: Some(sha), at: *pushed_at }
    }
}

/// The way in which a move became known.
#[derive(Clone, Copy, Debug)]
pub enum Heard {
    /// A delivery told, and is settled in the same change.
    Delivery(DeliveryId),
    /// A delivery told that has further effects, so it is not settled yet.
    Unsettled(DeliveryId),
    /// The forge answered a question.
    Answer,
}

impl Heard {
    pub(super) fn delivery(self) -> Option<DeliveryId> {
        match self {
            Self::Delivery(id) | Self::Unsettled(id) => Some(id),
            Self::Answer => None,
        }
    }
}
