//! News: what happened to a build that people may want to know. The notifiers of an installation make messages of it:
//! mails to members, notices to channels. The words that all of them share are here.

use crate::{build::Build, clean, project::Project, status::Status};
use std::fmt;

/// News about a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The build failed or ended with an error.
    Broke,
    /// The build succeeded after one that did not.
    Mended,
    /// The build waits until somebody approves it.
    Held,
}

/// The short name of a notifier. It is the key of the notifier's lane in the outbox, so it stays the same for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotifierName(&'static str);

impl News {
    /// The news that people are told of a build with this status; none if there is nothing to tell.
    pub fn of(status: Status) -> Option<Self> {
        match status {
            Status::Failure | Status::Error => Some(Self::Broke),
            Status::Success => Some(Self::Mended),
            Status::Held => Some(Self::Held),
            Status::Enqueued | Status::Pending | Status::Canceled => None,
        }
    }

    /// True if the news is still right for a build that has this status now. Failure and error are the same news.
    pub fn still_holds(self, now: Status) -> bool {
        Self::of(now) == Some(self)
    }
}

impl NotifierName {
    /// The notifier of mails.
    pub const MAIL: Self = Self::new("mail");

    /// A name of small letters, digits and hyphens.
    ///
    /// # Panics
    /// It has other characters or none; in a constant, the program does not compile then.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty(), "a notifier has a name");
        let mut at = 0;
        while at < bytes.len() {
            assert!(
                matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'-'),
                "a notifier's name is a short word"
            );
            at += 1;
        }
        Self(name)
    }

    /// The name as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for NotifierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `[failure] owner/name#12 (main — 1a2b3c4d)`
pub(crate) fn title(project: &Project, build: &Build) -> String {
    let name = clean::name(&project.repository.full_name());
    let of = clean::name(&build.git_ref.label());
    format!("[{}] {name}#{} ({of} — {})", build.status, build.number, short(build))
}

/// `Build #12 of owner/name failed.`
pub(crate) fn sentence(project: &Project, build: &Build, verdict: &str) -> String {
    let name = clean::name(&project.repository.full_name());
    format!("Build #{} of {name} {verdict}.", build.number)
}

/// The beginning of a build's commit.
pub(crate) fn short(build: &Build) -> &str {
    &build.sha.as_str()[..8]
}

/// The end of the sentence about a build with this status.
pub(crate) fn verdict(status: Status) -> &'static str {
    match status {
        Status::Success => "succeeded, after one that did not",
        Status::Failure => "failed",
        Status::Error => "ended with an error",
        Status::Canceled => "was canceled",
        Status::Held => "waits until somebody who manages the project approves it",
        Status::Enqueued | Status::Pending => "runs",
    }
}

/// The host of an address, as the ids of messages need it.
pub(crate) fn host(public_url: &str) -> String {
    let rest = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    host_part(host)
}

/// The text with only letters, digits, dots and hyphens.
pub(crate) fn host_part(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let part = text.chars().map(|c| if fits(c) { c } else { '-' }).collect::<String>();
    let part = part.trim_matches(['.', '-']);
    if part.is_empty() { "kozmic".to_owned() } else { part.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_holds_while_the_build_stands_so() {
        use Status::{Canceled, Error, Failure, Held, Pending, Success};
        for (told, now, holds) in [
            (Failure, Failure, true),
            (Failure, Error, true),
            (Failure, Pending, false),
            (Failure, Success, false),
            (Success, Success, true),
            (Success, Failure, false),
            (Held, Held, true),
            (Held, Pending, false),
            (Held, Canceled, false),
            (Canceled, Canceled, false),
        ] {
            let news = News::of(told);
            assert_eq!(news.is_some_and(|news| news.still_holds(now)), holds, "{told} {now}");
        }
    }

    #[test]
    fn any_address_has_a_host_for_ids() {
        for (url, expected) in [
            ("https://ci.example.org/", "ci.example.org"),
            ("http://127.0.0.1:8080", "127.0.0.1"),
            ("http://[::1]:8080/", "1"),
            ("http://[::]/", "kozmic"),
        ] {
            assert_eq!(host(url), expected);
        }
    }

    #[test]
    #[should_panic(expected = "a short word")]
    fn a_name_that_is_no_key_is_refused() {
        let _ = NotifierName::new("Our chat");
    }
}
