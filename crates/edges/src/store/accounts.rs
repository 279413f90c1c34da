//! Things that people set for themselves: whether, where and of what they want mail.

use super::{
    Store, audit,
    mail_quota::{self, Kind},
    outbox::{self, Subject},
    read, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Actor, Deed},
    ids::UserId,
    time::Timestamp,
    user::{MailSettings, MailWishes, User},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    DatabaseTransaction, EntityTrait,
};

/// The number of links to confirm an address that go out for one person within an hour: each goes to whom they like.
const LINKS: u32 = 5;

/// The outcome of asking for mail somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailAsked {
    /// It is as asked.
    Done,
    /// It is, and a link to confirm the address goes there.
    LinkGoesOut,
    /// Nothing changed: there were as many links within an hour as one may have.
    TooManyLinks {
        /// The time from which there may be more.
        until: Timestamp,
    },
}

impl Store {
    /// Notes whether, where and of what a user wants mail. An address that nobody vouches for waits, and a link to
    /// confirm it goes there.
    ///
    /// # Errors
    /// There is no such user, or the database does not answer.
    pub async fn change_mail_settings(
        &self,
        user: UserId,
        wishes: MailWishes,
        now: Timestamp,
    ) -> Result<MailAsked> {
        let tx = self.write().await?;
        let before = mail_user(&tx, user).await?;
        let wanted = before.mail.changed(wishes, before.profile.email.as_deref());
        let is_new = wanted.unconfirmed.is_some() && wanted.unconfirmed != before.mail.unconfirmed;
        let asked = if is_new { send_link(&tx, user, now).await? } else { MailAsked::Done };
        if let MailAsked::TooManyLinks { .. } = asked {
            return Ok(asked);
        }
        set_mail(&tx, user, &wanted).await?;
        self.note(&tx, Deed::new(Action::MailChanged, None, "")).await?;
        tx.commit().await.context("commit a user's wishes for mail")?;
        Ok(asked)
    }

    /// Sends the link to the address that waits to be confirmed once more, if there is one.
    ///
    /// # Errors
    /// There is no such user, or the database does not answer.
    pub async fn send_mail_link(&self, user: UserId, now: Timestamp) -> Result<MailAsked> {
        let tx = self.write().await?;
        if mail_user(&tx, user).await?.mail.unconfirmed.is_none() {
            return Ok(MailAsked::Done);
        }
        let asked = send_link(&tx, user, now).await?;
        tx.commit().await.context("commit one more link")?;
        Ok(asked)
    }

    /// Lets mail go to the address that waited to be confirmed; `false` if it is another one, or none.
    ///
    /// # Errors
    /// There is no such user, or the database does not answer.
    pub async fn confirm_mail(&self, user: UserId, address: &str) -> Result<bool> {
        let tx = self.write().await?;
        let before = mail_user(&tx, user).await?.mail;
        if before.unconfirmed.as_deref() != Some(address) {
            return Ok(false);
        }
        set_mail(&tx, user, &MailSettings { address: before.unconfirmed, unconfirmed: None, ..before })
            .await?;
        self.note(&tx, Deed::new(Action::MailConfirmed, None, "")).await?;
        tx.commit().await.context("commit that an address is confirmed")?;
        Ok(true)
    }

    /// Ends all mail of a user, for whoever reads the mail of their address; `false` if that gets none any more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn stop_mail(&self, user: UserId, address: &str) -> Result<bool> {
        let tx = self.write().await?;
        let row = rows::user::Entity::find_by_id(user.0).one(&tx).await.context("find a user")?;
        let Some(before) = row.map(read::user) else { return Ok(false) };
        if before.mail_address() != Some(address) {
            return Ok(false);
        }
        let actor = Actor::Person { user, login: before.profile.login, token: None };
        set_mail(&tx, user, &MailSettings { is_on: false, ..before.mail }).await?;
        audit::note(&tx, &actor, Deed::new(Action::MailStopped, None, "")).await?;
        tx.commit().await.context("commit the end of a user's mail")?;
        Ok(true)
    }
}

async fn mail_user(tx: &DatabaseTransaction, user: UserId) -> Result<User> {
    let row = rows::user::Entity::find_by_id(user.0).one(tx).await.context("find a user")?;
    row.map(read::user).with_context(|| format!("there is no user {user}"))
}

