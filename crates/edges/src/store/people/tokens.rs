//! API tokens: each is shown once, and only its fingerprint is kept.

use super::{People, sessions::USE_GRAIN};
use crate::secret;
use crate::store::{database::aside, read, rows};
use anyhow::{Context, Result};
use chrono::DateTime;
use kozmic_model::{
    audit::{Action, Deed},
    ids::{ApiTokenId, ProjectId, UserId},
    time::Timestamp,
    token::{ApiToken, TokenRights},
    user::User,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
};
use secrecy::{ExposeSecret, SecretString};

/// Prefix of API tokens, so that people and scanners recognize a token.
const TOKEN_PREFIX: &str = "kozmic_";

/// The holder of an API token, and the token's rights.
#[derive(Clone, Debug)]
pub struct TokenHolder {
    /// The person.
    pub user: User,
    /// The token, which may have expired.
    pub token: ApiToken,
}

impl People<'_> {
    /// A user's API tokens, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn api_tokens(self, user: UserId) -> Result<Vec<ApiToken>> {
        let rows = rows::api_token::Entity::find()
            .filter(rows::api_token::Column::UserId.eq(user.0))
            .order_by_desc(rows::api_token::Column::Id);
        let rows = rows.all(&self.db.reader).await.context("list API tokens")?;
        rows.into_iter().map(api_token).collect()
    }

    /// Makes an API token; it is shown only this time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn add_api_token(
        self,
        user: UserId,
        title: &str,
        rights: TokenRights,
        now: Timestamp,
    ) -> Result<SecretString> {
        let token = format!("{TOKEN_PREFIX}{}", secret::random().expose_secret());
        let row = rows::api_token::ActiveModel {
            id: NotSet,
            user_id: Set(user.0),
            title: Set(title.to_owned()),
            fingerprint: Set(secret::fingerprint(&token)),
            created_at: Set(now.0),
            used_at: Set(None),
            scope: Set(rights.scope.word().to_owned()),
            project_id: Set(rights.project.map(|project| project.0)),
            expires_at: Set(rights.expires_at.map(|end| end.0)),
        };
        let row = &row;
        self.db
            .change("an API token", move |tx| async move {
                let tx = &tx;
                row.clone().insert(tx).await.context("make an API token")?;
                let subject = format!("{title} ({}, {})", rights.scope.word(), end(rights));
                tx.note(Deed::new(Action::TokenMade, rights.project, &subject)).await?;
                Ok(())
            })
            .await?;
        Ok(token.into())
    }

    /// Ends a user's API token.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_api_token(self, user: UserId, id: ApiTokenId) -> Result<()> {
        self.db
            .change("the end of an API token", move |tx| async move {
                let tx = &tx;
                let row = rows::api_token::Entity::find_by_id(id.0)
                    .filter(rows::api_token::Column::UserId.eq(user.0));
                let Some(row) = row.one(tx).await.context("find an API token")? else { return Ok(()) };
                rows::api_token::Entity::delete_by_id(row.id).exec(tx).await.context("end an API token")?;
                let project = row.project_id.map(ProjectId);
                tx.note(Deed::new(Action::TokenDeleted, project, &row.title)).await?;
                Ok(())
            })
            .await
    }

    /// The holder of an API token, whose last use is now unless it has expired. None if the token is unknown. None also
    /// if the forge no longer accepts its user's sign-in: the user's API tokens do not work until the user signs in
    /// again.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn token_holder(self, token: &SecretString, now: Timestamp) -> Result<Option<TokenHolder>> {
        let fingerprint = secret::fingerprint(token.expose_secret());
        let row =
            rows::api_token::Entity::find().filter(rows::api_token::Column::Fingerprint.eq(fingerprint));
        let Some(row) = row.one(&self.db.reader).await.context("find an API token")? else { return Ok(None) };
        let user =
            rows::user::Entity::find_by_id(row.user_id).one(&self.db.reader).await.context("find a user")?;
        let Some(user) = user.filter(|user| !user.token.is_empty()) else { return Ok(None) };
        let token = api_token(row)?;
        let is_new_use = token.used_at.is_none_or(|used_at| now.since(used_at) > USE_GRAIN);
        if is_new_use && !token.rights.has_ended(now) {
            let (id, used_at) = (Unchanged(token.id.0), Set(Some(now.0)));
            let used = rows::api_token::ActiveModel { id, used_at, ..Default::default() };
            aside(used.update(&self.db.writer)).await;
        }
        Ok(Some(TokenHolder { user: read::user(user), token }))
    }
}

/// The expiry of a token, for the audit trail.
fn end(rights: TokenRights) -> String {
    let end = rights.expires_at.and_then(|end| DateTime::from_timestamp_millis(end.0));
    end.map_or_else(|| "without end".to_owned(), |end| format!("until {}", end.format("%Y-%m-%d")))
}

fn api_token(row: rows::api_token::Model) -> Result<ApiToken> {
    Ok(ApiToken {
        id: ApiTokenId(row.id),
        rights: TokenRights {
            scope: row.scope.parse().with_context(|| format!("read the API token {}", row.id))?,
            project: row.project_id.map(ProjectId),
            expires_at: row.expires_at.map(Timestamp),
        },
        title: row.title,
        created_at: Timestamp(row.created_at),
        used_at: row.used_at.map(Timestamp),
    })
}
