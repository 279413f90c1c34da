//! Mail settings of a person: the switch, the address, and the news that they want.

use super::{People, users};
use crate::store::{
    audit,
    database::Transaction,
    outbox::{self, Subject, mail_counts},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Actor, Deed},
    ids::UserId,
    mail::{MailKind, MailTurn},
    time::Timestamp,
    user::{MailChoice, MailSettings, User, is_same_address},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
};

/// The largest number of links to confirm an address that are sent for one person within a day. The person chooses the
/// address of each one.
const LINKS: u32 = 5;

/// The outcome of asking for a link to confirm an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkOutcome {
    /// No address waits for a link, or the link is on its way already.
    NotNeeded,
    /// The link will be sent.
    Queued,
    /// Nothing changed: the person has used all links of the day.
    TooMany {
        /// The time from which further links are allowed.
        until: Timestamp,
    },
}

impl People<'_> {
    /// Changes a user's mail settings. An address that nobody vouches for waits to be confirmed. If the user wants
    /// mail, a link to confirm it is sent there.
    ///
    /// # Errors
    /// There is no such user, or the database does not answer.
    pub async fn change_mail_settings(
        self,
        user: UserId,
        choice: MailChoice,
        now: Timestamp,
    ) -> Result<LinkOutcome> {
        let choice = &choice;
        self.db
            .change("a user's mail settings", move |tx| async move {
                let tx = &tx;
                let User { mail: before, profile, .. } = known_user(tx, user).await?;
                let after = before.changed(choice.clone(), profile.email.as_deref());
                let is_new = before.unconfirmed != after.unconfirmed;
                let outcome = match after.is_on && after.unconfirmed.is_some() && (is_new || !before.is_on) {
                    true => queue_link(tx, user, now).await?,
                    false => LinkOutcome::NotNeeded,
                };
                // A person who only switches mail on again gets mail, with or without another link.
                if is_new && matches!(outcome, LinkOutcome::TooMany { .. }) {
                    return Ok(outcome);
                }
                if after != before {
                    set_mail(tx, user, &after).await?;
                    tx.note(Deed::new(Action::MailChanged, None, "")).await?;
                }
                Ok(outcome)
            })
            .await
    }

    /// Sends the link once more to the address that waits to be confirmed, if there is one.
    ///
    /// # Errors
    /// There is no such user, or the database does not answer.
    pub async fn send_mail_link(self, user: UserId, now: Timestamp) -> Result<LinkOutcome> {
        self.db
            .change("one more link", move |tx| async move {
                let tx = &tx;
                if known_user(tx, user).await?.mail.unconfirmed.is_none() {
                    return Ok(LinkOutcome::NotNeeded);
                }
                let outcome = queue_link(tx, user, now).await?;
                Ok(outcome)
            })
            .await
    }

    /// Confirms the address that waits, so that mail goes there; `false` if another address waits, or none.
    ///
    /// # Errors
    /// There is no such user, or the database does not answer.
    pub async fn confirm_mail(self, user: UserId, address: &str) -> Result<bool> {
        self.db
            .change("that an address is confirmed", move |tx| async move {
                let tx = &tx;
                let before = known_user(tx, user).await?.mail;
                if !before.unconfirmed.as_deref().is_some_and(|waiting| is_same_address(waiting, address)) {
                    return Ok(false);
                }
                set_mail(
                    tx,
                    user,
                    &MailSettings { address: before.unconfirmed, unconfirmed: None, ..before },
                )
                .await?;
                tx.note(Deed::new(Action::MailConfirmed, None, "")).await?;
                Ok(true)
            })
            .await
    }

    /// Ends all mail of a user, at the request of a person who reads the mail of the address; gives the user's login.
    /// None if the user's mail does not go to that address.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn unsubscribe(self, user: UserId, address: &str) -> Result<Option<String>> {
        self.db
            .change("the end of a user's mail", move |tx| async move {
                let tx = &tx;
                let Some(before) = users::find(tx, user).await? else { return Ok(None) };
                if !before.mail_address().is_some_and(|current| is_same_address(current, address)) {
                    return Ok(None);
                }
                set_mail(tx, user, &MailSettings { is_on: false, ..before.mail }).await?;
                // The person who follows a link is not known.
                let login = before.profile.login;
                audit::note_by(tx, &Actor::Kozmic, Deed::new(Action::Unsubscribed, None, &login)).await?;
                Ok(Some(login))
            })
            .await
    }
}

async fn known_user(tx: &Transaction, user: UserId) -> Result<User> {
    users::find(tx, user).await?.with_context(|| format!("there is no user {user}"))
}

async fn set_mail(tx: &Transaction, user: UserId, mail: &MailSettings) -> Result<()> {
    let row = rows::user::ActiveModel {
        id: Unchanged(user.0),
        mail_address: Set(mail.address.clone()),
        mail_unconfirmed: Set(mail.unconfirmed.clone()),
        mail_is_on: Set(mail.is_on),
        mail_only_own: Set(mail.only_own_commits),
        ..Default::default()
    };
    row.update(tx).await.context("note a user's mail settings")?;
    Ok(())
}

