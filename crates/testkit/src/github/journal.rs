//! The book of all calls: who asked for what and when, and which calls GitHub would not have understood.

use std::time::Duration;

use super::GitHub;
use super::world::Request;

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
