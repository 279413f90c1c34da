//! The last step: tells the forge and people what happened.

#[cfg(test)]
mod tests;
pub(crate) mod report;
mod news;
mod mails;
mod notices;
mod statuses;

use std::time::Duration;

/// Age of a message to people at which it is not sent any more: it is no news.
const LIFETIME: Duration = Duration::from_secs(3 * 24 * 3_600);