async fn queue_link(tx: &Transaction, user: UserId, now: Timestamp) -> Result<LinkOutcome> {
    match mail_counts::count(tx, user, MailKind::Confirmation, LINKS, now).await? {
        MailTurn::TooMany { until } => Ok(LinkOutcome::TooMany { until }),
        MailTurn::Granted(_) => {
            outbox::put(tx, Subject::MailLink(user), now).await?;
            Ok(LinkOutcome::Queued)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        OutboxLane,
        tests::{NOW, Stage},
    };
    use std::time::Duration;

    fn choice(address: &str) -> MailChoice {
        MailChoice { address: Some(address.to_owned()), is_on: true, only_own_commits: false }
    }

    impl Stage {
        async fn choose(&self, choice: MailChoice) -> LinkOutcome {
            self.store.people().change_mail_settings(self.user, choice, NOW).await.unwrap()
        }

        async fn mail(&self) -> MailSettings {
            self.store.people().user(self.user).await.unwrap().unwrap().mail
        }
    }

    #[tokio::test]
    async fn an_address_waits_until_its_reader_confirms_it() {
        let stage = Stage::new().await;
        assert_eq!(stage.choose(choice("anna@work.example")).await, LinkOutcome::Queued);
        let outgoing = stage.store.outbox().next_outgoing(OutboxLane::MAIL).await.unwrap().unwrap();
        assert_eq!(outgoing.subject, Subject::MailLink(stage.user));
        assert_eq!(stage.mail().await.unconfirmed.as_deref(), Some("anna@work.example"));
        assert_eq!(stage.choose(choice("anna@work.example")).await, LinkOutcome::NotNeeded);
        assert!(!stage.store.people().confirm_mail(stage.user, "eve@work.example").await.unwrap());
        assert!(stage.store.people().confirm_mail(stage.user, "Anna@work.example").await.unwrap());
        assert!(!stage.store.people().confirm_mail(stage.user, "anna@work.example").await.unwrap());
        let mail = stage.mail().await;
        assert_eq!((mail.address.as_deref(), mail.unconfirmed), (Some("anna@work.example"), None));
    }

    #[tokio::test]
    async fn a_link_goes_out_once_its_person_wants_mail() {
        let stage = Stage::new().await;
        let off = MailChoice { is_on: false, ..choice("anna@work.example") };
        assert_eq!(stage.choose(off.clone()).await, LinkOutcome::NotNeeded);
        assert_eq!(stage.choose(choice("anna@work.example")).await, LinkOutcome::Queued);
        assert_eq!(stage.choose(off).await, LinkOutcome::NotNeeded);
        assert_eq!(stage.store.people().send_mail_link(stage.user, NOW).await.unwrap(), LinkOutcome::Queued);
    }

    #[tokio::test]
    async fn one_person_has_few_links_sent_within_a_day() {
        let stage = Stage::new().await;
        for number in 0..LINKS {
            assert_eq!(stage.choose(choice(&format!("{number}@work.example"))).await, LinkOutcome::Queued);
        }
        let until = NOW.after(Duration::from_secs(24 * 3_600));
        assert_eq!(stage.choose(choice("one@more.example")).await, LinkOutcome::TooMany { until });
        let again = async |at| stage.store.people().send_mail_link(stage.user, at).await.unwrap();
        assert_eq!(again(NOW).await, LinkOutcome::TooMany { until });
        assert_eq!(stage.mail().await.unconfirmed.as_deref(), Some("4@work.example"));
        assert_eq!(again(until).await, LinkOutcome::Queued);
        let off = MailChoice { is_on: false, ..choice("one@more.example") };
        stage.choose(off.clone()).await;
        assert!(!stage.mail().await.is_on, "no limit keeps mail on");
        for _ in 0..LINKS {
            stage.choose(choice("one@more.example")).await;
            stage.choose(off.clone()).await;
        }
        stage.choose(choice("one@more.example")).await;
        assert!(stage.mail().await.is_on, "nor off");
    }

    #[tokio::test]
    async fn the_reader_of_an_address_ends_its_mail_and_no_other() {
        let stage = Stage::new().await;
        stage.choose(choice("anna@work.example")).await;
        let unsubscribe = async |user, address: &str| {
            stage.store.people().unsubscribe(user, address).await.unwrap().is_some()
        };
        assert!(!unsubscribe(stage.user, "anna@work.example").await, "it gets none yet");
        stage.store.people().confirm_mail(stage.user, "anna@work.example").await.unwrap();
        assert!(!unsubscribe(UserId(99), "anna@work.example").await);
        assert!(!unsubscribe(stage.user, "old@work.example").await);
        assert!(unsubscribe(stage.user, "Anna@work.example").await);
        assert!(!stage.mail().await.is_on);
        assert!(!unsubscribe(stage.user, "anna@work.example").await);
    }
}
