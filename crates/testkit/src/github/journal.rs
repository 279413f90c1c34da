//! The book of all calls: who asked for what and when, and which calls GitHub would not have understood.

use std::time::{Duration, Instant, SystemTime};

use super::GitHub;

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
pub(super) struct Journal {
    pub(super) requests: Vec<Request>,
    pub(super) wrong: Vec<String>,
}

impl Area {
    /// The part that a path belongs to.
    pub(super) fn of(path: &str) -> Self {
        if path.starts_with("/api/") {
            Self::Rest
        } else if path.starts_with("/login/oauth/") {
            Self::OAuth
        } else if super::http::git_path(path).is_some() {
            Self::Git
        } else {
            Self::Web
        }
    }
}

impl Journal {
    /// Notes the answer to a call.
    pub(super) fn answered(&mut self, index: usize, status: u16) {
        if let Some(request) = self.requests.get_mut(index) {
            request.status = Some(status);
            request.took = Some(request.at.elapsed());
        }
    }
}

impl GitHub {
    /// All calls so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.double.read(|world| world.journal.requests.clone())
    }

    /// Waits for a call, past or to come, of which `is_it` says yes.
    pub async fn wait_for_request(
        &self,
        limit: Duration,
        is_it: impl Fn(&Request) -> bool,
    ) -> Option<Request> {
        self.double
            .wait_until(limit, |world| world.journal.requests.iter().find(|one| is_it(one)).cloned())
            .await
    }

    /// The calls so far that GitHub would not have understood, with what was wrong.
    pub fn wrong_calls(&self) -> Vec<String> {
        self.double.read(|world| world.journal.wrong.clone())
    }

    /// Takes the list of wrong calls away, for a test that expects some.
    pub fn take_wrong_calls(&self) -> Vec<String> {
        self.double.change(|world| std::mem::take(&mut world.journal.wrong))
    }

    /// Fails the test if a call was wrong.
    ///
    /// # Panics
    ///
    /// With the list of wrong calls, if there is one.
    pub fn assert_no_wrong_calls(&self) {
        let wrong = self.wrong_calls();
        assert!(wrong.is_empty(), "calls that GitHub would not understand:\n- {}", wrong.join("\n- "));
    }
}
