//! Switches for what goes wrong at GitHub now and then: errors, silence, cut lines, limits, slowness.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::GitHub;

/// Kind of a fault.
#[derive(Debug, Clone)]
pub enum FaultKind {
    /// Answers with this status and GitHub's error page or message.
    Status(u16),
    /// Does not answer until the fault is released, then answers as always.
    Hang,
    /// Closes the connection without an answer.
    CloseConnection,
    /// Does what it is asked, and closes the connection without saying so.
    LoseAnswer,
    /// 403 with `X-RateLimit-Remaining: 0`; the hour's limit begins anew after this time.
    RateLimited(Duration),
    /// 403 with `Retry-After`.
    SecondaryRateLimit(Duration),
    /// Answers right, but the body comes in pieces of so many bytes with a pause before each.
    Trickle {
        /// Bytes in a piece.
        piece: usize,
        /// The pause before each piece.
        pause: Duration,
    },
}

/// Calls that go wrong, and how.
#[derive(Debug, Clone)]
pub struct FaultRule {
    method: Option<String>,
    pattern: String,
    kind: FaultKind,
    times: Option<u32>,
}

/// A fault that is switched on; dropping it switches it off and lets hanging calls go on.
#[must_use = "a fault is switched off when this is dropped"]
pub struct Fault {
    active: Arc<Active>,
    github: GitHub,
}

/// The faults that are switched on.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Arc<Active>>>);

pub(super) struct Active {
    rule: FaultRule,
    hits: AtomicU32,
    pub(super) released: CancellationToken,
}

impl FaultRule {
    /// A fault of all calls.
    pub fn new(kind: FaultKind) -> Self {
        Self { method: None, pattern: String::new(), kind, times: None }
    }

    /// Only for calls with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only for paths that begin so; `*` stands for anything within one part, as in
    /// `/api/v3/repos/*/*/statuses/`.
    #[must_use]
    pub fn path(mut self, pattern: &str) -> Self {
        self.pattern = pattern.to_owned();
        self
    }

    /// Only the first so many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn is_about(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method) && begins(path, &self.pattern)
    }
}

impl Fault {
    /// Number of calls that went wrong by it.
    pub fn hits(&self) -> u32 {
        self.active.hits.load(Ordering::Acquire)
    }

    /// Lets the calls that hang go on; those to come do not hang either.
    pub fn release(&self) {
        self.github.double.faults.remove(&self.active);
        self.active.released.cancel();
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        self.release();
    }
}

impl Active {
    pub(super) fn kind(&self) -> &FaultKind {
        &self.rule.kind
    }

    /// Whether it befalls this call; counts it.
    fn befalls(&self, method: &str, path: &str) -> bool {
        let left = |hits: u32| self.rule.times.is_none_or(|times| hits < times);
        self.rule.is_about(method, path)
            && self
                .hits
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |hits| left(hits).then_some(hits + 1))
                .is_ok()
    }
}

impl Faults {
    /// The fault that befalls this call, if any: the one switched on last goes first.
    pub(super) fn befalling(&self, method: &str, path: &str) -> Option<Arc<Active>> {
        let active = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        active.iter().rev().find(|fault| fault.befalls(method, path)).cloned()
    }

    fn add(&self, rule: FaultRule) -> Arc<Active> {
        let active = Arc::new(Active { rule, hits: AtomicU32::new(0), released: CancellationToken::new() });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(active.clone());
        active
    }

    fn remove(&self, fault: &Arc<Active>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|one| !Arc::ptr_eq(one, fault));
    }
}

impl GitHub {
    /// Switches a fault on until the answer is dropped.
    pub fn fault(&self, rule: FaultRule) -> Fault {
        Fault { active: self.double.faults.add(rule), github: self.clone() }
    }
}

/// Whether `path` begins with `pattern`, where `*` stands for anything without a slash.
fn begins(path: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return path.starts_with(pattern) };
    let Some(tail) = path.strip_prefix(head) else { return false };
    let part = tail.find('/').unwrap_or(tail.len());
    (0..=part).filter(|&end| tail.is_char_boundary(end)).any(|end| begins(&tail[end..], rest))
}

#[cfg(test)]
mod tests {
    use super::begins;

    #[test]
    fn a_star_stands_for_one_part_of_a_path() {
        assert!(begins("/api/v3/repos/anna/hello/statuses/abc", "/api/v3/repos/*/*/statuses/"));
        assert!(begins("/anna/hello.git/info/refs", "/*/*.git/"));
        assert!(begins("/anything", ""));
        assert!(!begins("/api/v3/repos/anna/statuses/", "/api/v3/repos/*/*/statuses/"));
        assert!(!begins("/login", "/api"));
    }
}
