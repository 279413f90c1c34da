//! Repeats a step that may still succeed, with ever longer pauses.

use super::{Publishing, Unpublished};
use kozmic_edges::publisher::PublishError;
use kozmic_model::time::spoken;
use std::time::Duration;

/// Pauses between tries, in seconds: about a quarter of an hour in all.
const PAUSES: [u64; 9] = [1, 2, 5, 15, 30, 60, 180, 300, 300];

impl Publishing {
    /// Repeats a step until it works, is refused, or has failed for too long.
    pub(super) async fn patiently<T, F>(&self, step: impl Fn() -> F) -> Result<T, Unpublished>
    where
        F: Future<Output = Result<T, PublishError>>,
    {
        let mut pauses = PAUSES.into_iter().map(Duration::from_secs);
        loop {
            let fault = match step().await {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let Some(pause) = pauses.next().filter(|_| fault.is_worth_another_try()) else {
                return Err(Unpublished::Refused(format!("The artifact was not published: {fault}.")));
            };
            self.say(format!("{fault}. Trying again in {}.", spoken(pause))).await;
            tokio::time::sleep(pause).await;
        }
    }
}
