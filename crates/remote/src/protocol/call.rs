//! Calls: single questions and reports of a runner, and the answers to them. Each may be repeated.

use super::{
    At,
    image::{Cached, Change, Needless, Permission},
    order::Part,
    outcome::End,
};
use kozmic_edges::logs::Position;
use kozmic_model::{cache::CacheInputs, image::ImageName};
use kozmic_runner::coordinator::Complaint;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub(crate) enum Call {
    /// The attempts that the runner holds. Answer: `held`.
    Held,
    /// The next job. Answer: `order`.
    Claim { key: String },
    /// The id of a kept image. Answer: `kept`.
    KeptImage { name: ImageName },
    /// The images that nobody needs any more, of those that the runner made. Answer: `surplus`.
    Surplus { there: Vec<ImageName> },
    /// A surplus image is gone.
    Removed { image: Needless },
    /// Anything about an attempt.
    Attempt { of: At, step: Step },
    /// Anything about images, for an attempt.
    Image { of: At, about: About },
}

/// A call about an attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Step {
    /// The order of a held attempt. Answer: `order`.
    Order,
    GiveBack,
    /// Answer: `standing`.
    Standing,
    Phases {
        phases: Vec<Part>,
    },
    /// Answer: `begun`.
    Begin {
        container: String,
        cache_key: Option<String>,
        phases: Vec<Part>,
    },
    Forget,
    /// The end. `log` is the end of the attempt's log; none if the server cannot take the log.
    End {
        outcome: End,
        log: Option<Position>,
    },
    Cleared,
    /// Answer: `repository`.
    Repository {
        complaint: Option<Reason>,
    },
}

/// A call about images.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub(crate) enum About {
    /// Answer: `image`.
    Use {
        key: String,
    },
    /// Answer: `inputs`.
    Inputs {
        inputs: CacheInputs,
    },
    /// Answer: `permission`.
    Leave {
        name: ImageName,
        id: String,
    },
    Note {
        change: Change,
    },
    /// Answer: `name`.
    Name {
        plain: ImageName,
    },
}

/// The reason of a fetch that failed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    Lost,
    KeyRefused,
    NotShown,
}

/// The answer to a call.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum Answer {
    Done,
    Held {
        attempts: Vec<At>,
    },
    /// An order ([`Sent`](super::order::Sent)). It is read apart, so that a runner can say which one it cannot read.
    Order {
        of: Option<At>,
        order: Value,
    },
    Standing {
        standing: Option<State>,
    },
    Begun {
        is_ours: bool,
    },
    Repository {
        at: Place,
        default_branch: String,
    },
    Image {
        image: Option<Cached>,
    },
    Inputs {
        inputs: Option<CacheInputs>,
    },
    Permission {
        leave: Permission,
    },
    Name {
        name: ImageName,
        has_newer: bool,
    },
    Kept {
        id: Option<String>,
    },
    Surplus {
        images: Vec<Needless>,
    },
}

/// The state of an attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) phases: Vec<Part>,
    pub(crate) container: Option<String>,
    pub(crate) cancellation: Option<End>,
}

/// The place from which a repository is fetched.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub(crate) enum Place {
    /// The forge: everybody may read it.
    Forge { url: String },
    /// This server, which has the credentials for the forge.
    Server,
}

impl From<Complaint> for Reason {
    fn from(complaint: Complaint) -> Self {
        match complaint {
            Complaint::Lost => Self::Lost,
            Complaint::KeyRefused => Self::KeyRefused,
            Complaint::NotShown => Self::NotShown,
        }
    }
}

impl From<Reason> for Complaint {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Lost => Self::Lost,
            Reason::KeyRefused => Self::KeyRefused,
            Reason::NotShown => Self::NotShown,
        }
    }
}
