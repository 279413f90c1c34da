//! Links in mails that change something for the person who opens them. Opening one proves that the person reads the
//! mail of an address.

use crate::{ids::UserId, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Time for which a confirmation link is valid.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(3 * 24 * 3_600);

/// A link that was sent to one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailLink {
    /// Its purpose.
    #[serde(flatten)]
    pub purpose: LinkPurpose,
    /// The person whose mail it concerns.
    pub user: UserId,
    /// The address to which it was sent.
    pub address: String,
}

/// Purpose of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum LinkPurpose {
    /// The address will get the person's mail.
    Confirm {
        /// The time at which the link expires.
        until: Timestamp,
    },
    /// The person will get no more mail.
    Unsubscribe,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_a_mail_of_years_ago_is_still_read() {
        let link = |purpose| MailLink { purpose, user: UserId(1), address: "a@b.c".into() };
        for (text, meant) in [
            (r#"{"purpose":"unsubscribe","user":1,"address":"a@b.c"}"#, link(LinkPurpose::Unsubscribe)),
            (
                r#"{"purpose":"confirm","until":5,"user":1,"address":"a@b.c"}"#,
                link(LinkPurpose::Confirm { until: Timestamp(5) }),
            ),
        ] {
            assert_eq!(serde_json::from_str::<MailLink>(text).unwrap(), meant);
            assert_eq!(serde_json::to_string(&meant).unwrap(), text);
        }
    }
}
