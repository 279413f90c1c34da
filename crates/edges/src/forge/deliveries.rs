//! Deliveries as a forge sees them: the wrapping of a body, the outcome of those that it sent, and the words of one
//! that never came.

use kozmic_model::{
    git::{GitRef, Sha},
    time::Timestamp,
};

/// A delivery's body, and what its headers say of it.
pub struct DeliveryBody<'a> {
    /// The kind that it is said to be.
    pub content_type: Option<&'a str>,
    /// The packing that it is said to have.
    pub content_encoding: Option<&'a str>,
    /// As it came.
    pub bytes: Vec<u8>,
}

/// A delivery's body has no payload that could ever be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableBody {
    /// It is said to be of a kind that is not understood.
    #[error("{0}")]
    Kind(String),
    /// It is not what it is said to be.
    #[error("{0}")]
    Content(String),
}

/// A forge's answer about the deliveries of one webhook.
#[derive(Debug)]
pub enum Sent {
    /// The deliveries, the newest first.
    Listed(Vec<SentDelivery>),
    /// It keeps no list of them.
    NotListed,
    /// Somebody switched the webhook off.
    SwitchedOff,
    /// Somebody removed the webhook.
    Gone,
}

/// A delivery in the forge's own book. One that is sent again has a line of its own there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentDelivery {
    /// The forge's number of this line.
    pub id: i64,
    /// The forge's id of what happened, as the delivery has it.
    pub uuid: String,
    /// The forge's word for what happened.
    pub event: String,
    /// The time when it was sent, by the forge's clock.
    pub at: Timestamp,
    /// Its outcome.
    pub came_to: CameTo,
}

/// Outcome of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameTo {
    /// It was taken.
    Arrived,
    /// Somebody answered that they do not want it.
    Refused,
    /// Nobody answered, or not in time, or with a fault of theirs.
    Failed,
}

/// Position of a branch or a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The branch or the pull request.
    pub git_ref: GitRef,
    /// Its commit.
    pub sha: Sha,
}

/// A move of a branch or a pull request that a delivery would have told of.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The branch or pull request.
    pub git_ref: &'a GitRef,
    /// Its place before, as far as that is known.
    pub before: Option<&'a Sha>,
    /// Its place now; none: it is gone.
    pub after: Option<&'a Sha>,
}

/// The words that a delivery would have had.
pub struct Telling {
    /// The forge's word for what happened.
    pub event: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// Time at which a branch's commit was made, or a pull request was changed the last time.
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
