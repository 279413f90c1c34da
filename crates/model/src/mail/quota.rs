//! The limit of mails to one person within a period. The period begins with its first mail.

use crate::{news::News, time::Timestamp};
use std::time::Duration;

/// The kind of a mail. Each kind has a count of its own, so strangers' pull requests do not use up the others' limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// A build ended.
    Build,
    /// A commit waits for approval.
    Approval,
    /// A link to confirm an address.
    Confirmation,
}

/// The answer to a request for one more mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTurn {
    /// The mail may be sent; this is the new count.
    Granted(MailCount),
    /// The person has already got the largest number of mails.
    TooMany {
        /// The time from which there may be more.
        until: Timestamp,
    },
}

/// The mails of one kind that a person got since a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailCount {
    /// The time of the first one.
    pub began_at: Timestamp,
    /// Their number.
    pub mails: u32,
}

impl MailKind {
    /// The kind of a mail that tells this news.
    pub fn telling(news: News) -> Self {
        match news {
            News::Broke | News::Mended => Self::Build,
            News::Held => Self::Approval,
        }
    }

    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Approval => "approval",
            Self::Confirmation => "confirmation",
        }
    }

    /// The period in which mails are counted. Confirmations go to people who may not have asked for one.
    pub fn window(self) -> Duration {
        match self {
            Self::Build | Self::Approval => Duration::from_secs(3_600),
            Self::Confirmation => Duration::from_secs(24 * 3_600),
        }
    }
}

impl MailCount {
    /// Counts one more mail, unless `most` were already sent in the period.
    pub fn one_more(known: Option<Self>, kind: MailKind, most: u32, now: Timestamp) -> MailTurn {
        let current = known.filter(|count| count.is_current(kind, now));
        let current = current.unwrap_or(Self { began_at: now, mails: 0 });
        match current.mails < most {
            true => MailTurn::Granted(Self { mails: current.mails + 1, ..current }),
            false => MailTurn::TooMany { until: current.end(kind) },
        }
    }

    /// True if the period has not ended. A period that begins in the future comes from a clock that was ahead, and does
    /// not count.
    pub fn is_current(&self, kind: MailKind, now: Timestamp) -> bool {
        self.began_at <= now && now < self.end(kind)
    }

    /// The time at which a new period begins.
    pub fn end(&self, kind: MailKind) -> Timestamp {
        self.began_at.after(kind.window())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_so_many_mails_and_the_next_one_begins_anew() {
        const HOUR: i64 = 3_600_000;
        let at = |now: i64, known: Option<(i64, u32)>, kind| {
            let known = known.map(|(began_at, mails)| MailCount { began_at: Timestamp(began_at), mails });
            match MailCount::one_more(known, kind, 2, Timestamp(now)) {
                MailTurn::Granted(count) => Ok((count.began_at.0, count.mails)),
                MailTurn::TooMany { until } => Err(until.0),
            }
        };
        let build = MailKind::Build;
        assert_eq!(at(7, None, build), Ok((7, 1)));
        assert_eq!(at(HOUR + 6, Some((7, 1)), build), Ok((7, 2)));
        assert_eq!(at(HOUR + 6, Some((7, 2)), build), Err(HOUR + 7));
        assert_eq!(at(HOUR + 7, Some((7, 2)), build), Ok((HOUR + 7, 1)));
        assert_eq!(at(6, Some((7, 2)), build), Ok((6, 1)), "the clock was put back");
        assert_eq!(at(HOUR + 7, Some((7, 2)), MailKind::Confirmation), Err(24 * HOUR + 7));
        assert_eq!(at(HOUR + 7, Some((7, 2)), MailKind::Approval), Ok((HOUR + 7, 1)));
    }

    #[test]
    fn a_request_for_approval_is_of_another_kind_than_news_of_an_end() {
        assert_eq!(MailKind::telling(News::Held), MailKind::Approval);
        assert_eq!(MailKind::telling(News::Broke), MailKind::Build);
        let words = [MailKind::Build, MailKind::Approval, MailKind::Confirmation].map(MailKind::word);
        assert_eq!(words, ["build", "approval", "confirmation"]);
    }
}
