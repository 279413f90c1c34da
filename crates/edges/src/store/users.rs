//! People and their sessions.

use super::{Store, accounts::USE_GRAIN, aside, auto_builder, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    ids::UserId,
    time::Timestamp,
    user::{Profile, User},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use secrecy::SecretString;

pub(super) const TOKEN_PLACE: &str = "user.token";

/// A session that begins: who holds the secret behind the fingerprint is the user.
pub struct NewSession {
    /// SHA-256 of the secret in the cookie.
    pub fingerprint: String,
    /// The time when it ends by itself.
    pub expires_at: Timestamp,
    /// The browser's name for itself.
    pub agent: String,
}

/// A person's picture.
pub struct Avatar {
    /// An image type, such as `image/png`.
    pub content_type: String,
    /// The picture.
    pub bytes: Vec<u8>,
}

impl Store {
    /// Notes who signed in, with the forge's token (sealed), and begins a session.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sign_in(
        &self,
        profile: &Profile,
        token: &SecretString,
        session: &NewSession,
        now: Timestamp,
    ) -> Result<User> {
        let tx = self.write().await?;
        let user = upsert_user(&tx, profile, self.vault.seal(TOKEN_PLACE, token), now).await?;
        let row = rows::session::ActiveModel {
            fingerprint: Set(session.fingerprint.clone()),
            user_id: Set(user.id.0),
            created_at: Set(now.0),
            expires_at: Set(session.expires_at.0),
            agent: Set(session.agent.chars().take(200).collect()),
            seen_at: Set(now.0),
        };
        row.insert(&tx).await.context("begin a session")?;
        let expired = rows::session::Column::ExpiresAt.lt(now.0);
        rows::session::Entity::delete_many()
            .filter(expired)
            .exec(&tx)
            .await
            .context("drop expired sessions")?;
        tx.commit().await.context("commit a sign-in")?;
        Ok(user)
    }

    /// The user who holds a session, if it has not ended.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn user_of_session(&self, fingerprint: &str, now: Timestamp) -> Result<Option<User>> {
        let session = rows::session::Entity::find_by_id(fingerprint.to_owned());
        let session = session.filter(rows::session::Column::ExpiresAt.gt(now.0));
        let Some(session) = session.one(&self.db).await.context("find a session")? else { return Ok(None) };
        if now.since(Timestamp(session.seen_at)) > USE_GRAIN {
            let seen = rows::session::Entity::update_many()
                .col_expr(rows::session::Column::SeenAt, Expr::value(now.0))
                .filter(rows::session::Column::Fingerprint.eq(fingerprint));
            aside(seen.exec(&self.writer)).await;
        }
        self.user(UserId(session.user_id)).await
    }

    /// One user.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        let row = rows::user::Entity::find_by_id(id.0).one(&self.db).await.context("find a user")?;
        Ok(row.map(read::user))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sign_out(&self, fingerprint: &str) -> Result<()> {
        let session = rows::session::Entity::delete_by_id(fingerprint.to_owned());
        session.exec(&self.writer).await.context("end a session")?;
        Ok(())
    }

    /// Forgets a token that the forge no longer accepts, and signs its user out everywhere. The Auto Builder's stays:
    /// it stands in the settings.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn drop_token(&self, id: UserId) -> Result<()> {
        let tx = self.write().await?;
        if auto_builder::is_auto_builder(&tx, id).await? {
            return Ok(());
        }
        let row =
            rows::user::ActiveModel { id: Unchanged(id.0), token: Set(Vec::new()), ..Default::default() };
        row.update(&tx).await.context("forget a token")?;
        let sessions = rows::session::Entity::delete_many().filter(rows::session::Column::UserId.eq(id.0));
        sessions.exec(&tx).await.context("end a user's sessions")?;
        tx.commit().await.context("commit a token's end")
    }

    /// A user's token at the forge.
    ///
    /// # Errors
    /// There is no such user, they never signed in or their token ended, or it was sealed with another key.
    pub async fn token_of(&self, id: UserId) -> Result<SecretString> {
        let row = rows::user::Entity::find_by_id(id.0).one(&self.db).await.context("find a user's token")?;
        let row = row.with_context(|| format!("there is no user {id}"))?;
        anyhow::ensure!(!row.token.is_empty(), "{} has to sign in once more", row.login);
        self.vault.open(TOKEN_PLACE, &row.token)
    }

    /// A user's picture, if it could be fetched.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn avatar(&self, id: UserId) -> Result<Option<Avatar>> {
        let row = rows::avatar::Entity::find_by_id(id.0).one(&self.db).await.context("find a picture")?;
        Ok(row.map(|row| Avatar { content_type: row.content_type, bytes: row.picture }))
    }

    /// Keeps a user's picture.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn keep_avatar(&self, id: UserId, avatar: Avatar) -> Result<()> {
        let row = rows::avatar::ActiveModel {
            user_id: Set(id.0),
            content_type: Set(avatar.content_type),
            picture: Set(avatar.bytes),
        };
        let newest = OnConflict::column(rows::avatar::Column::UserId)
            .update_columns([rows::avatar::Column::ContentType, rows::avatar::Column::Picture])
            .to_owned();
        let keep = rows::avatar::Entity::insert(row).on_conflict(newest);
        keep.exec_without_returning(&self.writer).await.context("keep a picture")?;
        Ok(())
    }
}

