//! The book of all calls.

use std::time::{Duration, Instant, SystemTime};

use crate::github::git_path;

/// Part of GitHub that a call went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The REST API.
    Rest,
    /// Signing in.
    OAuth,
    /// Git over HTTP.
    Git,
    /// Pages and avatars.
    Web,
}

/// One call that reached the double.
#[derive(Debug, Clone)]
pub struct Request {
    /// Time when it arrived.
    pub at: Instant,
    /// The same by the clock on the wall.
    pub time: SystemTime,
    /// The part of GitHub that it went to.
    pub area: Area,
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path, such as `/api/v3/user`.
    pub path: String,
    /// Text that followed the `?`.
    pub query: Option<String>,
    /// Login of the asker, if a token told it.
    pub login: Option<String>,
    /// The answer's status; `None` while there is none.
    pub status: Option<u16>,
    /// Time until the answer's head was sent.
    pub took: Option<Duration>,
}

/// All calls so far.
#[derive(Default)]
pub(in crate::github) struct Journal {
    pub(in crate::github) requests: Vec<Request>,
    pub(in crate::github) wrong: Vec<String>,
}

impl Area {
    /// The part that a path belongs to.
    pub(in crate::github) fn of(path: &str) -> Self {
        if path.starts_with("/api/") {
            Self::Rest
        } else if path.starts_with("/login/oauth/") {
            Self::OAuth
        } else if git_path::parse(path).is_some() {
            Self::Git
        } else {
            Self::Web
        }
    }
}

impl Journal {
    /// Notes the answer to a call.
    pub(in crate::github) fn answered(&mut self, index: usize, status: u16) {
        if let Some(request) = self.requests.get_mut(index) {
            request.status = Some(status);
            request.took = Some(request.at.elapsed());
        }
    }
}
