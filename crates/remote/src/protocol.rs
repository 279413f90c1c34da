//! The protocol: the messages as both ends write and read them, their limits, and the port's types made of them.
//!
//! Each message is JSON. Fields and messages that an end does not know are ignored, so that a newer end can have more.

pub(crate) mod artifact;
pub(crate) mod call;
pub(crate) mod fault;
pub(crate) mod image;
pub(crate) mod line;
pub(crate) mod log;
pub(crate) mod order;
pub(crate) mod outcome;
pub(crate) mod text;

use kozmic_model::{ids::JobId, job::Attempt};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The version of the protocol that this program speaks.
pub const PROTOCOL: u32 = 1;

/// The oldest version that the server still accepts: from version 2 on, the one before its own.
pub const OLDEST: u32 = 1;

/// The header of each request that names its version of the protocol.
pub(crate) const PROTOCOL_HEADER: &str = "kozmic-runner-protocol";

/// The path under which everything is.
pub(crate) const ROOT: &str = "/runner/v1";

/// Pause between two beats of a runner. The server answers each of them.
pub const BEAT: Duration = Duration::from_secs(3);

/// Time without a message after which either side hangs up.
pub(crate) const SILENCE: Duration = Duration::from_secs(8);

/// The largest body of a call, and of the answer to it, in bytes.
pub(crate) const LARGEST_BODY: usize = 1024 * 1024;

/// The largest frame of a WebSocket, in bytes.
pub(crate) const LARGEST_FRAME: usize = 512 * 1024;

/// The bytes of a line that are read at once. Its messages are small, there are many lines, and the buffer is cleared for
/// each read.
pub(crate) const LINE_BUFFER: usize = 4 * 1024;

/// The bytes of a log's connection that are read at once.
pub(crate) const LOG_BUFFER: usize = 128 * 1024;

/// The largest frame of a log that is sent, in bytes.
pub(crate) const LOG_FRAME: usize = 256 * 1024;

/// The most bytes of a log that are on their way without an answer.
pub(crate) const UNANSWERED: u64 = 4 * 1024 * 1024;

/// The most attempts that a runner may hold at once.
pub(crate) const MOST_HELD: usize = 1_000;

/// The reason to stop an attempt that the runner no longer holds.
pub(crate) const NOT_HELD: &str = "The job was given to another runner, or has ended.";

/// An attempt, as messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct At {
    pub(crate) job: i64,
    pub(crate) attempt: i32,
}

impl From<Attempt> for At {
    fn from(attempt: Attempt) -> Self {
        Self { job: attempt.job.0, attempt: attempt.number }
    }
}

impl From<At> for Attempt {
    fn from(at: At) -> Self {
        Self { job: JobId(at.job), number: at.attempt }
    }
}

impl At {
    /// The path of something of the attempt.
    pub(crate) fn path(self, part: &str) -> String {
        format!("{ROOT}/jobs/{}/attempts/{}/{part}", self.job, self.attempt)
    }
}