async fn upsert_user(
    tx: &DatabaseTransaction,
    profile: &Profile,
    token: Vec<u8>,
    now: Timestamp,
) -> Result<User> {
    let Profile { forge_id, login, name, avatar_url, email } = profile.clone();
    let known = rows::user::Entity::find().filter(rows::user::Column::ForgeId.eq(forge_id.0));
    let known = known.one(tx).await.context("find a user")?;
    let row = rows::user::ActiveModel {
        id: known.as_ref().map_or(NotSet, |row| Set(row.id)),
        forge_id: Set(forge_id.0),
        login: Set(login),
        name: Set(name),
        avatar_url: Set(avatar_url),
        email: Set(email),
        token: Set(token),
        created_at: Set(known.as_ref().map_or(now.0, |row| row.created_at)),
        signed_in_at: Set(now.0),
        ..blank_mail_settings(known.is_some())
    };
    let row = if known.is_some() { row.update(tx).await } else { row.insert(tx).await };
    Ok(read::user(row.context("note a user")?))
}

/// Columns about mail of a new user's row; a known user's stay.
pub(super) fn blank_mail_settings(is_known: bool) -> rows::user::ActiveModel {
    match is_known {
        true => rows::user::ActiveModel { ..Default::default() },
        false => rows::user::ActiveModel {
            mail_address: Set(None),
            mail_is_on: Set(true),
            mail_only_own: Set(false),
            ..Default::default()
        },
    }
}

/// The user of that number at the forge; one who never signed in is noted as the forge describes them.
pub(super) async fn known_by_forge(
    tx: &DatabaseTransaction,
    profile: &Profile,
    now: Timestamp,
) -> Result<UserId> {
    let known = rows::user::Entity::find().filter(rows::user::Column::ForgeId.eq(profile.forge_id.0));
    if let Some(row) = known.one(tx).await.context("find a user")? {
        if row.login != profile.login || row.avatar_url != profile.avatar_url {
            let renamed = rows::user::ActiveModel {
                id: Unchanged(row.id),
                login: Set(profile.login.clone()),
                avatar_url: Set(profile.avatar_url.clone()),
                ..Default::default()
            };
            renamed.update(tx).await.context("rename a user")?;
        }
        return Ok(UserId(row.id));
    }
    let Profile { forge_id, login, name, avatar_url, email } = profile.clone();
    let row = rows::user::ActiveModel {
        id: NotSet,
        forge_id: Set(forge_id.0),
        login: Set(login),
        name: Set(name),
        avatar_url: Set(avatar_url),
        email: Set(email),
        token: Set(Vec::new()),
        created_at: Set(now.0),
        signed_in_at: Set(0),
        ..blank_mail_settings(false)
    };
    Ok(UserId(row.insert(tx).await.context("note a user")?.id))
}
