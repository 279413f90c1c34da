//! Deliveries of a forge: a request, the forge's list of its requests, and the text of a delivery that never came.

use kozmic_model::{
    git::{GitRef, Sha},
    time::Timestamp,
};
use secrecy::SecretString;
use std::time::Duration;

/// The limits that a forge has for its own deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryLimits {
    /// The size of the largest body, in bytes.
    pub body: usize,
    /// The time that the forge waits for an answer.
    pub answer: Duration,
}

/// A claim to come from the forge, as it stands in a delivery's headers. Nobody has checked it yet.
///
/// It may contain the webhook's secret itself, so it is never shown.
pub struct Proof(pub SecretString);

/// A delivery that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadDelivery {
    /// The forge's id of what happened. It stays if the delivery is sent again.
    pub uuid: String,
    /// The forge's word for what happened.
    pub event: String,
    /// The payload: JSON, without the form that it may have come in.
    pub payload: Vec<u8>,
}

/// The reason why a delivery is not taken, in a sentence for people at the forge.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedDelivery {
    /// Nothing proves that the forge sent it.
    #[error("{0}")]
    Unproven(String),
    /// The body is of a kind that Kozmic does not read.
    #[error("{0}")]
    Kind(String),
    /// A header or the body is not as the forge sends it.
    #[error("{0}")]
    Malformed(String),
}

/// A forge's answer about the deliveries of one webhook.
#[derive(Debug)]
pub enum Sent {
    /// The deliveries, the newest first.
    Listed(Vec<SentDelivery>),
    /// The forge keeps no list.
    NotListed,
    /// Somebody switched the webhook off.
    SwitchedOff,
    /// Somebody removed the webhook.
    Gone,
}

/// A line in the forge's list of deliveries. A delivery that is sent again gets another line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentDelivery {
    /// The forge's number of this line.
    pub id: i64,
    /// The forge's id of what happened: [`ReadDelivery::uuid`].
    pub uuid: String,
    /// The forge's word for what happened.
    pub event: String,
    /// The time when the delivery was sent, by the forge's clock.
    pub at: Timestamp,
    /// Its outcome.
    pub outcome: SentOutcome,
}

/// Outcome of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentOutcome {
    /// The delivery was taken.
    Arrived,
    /// The receiver refused the delivery.
    Refused,
    /// The receiver did not answer in time, or had a fault.
    Failed,
}

/// A branch or a pull request with its commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The branch or the pull request.
    pub git_ref: GitRef,
    /// Its commit.
    pub sha: Sha,
}

/// A move of a branch or a pull request, as a delivery would have told it.
#[derive(Clone, Copy, Debug)]
pub struct MovedRef<'a> {
    /// The branch or pull request.
    pub git_ref: &'a GitRef,
    /// The commit before, if it is known.
    pub before: Option<&'a Sha>,
    /// The commit now. None if the branch is deleted, or the pull request is closed.
    pub after: Option<&'a Sha>,
}

/// A delivery in place of one that the forge did not send, made from what the forge answers.
pub struct ReplacementDelivery {
    /// The forge's word for what happened.
    pub event: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// The time of a branch's commit, or of the last change of a pull request.
    pub at: Option<Timestamp>,
}

/// A delivery's payload is not what the forge documents.
#[derive(Debug, thiserror::Error)]
#[error("the payload of \"{event}\" cannot be read: {cause}")]
pub struct UnreadablePayload {
    /// The forge's word for the event.
    pub event: String,
    /// The fault in it.
    pub cause: String,
}
