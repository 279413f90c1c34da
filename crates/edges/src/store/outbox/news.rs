//! Turns news into the messages of the notifiers: a mail for each member who wants one, a notice for each channel.

use super::{Outbox, Outgoing, Subject, lane::OutboxLane, put};
use crate::store::{database::Transaction, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    ids::{BuildId, MailId, UserId},
    news::{News, NotifierName},
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, QueryFilter,
};

/// A recipient of news, who gets one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A member of the project, by mail.
    Member(UserId),
    /// The channel of this notifier.
    Channel(NotifierName),
}

impl Outbox<'_> {
    /// The build of the news; none if the build is gone, or if its status has changed so that the news is outdated.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn news(self, build: BuildId) -> Result<Option<Build>> {
        let row =
            rows::build::Entity::find_by_id(build.0).one(&self.db.reader).await.context("find a build")?;
        let Some(row) = row else { return Ok(None) };
        let told = row.mailed.as_deref().map(str::parse::<Status>).transpose()?.and_then(News::of);
        let build = read::hooked_build(row)?;
        Ok(told.filter(|news| news.still_holds(build.status)).map(|_| build))
    }

    /// Replaces news in the outbox by one message for each recipient. If the news is not there any more, or has
    /// changed, nothing happens.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn spread_news(
        self,
        news: Outgoing,
        build: &Build,
        recipients: &[Recipient],
        now: Timestamp,
    ) -> Result<()> {
        self.db
            .change_in_parallel("the messages of news", move |tx| async move {
                let tx = &tx;
                // A change of the build locks it before it writes news about it.
                tx.lock_build(build.id.0).await?;
                let taken = rows::outbox::Entity::delete_many()
                    .filter(rows::outbox::Column::Id.eq(news.id.0))
                    .filter(rows::outbox::Column::Version.eq(news.version));
                if taken.exec(tx).await.context("take news out of the outbox")?.rows_affected == 0 {
                    return Ok(());
                }
                for recipient in recipients {
                    let subject = match *recipient {
                        Recipient::Member(user) => Subject::Mail(plan_mail(tx, build, user, now).await?),
                        Recipient::Channel(name) => Subject::Notice(name, build.id),
                    };
                    put(tx, subject, now).await?;
                }
                Ok(())
            })
            .await
    }

    /// Removes the messages of notifiers that are not in this list, because nobody sends them. News without messages so
    /// far stays.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn drop_unsendable(self, notifiers: &[NotifierName]) -> Result<u64> {
        let kinds = |name: &NotifierName| OutboxLane::Notifier(*name).kinds();
        let of_notifiers = Condition::any()
            .add(rows::outbox::Column::Kind.is_in(kinds(&NotifierName::MAIL)))
            .add(rows::outbox::Column::Kind.starts_with(super::lane::NOTICE));
        let dropped = rows::outbox::Entity::delete_many()
            .filter(of_notifiers)
            .filter(rows::outbox::Column::Kind.is_not_in(notifiers.iter().flat_map(kinds)));
        let dropped = dropped.exec(&self.db.writer).await.context("drop messages that nobody sends")?;
        Ok(dropped.rows_affected)
    }
}

