//! Links in mails that do something for whoever follows them. They show that a person reads the mail of an address.

use crate::{ids::UserId, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Time for which a link to confirm an address is good.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(3 * 24 * 3_600);

/// A link that went to one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailLink {
    /// Its purpose.
    #[serde(flatten)]
    pub purpose: LinkPurpose,
    /// The person whose mail it is about.
    pub user: UserId,
    /// The address that it went to.
    pub address: String,
}

/// Purpose of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum LinkPurpose {
    /// The address shall get the person's mail.
    Confirm {
        /// The time at which the link ends.
        until: Timestamp,
    },
    /// The person shall get no mail any more.
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
