//! The last step of a push: reports results to the forge and to people.

#[cfg(test)]
mod tests;
pub(crate) mod report;
mod news;
mod mails;
mod notices;
mod statuses;

use std::time::Duration;

/// Age at which a message to people is not sent any more, because it is no news.
const LIFETIME: Duration = Duration::from_secs(3 * 24 * 3_600);
