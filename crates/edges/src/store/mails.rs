//! Mails: from a build's news to one for each person who wants to know.

use super::{
    Store,
    outbox::{self, Outgoing, Subject},
    read, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    ids::{BuildId, MailId, UserId},
    mail::still_holds,
    status::Status,
    time::Timestamp,
    user::User,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
};

/// A mail that was not sent yet.
#[derive(Clone, Debug)]
pub struct WaitingMail {
    /// Its id.
    pub id: MailId,
    /// Who is to get it.
    pub recipient: User,
    /// The build as it stands now.
    pub build: Build,
    /// How the build stood when the mail was planned.
    pub told: Status,
    /// When that was.
    pub created_at: Timestamp,
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
        let build = read::build(row)?;
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
        let (build, recipient) = (read::build(build)?, read::user(user));
        let created_at = Timestamp(created_at);
        Ok(Some(WaitingMail { id, recipient, build, told: status.parse()?, created_at }))
    }
}