async fn set_mail(tx: &DatabaseTransaction, user: UserId, mail: &MailSettings) -> Result<()> {
    let row = rows::user::ActiveModel {
        id: Unchanged(user.0),
        mail_address: Set(mail.address.clone()),
        mail_unconfirmed: Set(mail.unconfirmed.clone()),
        mail_is_on: Set(mail.is_on),
        mail_only_own: Set(mail.only_own_commits),
        ..Default::default()
    };
    row.update(tx).await.context("note a user's wishes for mail")?;
    Ok(())
}

async fn send_link(tx: &DatabaseTransaction, user: UserId, now: Timestamp) -> Result<MailAsked> {
    let quota = mail_quota::take(tx, user, Kind::Link, LINKS, now).await?;
    if quota.number.is_none() {
        return Ok(MailAsked::TooManyLinks { until: quota.until });
    }
    outbox::put(tx, Subject::MailLink(user), now).await?;
    Ok(MailAsked::LinkGoesOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Way,
        tests::{NOW, Stage},
    };

    fn wishes(address: &str) -> MailWishes {
        MailWishes { address: Some(address.to_owned()), is_on: true, only_own_commits: false }
    }

    impl Stage {
        async fn wish(&self, address: &str) -> MailAsked {
            self.store.change_mail_settings(self.user, wishes(address), NOW).await.unwrap()
        }

        async fn mail(&self) -> MailSettings {
            self.store.user(self.user).await.unwrap().unwrap().mail
        }
    }

    #[tokio::test]
    async fn an_address_waits_until_its_reader_confirms_it() {
        let stage = Stage::new().await;
        assert_eq!(stage.wish("anna@work.example").await, MailAsked::LinkGoesOut);
        let outgoing = stage.store.next_outgoing(Way::ToPeople).await.unwrap().unwrap();
        assert_eq!(outgoing.subject, Subject::MailLink(stage.user));
        assert_eq!(stage.mail().await.unconfirmed.as_deref(), Some("anna@work.example"));
        assert_eq!(stage.wish("anna@work.example").await, MailAsked::Done, "the link is under way");
        assert!(!stage.store.confirm_mail(stage.user, "eve@work.example").await.unwrap());
        assert!(stage.store.confirm_mail(stage.user, "anna@work.example").await.unwrap());
        assert!(!stage.store.confirm_mail(stage.user, "anna@work.example").await.unwrap());
        let mail = stage.mail().await;
        assert_eq!((mail.address.as_deref(), mail.unconfirmed), (Some("anna@work.example"), None));
    }

    #[tokio::test]
    async fn one_person_has_few_links_sent_within_an_hour() {
        let stage = Stage::new().await;
        for number in 0..LINKS {
            assert_eq!(stage.wish(&format!("{number}@work.example")).await, MailAsked::LinkGoesOut);
        }
        let until = NOW.after(std::time::Duration::from_secs(3_600));
        assert_eq!(stage.wish("one@more.example").await, MailAsked::TooManyLinks { until });
        let again = stage.store.send_mail_link(stage.user, NOW).await.unwrap();
        assert_eq!(again, MailAsked::TooManyLinks { until });
        assert_eq!(stage.mail().await.unconfirmed.as_deref(), Some("4@work.example"));
        let later = stage.store.send_mail_link(stage.user, until).await.unwrap();
        assert_eq!(later, MailAsked::LinkGoesOut);
    }

    #[tokio::test]
    async fn whoever_reads_an_address_can_stop_its_mail_and_no_other() {
        let stage = Stage::new().await;
        stage.wish("anna@work.example").await;
        assert!(!stage.store.stop_mail(stage.user, "anna@work.example").await.unwrap(), "it gets none yet");
        stage.store.confirm_mail(stage.user, "anna@work.example").await.unwrap();
        assert!(!stage.store.stop_mail(UserId(99), "anna@work.example").await.unwrap());
        assert!(!stage.store.stop_mail(stage.user, "old@work.example").await.unwrap());
        assert!(stage.store.stop_mail(stage.user, "anna@work.example").await.unwrap());
        assert!(!stage.mail().await.is_on);
        assert!(!stage.store.stop_mail(stage.user, "anna@work.example").await.unwrap());
    }
}
