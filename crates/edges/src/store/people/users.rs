//! Users: people who signed in, their profiles at the forge, and the tokens that the forge gave.

use super::{
    People,
    sessions::{self, NewSession},
};
use crate::store::{audit, database::Transaction, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Actor, Deed},
    ids::{ForgeUserId, UserId},
    invited::Admission,
    time::Timestamp,
    user::{Profile, User, is_same_address},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::OnConflict,
};
use secrecy::SecretString;

/// The forge's number of the Auto Builder's user: the forge gives this number to nobody.
pub(in crate::store) const AUTO_BUILDER: ForgeUserId = ForgeUserId(0);

pub(in crate::store) const TOKEN_PLACE: &str = "user.token";

/// A person's picture.
pub struct Avatar {
    /// An image type, such as `image/png`.
    pub content_type: String,
    /// The picture.
    pub bytes: Vec<u8>,
}

impl People<'_> {
    /// Stores a person who signed in, with the forge's token (sealed), and begins a session in place of the browser's
    /// earlier one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sign_in(
        self,
        profile: &Profile,
        token: &SecretString,
        session: &NewSession,
        now: Timestamp,
    ) -> Result<User> {
        self.db
            .change("a sign-in", move |tx| async move {
                let tx = &tx;
                let user = upsert_user(tx, profile, self.db.vault.seal(TOKEN_PLACE, token), now).await?;
                let user = note_admission(tx, user.id, &session.admission).await?;
                sessions::begin(tx, user.id, session, now).await?;
                let actor = Actor::Person { user: user.id, login: user.profile.login.clone(), token: None };
                audit::note_by(tx, &actor, Deed::new(Action::SignedIn, None, &session.agent)).await?;
                Ok(user)
            })
            .await
    }

    /// One user.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn user(self, id: UserId) -> Result<Option<User>> {
        find(&self.db.reader, id).await
    }

    /// Deletes a token that the forge no longer accepts, and signs its user out everywhere. The Auto Builder's token
    /// stays, because it comes from the settings.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn drop_token(self, id: UserId) -> Result<()> {
        self.db
            .change("a token's end", move |tx| async move {
                let tx = &tx;
                if is_auto_builder(tx, id).await? {
                    return Ok(());
                }
                let row = rows::user::ActiveModel {
                    id: Unchanged(id.0),
                    token: Set(Vec::new()),
                    ..Default::default()
                };
                let row = row.update(tx).await.context("forget a token")?;
                sessions::end_all(tx, id).await?;
                tx.note(Deed::new(Action::SignInEnded, None, &row.login)).await?;
                Ok(())
            })
            .await
    }

    /// Notes the organization that admits a user. A user whom no organization admits is signed out everywhere.
    ///
    /// # Errors
    /// There is no such user, or the database does not answer.
    pub async fn note_admission(self, id: UserId, admission: &Admission) -> Result<()> {
        self.db
            .change("an admission", move |tx| async move {
                let tx = &tx;
                let user = note_admission(tx, id, admission).await?;
                if *admission == Admission::Nobody {
                    sessions::end_all(tx, id).await?;
                    tx.note(Deed::new(Action::PutOut, None, &user.profile.login)).await?;
                }
                Ok(())
            })
            .await
    }

    /// The users who are admitted by an organization, and about whom the forge can be asked.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn guests(self) -> Result<Vec<User>> {
        let rows = rows::user::Entity::find().filter(rows::user::Column::AdmittedBy.ne(""));
        let rows = rows.all(&self.db.reader).await.context("list who is here by an organization")?;
        Ok(rows.into_iter().filter(|row| !row.token.is_empty()).map(read::user).collect())
    }

    /// A user's token at the forge.
    ///
    /// # Errors
    /// There is no such user, the user never signed in, the token ended, or it was sealed with another key.
    pub async fn token_of(self, id: UserId) -> Result<SecretString> {
        let row =
            rows::user::Entity::find_by_id(id.0).one(&self.db.reader).await.context("find a user's token")?;
        let row = row.with_context(|| format!("there is no user {id}"))?;
        anyhow::ensure!(!row.token.is_empty(), "{} has to sign in once more", row.login);
        self.db.vault.open(TOKEN_PLACE, &row.token)
    }

    /// A user's picture, if it could be fetched.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn avatar(self, id: UserId) -> Result<Option<Avatar>> {
        let row =
            rows::avatar::Entity::find_by_id(id.0).one(&self.db.reader).await.context("find a picture")?;
        Ok(row.map(|row| Avatar { content_type: row.content_type, bytes: row.picture }))
    }

    /// Keeps a user's picture.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn keep_avatar(self, id: UserId, avatar: Avatar) -> Result<()> {
        let row = rows::avatar::ActiveModel {
            user_id: Set(id.0),
            content_type: Set(avatar.content_type),
            picture: Set(avatar.bytes),
        };
        let newest = OnConflict::column(rows::avatar::Column::UserId)
            .update_columns([rows::avatar::Column::ContentType, rows::avatar::Column::Picture])
            .to_owned();
        let keep = rows::avatar::Entity::insert(row).on_conflict(newest);
        keep.exec_without_returning(&self.db.writer).await.context("keep a picture")?;
        Ok(())
    }
}

