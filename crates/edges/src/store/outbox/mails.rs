//! Mails about news, each to one person.

use super::{Outbox, mail_counts};
use crate::store::{read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    ids::{MailId, UserId},
    mail::{MailKind, MailTurn},
    news::News,
    time::Timestamp,
    user::User,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    EntityTrait,
};

/// A mail that was not sent so far.
#[derive(Clone, Debug)]
pub struct WaitingMail {
    /// Its id.
    pub id: MailId,
    /// The person who must get the mail.
    pub recipient: User,
    /// The build as it is now.
    pub build: Build,
    /// The news in the mail.
    pub told: News,
    /// The time of the news.
    pub created_at: Timestamp,
}

impl Outbox<'_> {
    /// A mail, with its build and recipient as they are now; none if one of them is gone, or if the mail has no news.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn waiting_mail(self, id: MailId) -> Result<Option<WaitingMail>> {
        let row = rows::mail::Entity::find_by_id(id.0).one(&self.db.reader).await.context("find a mail")?;
        let Some(rows::mail::Model { build_id, user_id, status, created_at, .. }) = row else {
            return Ok(None);
        };
        let build =
            rows::build::Entity::find_by_id(build_id).one(&self.db.reader).await.context("find a build")?;
        let user =
            rows::user::Entity::find_by_id(user_id).one(&self.db.reader).await.context("find a user")?;
        let (Some(build), Some(user)) = (build, user) else { return Ok(None) };
        let (build, recipient) = (read::hooked_build(build)?, read::user(user));
        let (told, created_at) = (News::of(status.parse()?), Timestamp(created_at));
        Ok(told.map(|told| WaitingMail { id, recipient, build, told, created_at }))
    }

    /// Counts a mail to its person, among the mails of its kind. A mail that is tried again is not counted again,
    /// unless it waited for so long that other mails were counted since.
    ///
    /// # Errors
    /// There is no such mail, or the database does not answer.
    pub async fn take_mail_turn(
        self,
        id: MailId,
        kind: MailKind,
        most: u32,
        now: Timestamp,
    ) -> Result<MailTurn> {
        self.db
            .change("a mail's turn", move |tx| async move {
                let tx = &tx;
                let row = rows::mail::Entity::find_by_id(id.0).one(tx).await.context("find a mail")?;
                let row = row.with_context(|| format!("there is no mail {id}"))?;
                let before =
                    row.counted_from.zip(row.number).map(|(from, number)| mail_counts::read(from, number));
                if let Some(count) = before.filter(|count| count.is_current(kind, now)) {
                    return Ok(MailTurn::Granted(count));
                }
                let turn = mail_counts::count(tx, UserId(row.user_id), kind, most, now).await?;
                let MailTurn::Granted(count) = turn else { return Ok(turn) };
                let row = rows::mail::ActiveModel {
                    id: Unchanged(id.0),
                    counted_from: Set(Some(count.began_at.0)),
                    number: Set(Some(mail_counts::written(count.mails))),
                    ..Default::default()
                };
                row.update(tx).await.context("count a mail")?;
                Ok(turn)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        OutboxLane, Recipient, Subject,
        outbox::news::tests::{broken, next},
        tests::{NOW, Stage},
    };
    use kozmic_model::mail::MailCount;

    #[tokio::test]
    async fn a_mail_counts_once_however_often_it_is_tried_unless_it_waits_for_long() {
        let stage = Stage::new().await;
        let (build, news) = broken(&stage).await;
        stage
            .store
            .outbox()
            .spread_news(news, &build, &[Recipient::Member(stage.user); 4], NOW)
            .await
            .unwrap();
        let until = NOW.after(MailKind::Build.window());
        let granted = |began_at, mails| MailTurn::Granted(MailCount { began_at, mails });
        for (id, at, expected) in [
            (1, NOW, granted(NOW, 1)),
            (1, NOW, granted(NOW, 1)),
            (2, NOW, granted(NOW, 2)),
            (2, NOW, granted(NOW, 2)),
            (3, NOW, MailTurn::TooMany { until }),
            (3, until, granted(until, 1)),
            (4, until, granted(until, 2)),
            (2, until, MailTurn::TooMany { until: until.after(MailKind::Build.window()) }),
        ] {
            let turn = stage.store.outbox().take_mail_turn(MailId(id), MailKind::Build, 2, at).await.unwrap();
            assert_eq!(turn, expected, "mail {id} at {}", at.0);
        }
        let other =
            stage.store.outbox().take_mail_turn(MailId(2), MailKind::Approval, 2, until).await.unwrap();
        assert_eq!(other, granted(until, 1), "another kind has a number of its own");
        assert!(stage.store.outbox().take_mail_turn(MailId(99), MailKind::Build, 2, NOW).await.is_err());
    }

    #[tokio::test]
    async fn a_mail_goes_with_its_build() {
        let stage = Stage::new().await;
        let (build, news) = broken(&stage).await;
        stage.store.outbox().spread_news(news, &build, &[Recipient::Member(stage.user)], NOW).await.unwrap();
        stage.store.projects().erase_project(stage.project).await.unwrap();
        let Subject::Mail(id) = next(&stage, OutboxLane::MAIL).await.unwrap().subject else {
            panic!("a mail")
        };
        assert!(stage.store.outbox().waiting_mail(id).await.unwrap().is_none());
        assert!(stage.store.outbox().news(build.id).await.unwrap().is_none());
    }
}
