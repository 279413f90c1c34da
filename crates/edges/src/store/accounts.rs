//! Things that people set for themselves: mail, sessions, keys to the API.

use super::{Store, aside, read, rows};
use crate::secret;
use anyhow::{Context, Result};
use kozmic_model::{
    ids::{ApiTokenId, UserId},
    time::Timestamp,
    user::{MailSettings, User},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// Beginning of API tokens, so that people and scanners know one when they see it.
const TOKEN_PREFIX: &str = "kozmic_";

/// Precision of the time when sessions and tokens were last used.
pub(super) const USE_GRAIN: Duration = Duration::from_secs(60);

/// A browser that is signed in.
#[derive(Clone, Debug)]
pub struct SessionLine {
    /// The fingerprint that it is known by.
    pub fingerprint: String,
    /// The browser's name for itself.
    pub agent: String,
    /// The time when it signed in.
    pub created_at: Timestamp,
    /// The time when it last asked for something, to the minute.
    pub seen_at: Timestamp,
}

/// A key to the API; the key itself is known to its user only.
#[derive(Clone, Debug)]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// The user's name for it.
    pub title: String,
    /// The time when it was made.
    pub created_at: Timestamp,
    /// The time when it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

impl Store {
    /// Notes whether, where and of what a user wants mail.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn change_mail_settings(&self, user: UserId, mail: &MailSettings) -> Result<()> {
        let row = rows::user::ActiveModel {
            id: Unchanged(user.0),
            mail_address: Set(mail.address.clone()),
            mail_is_on: Set(mail.is_on),
            mail_only_own: Set(mail.only_own_commits),
            ..Default::default()
        };
        row.update(&self.writer).await.context("note a user's wishes for mail")?;
        Ok(())
    }

    /// A user's sessions that have not ended, the last seen first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionLine>> {
        let rows = rows::session::Entity::find()
            .filter(rows::session::Column::UserId.eq(user.0))
            .filter(rows::session::Column::ExpiresAt.gt(now.0))
            .order_by_desc(rows::session::Column::SeenAt)
            .order_by_desc(rows::session::Column::CreatedAt);
        let rows = rows.all(&self.db).await.context("list sessions")?;
        let line = |row: rows::session::Model| SessionLine {
            fingerprint: row.fingerprint,
            agent: row.agent,
            created_at: Timestamp(row.created_at),
            seen_at: Timestamp(row.seen_at.max(row.created_at)),
        };
        Ok(rows.into_iter().map(line).collect())
    }

    /// Ends all sessions of a user but one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sign_out_others(&self, user: UserId, fingerprint: &str) -> Result<()> {
        rows::session::Entity::delete_many()
            .filter(rows::session::Column::UserId.eq(user.0))
            .filter(rows::session::Column::Fingerprint.ne(fingerprint))
            .exec(&self.writer)
            .await
            .context("end other sessions")?;
        Ok(())
    }

    /// A user's API tokens, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn api_tokens(&self, user: UserId) -> Result<Vec<ApiToken>> {
        let rows = rows::api_token::Entity::find()
            .filter(rows::api_token::Column::UserId.eq(user.0))
            .order_by_desc(rows::api_token::Column::Id);
        let rows = rows.all(&self.db).await.context("list API tokens")?;
        let token = |row: rows::api_token::Model| ApiToken {
            id: ApiTokenId(row.id),
            title: row.title,
            created_at: Timestamp(row.created_at),
            used_at: row.used_at.map(Timestamp),
        };
        Ok(rows.into_iter().map(token).collect())
    }

    /// Makes an API token; this is the only time that it is told.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn add_api_token(&self, user: UserId, title: &str, now: Timestamp) -> Result<SecretString> {
        let token = format!("{TOKEN_PREFIX}{}", secret::random().expose_secret());
        let row = rows::api_token::ActiveModel {
            id: NotSet,
            user_id: Set(user.0),
            title: Set(title.to_owned()),
            fingerprint: Set(secret::fingerprint(&token)),
            created_at: Set(now.0),
            used_at: Set(None),
        };
        row.insert(&self.writer).await.context("make an API token")?;
        Ok(token.into())
    }

    /// Ends a user's API token.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_api_token(&self, user: UserId, id: ApiTokenId) -> Result<()> {
        rows::api_token::Entity::delete_many()
            .filter(rows::api_token::Column::UserId.eq(user.0))
            .filter(rows::api_token::Column::Id.eq(id.0))
            .exec(&self.writer)
            .await
            .context("end an API token")?;
        Ok(())
    }

    /// The user of that API token, noted as used now; none if it is nobody's, or if the forge no longer accepts its
    /// user's sign-in: until they sign in again, their API tokens rest.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn user_of_api_token(&self, token: &SecretString, now: Timestamp) -> Result<Option<User>> {
        let fingerprint = secret::fingerprint(token.expose_secret());
        let row =
            rows::api_token::Entity::find().filter(rows::api_token::Column::Fingerprint.eq(fingerprint));
        let Some(row) = row.one(&self.db).await.context("find an API token")? else { return Ok(None) };
        let user = rows::user::Entity::find_by_id(row.user_id).one(&self.db).await.context("find a user")?;
        let Some(user) = user.filter(|user| !user.token.is_empty()) else { return Ok(None) };
        if row.used_at.is_none_or(|used_at| now.since(Timestamp(used_at)) > USE_GRAIN) {
            let used_at = Set(Some(now.0));
            let used = rows::api_token::ActiveModel { id: Unchanged(row.id), used_at, ..Default::default() };
            aside(used.update(&self.writer)).await;
        }
        Ok(Some(read::user(user)))
    }
}
