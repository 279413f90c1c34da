//! Deliveries as a forge sees them: what a body is wrapped in, what became of those that it sent, and what one would have
//! said.

use kozmic_model::{
    git::{GitRef, Sha},
    time::Timestamp,
};

/// A delivery's body, and what its headers say of it.
pub struct DeliveryBody<'a> {
    /// The kind that it is said to be.
    pub content_type: Option<&'a str>,
    /// How it is said to be packed.
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

/// What a forge tells of the deliveries of one webhook.
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
    /// When it was sent, by the forge's clock.
    pub at: Timestamp,
    /// What it came to.
    pub came_to: CameTo,
}

/// What a delivery came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameTo {
    /// It was taken.
    Arrived,
    /// Somebody answered that they do not want it.
    Refused,
    /// Nobody answered, or not in time, or with a fault of theirs.
    Failed,
}

/// Where a branch or a pull request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Which.
    pub git_ref: GitRef,
    /// Its commit.
    pub sha: Sha,
}

/// What a delivery would have said.
pub struct Telling {
    /// The forge's word for what happened.
    pub event: String,
    /// The payload.
    pub payload: Vec<u8>,
}
