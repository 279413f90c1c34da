//! Sealed links for mails: nobody can make or change such a link without the installation's key.

use super::Outbox;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kozmic_model::mail::MailLink;
use secrecy::ExposeSecret;

const PLACE: &str = "mail.link";

/// The longest sealed link, in bytes of its text. A mail address has at most 254.
const LONGEST: usize = 2_048;

impl Outbox<'_> {
    /// A link as text for a URL: letters, digits, `-` and `_`.
    pub fn sealed_link(self, link: &MailLink) -> String {
        let text = serde_json::to_string(link).expect("a link has nothing that JSON cannot say");
        URL_SAFE_NO_PAD.encode(self.db.vault.seal(PLACE, &text.into()))
    }

    /// The link that [`Outbox::sealed_link`] sealed; none if the text is not a sealed link, is damaged, or was sealed
    /// with another key.
    pub fn opened_link(self, sealed: &str) -> Option<MailLink> {
        if sealed.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let text = self.db.vault.open(PLACE, &bytes).ok()?;
        serde_json::from_str(text.expose_secret()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage};
    use kozmic_model::mail::LinkPurpose;

    #[tokio::test]
    async fn a_link_is_opened_as_it_was_sealed_and_in_no_other_way() {
        let stage = Stage::new().await;
        for purpose in [LinkPurpose::Unsubscribe, LinkPurpose::Confirm { until: NOW }] {
            let address = format!("{}@{}example.com", "a".repeat(64), "b.".repeat(88));
            let link = MailLink { purpose, user: stage.user, address };
            let sealed = stage.store.outbox().sealed_link(&link);
            assert!(sealed.len() < LONGEST && !sealed.contains("example"), "{sealed}");
            assert_eq!(stage.store.outbox().opened_link(&sealed), Some(link));
            let other = Stage::new().await;
            assert!(other.store.outbox().opened_link(&sealed).is_some(), "the same key");
            let mut changed = sealed.into_bytes();
            changed[50] ^= 1;
            assert_eq!(stage.store.outbox().opened_link(&String::from_utf8_lossy(&changed)), None);
        }
        for wrong in ["", "a", "%", &"a".repeat(5_000)] {
            assert_eq!(stage.store.outbox().opened_link(wrong), None, "{wrong}");
        }
    }
}
