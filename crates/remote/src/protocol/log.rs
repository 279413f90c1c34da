//! Messages about an attempt's log. The log itself travels in binary frames
//! ([`Pieces::from_frame`](kozmic_edges::logs::Pieces::from_frame)).

use kozmic_edges::logs::Position;
use serde::{Deserialize, Serialize};

/// The server's message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum OfServer {
    /// The server has the log up to here.
    Have { end: Position },
    /// A newer connection for the same log ended this one.
    Replaced,
    /// The server takes no more of this log.
    Refused { reason: String },
    /// A message that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A runner's message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum OfRunner {
    /// The runner lost the end of its file: it needs everything from here on.
    Rest { from: Position },
    /// A message that this version does not know.
    #[serde(other)]
    Unknown,
}
