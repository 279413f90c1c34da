//! Approves a fork's commit, for pages and the API alike.

use crate::error::WebError;
use kozmic_edges::{
    Edges,
    store::{Approval, Approved},
};
use kozmic_flow::steer;
use kozmic_model::{build::Build, git::NotASha, ids::UserId};

/// Lets the held jobs of a build run, if its pull request is still at the approved commit.
///
/// # Errors
/// [`WebError::Conflict`] if it is not, or if nothing is held; [`WebError::Senseless`] if `sha` is no commit.
pub(crate) async fn approve(
    edges: &Edges,
    build: &Build,
    sha: &str,
    is_for_all: bool,
    by: UserId,
) -> Result<(), WebError> {
    let sha = sha.parse().map_err(|fault: NotASha| WebError::Senseless(format!("{fault}.")))?;
    if is_for_all && build.pusher.is_none() {
        let why = "Nobody knows who pushed this commit: it can be approved by itself only.";
        return Err(WebError::Conflict(why.to_owned()));
    }
    let approval = Approval { build: build.id, sha: &sha, is_for_all, by };
    match steer::approve(edges, approval).await? {
        Approved::Jobs(..) => Ok(()),
        Approved::Moved => Err(WebError::Conflict(
            "The pull request is at another commit by now, or closed: look at its newest build.".to_owned(),
        )),
        Approved::NotHeld => Err(WebError::Conflict("Nothing of this build is held.".to_owned())),
    }
}
