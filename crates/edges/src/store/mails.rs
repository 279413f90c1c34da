//! Mails: from a build's news to one for each person who wants to know.

use super::{
    Store,
    mail_quota::{self, Kind},
    outbox::{self, Outgoing, Subject},
    read, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    ids::{BuildId, MailId, UserId},
    mail::{HourlyLimit, still_holds},
    status::Status,
    time::Timestamp,
    user::User,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter,
};

/// A mail that was not sent yet.
#[derive(Clone, Debug)]
pub struct WaitingMail {
    /// Its id.
    pub id: MailId,
    /// The person who is to get it.
    pub recipient: User,
    /// The build as it stands now.
    pub build: Build,
    /// The build's status when the mail was planned.
    pub told: Status,
    /// The time when that was.
    pub created_at: Timestamp,
}

/// The answer to a mail that would go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTurn {
    /// It may.
    Free,
    /// It may, and none after it until then.
    Last(HourlyLimit),
    /// Its person got as many within the hour as there may be.
    TooMany,
}

impl Store {
    /// The build that members are to hear of; none if it is gone, or meanwhile stands otherwise.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn news(&self, build: BuildId) -> Result<Option<Build>> {
        let row = rows::build::Entity::find_by_id(build.0).one(&self.db).await.context("find a build")?;
        let Some(row) = row else { return Ok(None) };
        let told = row.mailed.as_deref().map(str::parse::<Status>).transpose()?;
        let build = read::hooked_build(row)?;
        Ok(told.filter(|told| still_holds(*told, build.status)).map(|_| build))
    }

    /// Puts one mail for each recipient into the outbox, in place of the news. If the news is no longer there, or has
    /// changed, nothing happens.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn spread_news(
        &self,
        news: Outgoing,
        build: &Build,
        recipients: &[UserId],
        now: Timestamp,
    ) -> Result<()> {
        let tx = self.write().await?;
        let taken = rows::outbox::Entity::delete_many()
            .filter(rows::outbox::Column::Id.eq(news.id.0))
            .filter(rows::outbox::Column::Version.eq(news.version));
        if taken.exec(&tx).await.context("take news out of the outbox")?.rows_affected == 0 {
            return Ok(());
        }
        for recipient in recipients {
            let row = rows::mail::ActiveModel {
                id: NotSet,
                build_id: Set(build.id.0),
                user_id: Set(recipient.0),
                status: Set(build.status.word().to_owned()),
                created_at: Set(now.0),
                counted: Set(false),
                last_until: Set(None),
            };
            let row = row.insert(&tx).await.context("plan a mail")?;
            outbox::put(&tx, Subject::Mail(MailId(row.id)), now).await?;
        }
        tx.commit().await.context("commit mails")
    }

    /// A mail, with its build and recipient as they are now; none if one of them is gone.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn waiting_mail(&self, id: MailId) -> Result<Option<WaitingMail>> {
        let row = rows::mail::Entity::find_by_id(id.0).one(&self.db).await.context("find a mail")?;
        let Some(rows::mail::Model { build_id, user_id, status, created_at, .. }) = row else {
            return Ok(None);
        };
        let build = rows::build::Entity::find_by_id(build_id).one(&self.db).await.context("find a build")?;
        let user = rows::user::Entity::find_by_id(user_id).one(&self.db).await.context("find a user")?;
        let (Some(build), Some(user)) = (build, user) else { return Ok(None) };
        let (build, recipient) = (read::hooked_build(build)?, read::user(user));
        let created_at = Timestamp(created_at);
        Ok(Some(WaitingMail { id, recipient, build, told: status.parse()?, created_at }))
    }
}