async fn plan_mail(tx: &Transaction, build: &Build, user: UserId, now: Timestamp) -> Result<MailId> {
    let row = rows::mail::ActiveModel {
        id: NotSet,
        build_id: Set(build.id.0),
        user_id: Set(user.0),
        status: Set(build.status.word().to_owned()),
        created_at: Set(now.0),
        counted_from: Set(None),
        number: Set(None),
    };
    Ok(MailId(row.insert(tx).await.context("plan a mail")?.id))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage};

    const CHAT: NotifierName = NotifierName::new("chat");

    /// A build that failed, and the news of that.
    pub(in crate::store::outbox) async fn broken(stage: &Stage) -> (Build, Outgoing) {
        stage.push('a').await;
        stage.run(1).await;
        let news = next(stage, OutboxLane::News).await.unwrap();
        let Subject::News(build) = news.subject else { panic!("news") };
        (stage.store.outbox().news(build).await.unwrap().unwrap(), news)
    }

    pub(in crate::store::outbox) async fn next(stage: &Stage, lane: OutboxLane) -> Option<Outgoing> {
        stage.store.outbox().next_outgoing(lane).await.unwrap()
    }

    #[tokio::test]
    async fn news_becomes_one_message_for_each_recipient_and_only_once() {
        let stage = Stage::new().await;
        let (build, news) = broken(&stage).await;
        let recipients = [Recipient::Member(stage.user), Recipient::Channel(CHAT)];
        for _ in 0..2 {
            stage.store.outbox().spread_news(news, &build, &recipients, NOW).await.unwrap();
        }
        assert!(next(&stage, OutboxLane::News).await.is_none());
        let outgoing = next(&stage, OutboxLane::MAIL).await.unwrap();
        let Subject::Mail(id) = outgoing.subject else { panic!("a mail") };
        let mail = stage.store.outbox().waiting_mail(id).await.unwrap().unwrap();
        assert_eq!((mail.recipient.id, mail.build.id, mail.told), (stage.user, build.id, News::Broke));
        stage.store.outbox().sent(outgoing).await.unwrap();
        assert!(next(&stage, OutboxLane::MAIL).await.is_none());
        let notice = next(&stage, OutboxLane::Notifier(CHAT)).await.unwrap();
        assert_eq!((notice.subject, notice.version), (Subject::Notice(CHAT, build.id), 1));
    }

    #[tokio::test]
    async fn a_notice_that_waits_takes_up_the_next_news_of_its_build() {
        let stage = Stage::new().await;
        let (build, news) = broken(&stage).await;
        let spread = async |news, at| {
            let recipients = [Recipient::Channel(CHAT)];
            stage.store.outbox().spread_news(news, &build, &recipients, at).await.unwrap();
        };
        spread(news, NOW).await;
        let first = next(&stage, OutboxLane::Notifier(CHAT)).await.unwrap();
        let job = stage.store.builds().jobs_of(build.id).await.unwrap().remove(0);
        stage.store.queue().restart_job(job.id, NOW).await.unwrap().unwrap();
        stage.run(1).await;
        let later = NOW.after(std::time::Duration::from_secs(60));
        spread(next(&stage, OutboxLane::News).await.unwrap(), later).await;
        let again = next(&stage, OutboxLane::Notifier(CHAT)).await.unwrap();
        assert_eq!((again.id, again.version, again.created_at), (first.id, 2, later));
        assert_eq!(again.not_before, first.not_before);
    }

    #[tokio::test]
    async fn messages_of_a_notifier_that_is_gone_are_dropped_and_no_others() {
        let stage = Stage::new().await;
        let (build, news) = broken(&stage).await;
        let recipients = [Recipient::Member(stage.user), Recipient::Channel(CHAT)];
        stage.store.outbox().spread_news(news, &build, &recipients, NOW).await.unwrap();
        let left = async |lane| next(&stage, lane).await.is_some();
        let chat = OutboxLane::Notifier(CHAT);
        assert_eq!(stage.store.outbox().drop_unsendable(&[NotifierName::MAIL, CHAT]).await.unwrap(), 0);
        assert_eq!(stage.store.outbox().drop_unsendable(&[CHAT]).await.unwrap(), 1);
        assert!(!left(OutboxLane::MAIL).await && left(chat).await);
        assert_eq!(stage.store.outbox().drop_unsendable(&[]).await.unwrap(), 1);
        assert!(!left(chat).await && left(OutboxLane::Forge).await);
    }

    #[tokio::test]
    async fn news_that_changed_meanwhile_is_spread_anew() {
        let stage = Stage::new().await;
        let (build, news) = broken(&stage).await;
        let job = stage.store.builds().jobs_of(build.id).await.unwrap().remove(0);
        stage.store.queue().restart_job(job.id, NOW).await.unwrap().unwrap();
        assert!(stage.store.outbox().news(build.id).await.unwrap().is_none(), "it runs again");
        stage.run(1).await;
        stage.store.outbox().spread_news(news, &build, &[Recipient::Member(stage.user)], NOW).await.unwrap();
        let again = next(&stage, OutboxLane::News).await.unwrap();
        assert_eq!((again.subject, again.version), (news.subject, news.version + 1));
    }
}
