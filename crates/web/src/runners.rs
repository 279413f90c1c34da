//! The runners for pages and the API: the same list, and the same answers to people's decisions.

use crate::{app::Shared, error::WebError};
use kozmic_model::{
    runner::{Runner, RunnerTitle},
    user::User,
};
use std::collections::HashMap;

/// The answer to a person who tries to remove the runner of this process.
pub(crate) const OWN: &str = "The server's own runner ends with the server: it cannot be removed.";

/// All runners. Each is busy with the jobs that it holds, also with those that it has not reported yet.
pub(crate) async fn all(app: &Shared) -> Result<Vec<Runner>, WebError> {
    let store = &app.edges.store;
    let counts = store.queue().held_counts().await?;
    let runners = store.runners().runners().await?;
    Ok(runners.into_iter().map(|runner| counted(runner, &counts)).collect())
}

/// The runner of a name.
pub(crate) async fn one(app: &Shared, name: &str) -> Result<Runner, WebError> {
    let found = all(app).await?.into_iter().find(|runner| runner.name == name);
    found.ok_or(WebError::NotFound)
}

/// Refuses a person who may not decide about runners.
pub(crate) fn allow(app: &Shared, user: &User) -> Result<(), WebError> {
    if app.face.is_admin(user) { Ok(()) } else { Err(WebError::AdminsOnly) }
}

/// The answer to a person who adds a second runner of a title.
pub(crate) fn taken(title: &RunnerTitle) -> String {
    format!("There is a runner {title} already. Choose another name, or remove that one first.")
}

fn counted(runner: Runner, counts: &HashMap<String, i64>) -> Runner {
    let held = counts.get(&runner.name).copied().unwrap_or_default();
    Runner { busy: i32::try_from(held).unwrap_or(i32::MAX), ..runner }
}