/// One user, read by a connection or in a transaction.
pub(in crate::store) async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<User>> {
    let row = rows::user::Entity::find_by_id(id.0).one(db).await.context("find a user")?;
    Ok(row.map(read::user))
}

async fn note_admission(tx: &Transaction, id: UserId, admission: &Admission) -> Result<User> {
    let admitted_by = match admission {
        Admission::Unasked => None,
        Admission::Organization(name) => Some(name.clone()),
        Admission::Nobody => Some(String::new()),
    };
    let row =
        rows::user::ActiveModel { id: Unchanged(id.0), admitted_by: Set(admitted_by), ..Default::default() };
    Ok(read::user(row.update(tx).await.context("note an admission")?))
}

async fn upsert_user(tx: &Transaction, profile: &Profile, token: Vec<u8>, now: Timestamp) -> Result<User> {
    let known = rows::user::Entity::find().filter(rows::user::Column::ForgeId.eq(profile.forge_id.0));
    let row = match known.one(tx).await.context("find a user")? {
        Some(known) => {
            let row = rows::user::ActiveModel {
                id: Unchanged(known.id),
                token: Set(token),
                signed_in_at: Set(now.0),
                ..profile_columns(profile)
            };
            row.update(tx).await
        }
        None => {
            let signed_in_at = Set(now.0);
            let row = rows::user::ActiveModel { signed_in_at, ..new_row(profile, token, now) };
            row.insert(tx).await
        }
    };
    confirmed_by_forge(tx, row.context("note a user")?).await
}

/// Columns of a user's row that are as the forge describes the user.
fn profile_columns(profile: &Profile) -> rows::user::ActiveModel {
    let Profile { forge_id, login, name, avatar_url, email } = profile.clone();
    rows::user::ActiveModel {
        forge_id: Set(forge_id.0),
        login: Set(login),
        name: Set(name),
        avatar_url: Set(avatar_url),
        email: Set(email),
        ..Default::default()
    }
}

/// The row of a new user who never signed in.
pub(in crate::store) fn new_row(
    profile: &Profile,
    token: Vec<u8>,
    now: Timestamp,
) -> rows::user::ActiveModel {
    rows::user::ActiveModel {
        id: NotSet,
        token: Set(token),
        created_at: Set(now.0),
        signed_in_at: Set(0),
        mail_address: Set(None),
        mail_unconfirmed: Set(None),
        mail_is_on: Set(true),
        mail_only_own: Set(false),
        ..profile_columns(profile)
    }
}

/// Confirms an address that waits, if the forge reports that address now.
async fn confirmed_by_forge(tx: &Transaction, row: rows::user::Model) -> Result<User> {
    let (waiting, told) = (row.mail_unconfirmed.as_deref(), row.email.as_deref());
    if !waiting.zip(told).is_some_and(|(waiting, told)| is_same_address(waiting, told)) {
        return Ok(read::user(row));
    }
    let fresh = rows::user::ActiveModel {
        id: Unchanged(row.id),
        mail_address: Set(row.mail_unconfirmed),
        mail_unconfirmed: Set(None),
        ..Default::default()
    };
    Ok(read::user(fresh.update(tx).await.context("note an address that the forge confirms")?))
}

/// The user with that number at the forge. A user who never signed in is stored as the forge describes them.
pub(in crate::store) async fn known_by_forge(
    tx: &Transaction,
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
    let row = new_row(profile, Vec::new(), now);
    Ok(UserId(row.insert(tx).await.context("note a user")?.id))
}

/// True if a user is the Auto Builder's. This user is no person at the forge, so no answer of the forge changes its
/// roles.
pub(in crate::store) async fn is_auto_builder(tx: &Transaction, user: UserId) -> Result<bool> {
    let row = rows::user::Entity::find_by_id(user.0).one(tx).await.context("find a user")?;
    Ok(row.is_some_and(|row| row.forge_id == AUTO_BUILDER.0))
}