impl Store {
    /// Counts a mail among those that its person gets within an hour, once however often it is tried.
    ///
    /// # Errors
    /// There is no such mail, or the database does not answer.
    pub async fn take_mail_turn(&self, id: MailId, most: u32, now: Timestamp) -> Result<MailTurn> {
        let tx = self.write().await?;
        let row = rows::mail::Entity::find_by_id(id.0).one(&tx).await.context("find a mail")?;
        let row = row.with_context(|| format!("there is no mail {id}"))?;
        let last = |until: Timestamp| MailTurn::Last(HourlyLimit { mails: most, until });
        if row.counted {
            let until = row.last_until.map(Timestamp).filter(|until| *until > now);
            return Ok(until.map_or(MailTurn::Free, last));
        }
        let quota = mail_quota::take(&tx, UserId(row.user_id), Kind::Build, most, now).await?;
        let Some(number) = quota.number else { return Ok(MailTurn::TooMany) };
        let until = (number == most).then_some(quota.until);
        let row = rows::mail::ActiveModel {
            id: Unchanged(id.0),
            counted: Set(true),
            last_until: Set(until.map(|until| until.0)),
            ..Default::default()
        };
        row.update(&tx).await.context("count a mail")?;
        tx.commit().await.context("commit a mail's turn")?;
        Ok(until.map_or(MailTurn::Free, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Way,
        tests::{NOW, Stage},
    };

    /// A build that failed, and its news.
    async fn broken(stage: &Stage) -> (Build, Outgoing) {
        stage.push('a').await;
        stage.run(1).await;
        let news = next(stage).await.unwrap();
        let Subject::News(build) = news.subject else { panic!("news") };
        (stage.store.news(build).await.unwrap().unwrap(), news)
    }

    async fn next(stage: &Stage) -> Option<Outgoing> {
        stage.store.next_outgoing(Way::ToPeople).await.unwrap()
    }

    #[tokio::test]
    async fn news_becomes_one_mail_for_each_person_and_only_once() {
        let stage = Stage::new().await;
        let (build, news) = broken(&stage).await;
        for _ in 0..2 {
            stage.store.spread_news(news, &build, &[stage.user], NOW).await.unwrap();
        }
        let outgoing = next(&stage).await.unwrap();
        let Subject::Mail(id) = outgoing.subject else { panic!("a mail") };
        let mail = stage.store.waiting_mail(id).await.unwrap().unwrap();
        assert_eq!((mail.recipient.id, mail.build.id, mail.told), (stage.user, build.id, Status::Failure));
        stage.store.sent(outgoing).await.unwrap();
        assert!(next(&stage).await.is_none());
    }

    #[tokio::test]
    async fn a_mail_counts_once_and_the_last_one_knows_it() {
        let stage = Stage::new().await;
        let (build, news) = broken(&stage).await;
        stage.store.spread_news(news, &build, &[stage.user; 3], NOW).await.unwrap();
        let turn = async |id, at| stage.store.take_mail_turn(MailId(id), 2, at).await.unwrap();
        let until = NOW.after(std::time::Duration::from_secs(3_600));
        let last = MailTurn::Last(HourlyLimit { mails: 2, until });
        for (id, at, expected) in [
            (1, NOW, MailTurn::Free),
            (1, NOW, MailTurn::Free),
            (2, NOW, last),
            (2, NOW, last),
            (3, NOW, MailTurn::TooMany),
            (2, until, MailTurn::Free),
            (3, until, MailTurn::Free),
        ] {
            assert_eq!(turn(id, at).await, expected, "mail {id}");
        }
        assert!(stage.store.take_mail_turn(MailId(99), 2, NOW).await.is_err());
    }

    #[tokio::test]
    async fn news_that_changed_meanwhile_is_spread_anew() {
        let stage = Stage::new().await;
        let (build, news) = broken(&stage).await;
        let job = stage.store.jobs_of(build.id).await.unwrap().remove(0);
        stage.store.restart_job(job.id, NOW).await.unwrap().unwrap();
        assert!(stage.store.news(build.id).await.unwrap().is_none(), "it runs again");
        stage.run(1).await;
        stage.store.spread_news(news, &build, &[stage.user], NOW).await.unwrap();
        let again = next(&stage).await.unwrap();
        assert_eq!((again.subject, again.version), (news.subject, news.version + 1));
    }

    #[tokio::test]
    async fn a_mail_goes_with_its_build() {
        let stage = Stage::new().await;
        let (build, news) = broken(&stage).await;
        stage.store.spread_news(news, &build, &[stage.user], NOW).await.unwrap();
        stage.store.erase_project(stage.project).await.unwrap();
        let Subject::Mail(id) = next(&stage).await.unwrap().subject else { panic!("a mail") };
        assert!(stage.store.waiting_mail(id).await.unwrap().is_none());
        assert!(stage.store.news(build.id).await.unwrap().is_none());
    }
}
