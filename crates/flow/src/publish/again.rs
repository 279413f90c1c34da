//! Tries again what may yet be taken, with ever longer pauses.

use crate::work::Work;
use anyhow::Result;
use kozmic_edges::publisher::PublishError;
use kozmic_model::time::spoken;
use std::time::Duration;

/// Pauses between tries, in seconds: about a quarter of an hour in all.
const PAUSES: [u64; 9] = [1, 2, 5, 15, 30, 60, 180, 300, 300];

/// Does a step until it worked, was refused, or failed for too long; the reason in a sentence.
pub(super) async fn patiently<T, F>(
    work: &mut Work,
    step: impl Fn() -> F,
) -> Result<std::result::Result<T, String>>
where
    F: Future<Output = std::result::Result<T, PublishError>>,
{
    let mut pauses = PAUSES.into_iter().map(Duration::from_secs);
    loop {
        let fault = match step().await {
            Ok(done) => return Ok(Ok(done)),
            Err(fault) => fault,
        };
        let pause = pauses.next().filter(|_| fault.is_worth_another_try());
        let Some(pause) = pause else {
            return Ok(Err(format!("The artifact was not published: {fault}.")));
        };
        work.say(&format!("{fault}. Trying again in {}.", spoken(pause))).await?;
        tokio::time::sleep(pause).await;
    }
}
