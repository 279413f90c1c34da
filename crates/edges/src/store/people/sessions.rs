//! Sessions: the browsers that people are signed in with.

use super::People;
use crate::store::{
    database::{Transaction, aside},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    ids::UserId,
    invited::Admission,
    time::Timestamp,
    user::User,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr,
};
use std::time::Duration;

/// Precision of the time when sessions and tokens were last used.
pub(in crate::store) const USE_GRAIN: Duration = Duration::from_secs(60);

/// The error of the measured idle time is at most the longest idle time divided by this number.
const IDLE_PARTS: u32 = 10;

/// A session that begins: the holder of the secret behind the fingerprint is the user.
pub struct NewSession {
    /// SHA-256 of the secret in the cookie.
    pub fingerprint: String,
    /// The time when the session ends by itself.
    pub expires_at: Timestamp,
    /// The browser's name for itself.
    pub agent: String,
    /// The fingerprint of the browser's earlier session, which ends.
    pub former: Option<String>,
    /// The organization that admits the person, if the forge was asked.
    pub admission: Admission,
}

/// A check of a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionLook {
    /// The longest time for which the session may be unused.
    pub idle: Duration,
    /// True if the check counts as a use of the session.
    pub is_use: bool,
}

/// A browser that is signed in.
#[derive(Clone, Debug)]
pub struct SessionLine {
    /// The fingerprint of the session.
    pub fingerprint: String,
    /// The browser's name for itself.
    pub agent: String,
    /// The time of the sign-in.
    pub created_at: Timestamp,
    /// The time of the person's last request, to the minute.
    pub seen_at: Timestamp,
}

impl People<'_> {
    /// The user of a session, if the session has not ended. A session that was unused for too long ends with this
    /// check.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn user_of_session(
        self,
        fingerprint: &str,
        look: SessionLook,
        now: Timestamp,
    ) -> Result<Option<User>> {
        let session = rows::session::Entity::find_by_id(fingerprint.to_owned());
        let session = session.filter(rows::session::Column::ExpiresAt.gt(now.0));
        let Some(session) = session.one(&self.db.reader).await.context("find a session")? else {
            return Ok(None);
        };
        let unused = now.since(seen_at(&session));
        if unused > look.idle {
            aside(rows::session::Entity::delete_by_id(session.fingerprint).exec(&self.db.writer)).await;
            return Ok(None);
        }
        if look.is_use && unused > USE_GRAIN.min(look.idle / IDLE_PARTS) {
            let seen = rows::session::Entity::update_many()
                .col_expr(rows::session::Column::SeenAt, Expr::value(now.0))
                .filter(rows::session::Column::Fingerprint.eq(fingerprint));
            aside(seen.exec(&self.db.writer)).await;
        }
        self.user(UserId(session.user_id)).await
    }

    /// A user's sessions that have not ended, the last seen first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sessions(self, user: UserId, idle: Duration, now: Timestamp) -> Result<Vec<SessionLine>> {
        let rows = rows::session::Entity::find()
            .filter(rows::session::Column::UserId.eq(user.0))
            .filter(rows::session::Column::ExpiresAt.gt(now.0))
            .order_by_desc(rows::session::Column::SeenAt)
            .order_by_desc(rows::session::Column::CreatedAt);
        let rows = rows.all(&self.db.reader).await.context("list sessions")?;
        let line = |row: rows::session::Model| SessionLine {
            seen_at: seen_at(&row),
            fingerprint: row.fingerprint,
            agent: row.agent,
            created_at: Timestamp(row.created_at),
        };
        Ok(rows.into_iter().map(line).filter(|line| now.since(line.seen_at) <= idle).collect())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sign_out(self, fingerprint: &str) -> Result<()> {
        self.db
            .change("the end of a session", move |tx| async move {
                let tx = &tx;
                let session = rows::session::Entity::delete_by_id(fingerprint.to_owned());
                let ended = session.exec(tx).await.context("end a session")?;
                if ended.rows_affected > 0 {
                    tx.note(Deed::new(Action::SignedOut, None, "")).await?;
                }
                Ok(())
            })
            .await
    }

    /// Ends all sessions of a user but one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sign_out_others(self, user: UserId, fingerprint: &str) -> Result<()> {
        self.db
            .change("the end of other sessions", move |tx| async move {
                let tx = &tx;
                let others = rows::session::Entity::delete_many()
                    .filter(rows::session::Column::UserId.eq(user.0))
                    .filter(rows::session::Column::Fingerprint.ne(fingerprint));
                if others.exec(tx).await.context("end other sessions")?.rows_affected > 0 {
                    tx.note(Deed::new(Action::OthersSignedOut, None, "")).await?;
                }
                Ok(())
            })
            .await
    }
}

fn seen_at(row: &rows::session::Model) -> Timestamp {
    Timestamp(row.seen_at.max(row.created_at))
}

/// Begins a session in place of the browser's earlier one, and deletes sessions that have ended.
pub(in crate::store) async fn begin(
    tx: &Transaction,
    user: UserId,
    new: &NewSession,
    now: Timestamp,
) -> Result<()> {
    if let Some(former) = &new.former {
        let former = rows::session::Entity::delete_by_id(former.clone());
        former.exec(tx).await.context("end a browser's former session")?;
    }
    let row = rows::session::ActiveModel {
        fingerprint: Set(new.fingerprint.clone()),
        user_id: Set(user.0),
        created_at: Set(now.0),
        expires_at: Set(new.expires_at.0),
        agent: Set(new.agent.chars().take(200).collect()),
        seen_at: Set(now.0),
    };
    row.insert(tx).await.context("begin a session")?;
    let expired = rows::session::Column::ExpiresAt.lt(now.0);
    let expired = rows::session::Entity::delete_many().filter(expired);
    expired.exec(tx).await.context("drop expired sessions")?;
    Ok(())
}

/// Ends all sessions of a user.
pub(in crate::store) async fn end_all(tx: &Transaction, user: UserId) -> Result<()> {
    let sessions = rows::session::Entity::delete_many().filter(rows::session::Column::UserId.eq(user.0));
    sessions.exec(tx).await.context("end a user's sessions")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage};

    /// The longest idle time. The session of the stage's own person has the fingerprint `f`.
    const IDLE: Duration = Duration::from_secs(300);

    impl Stage {
        async fn look(&self, is_use: bool, later: u64) -> bool {
            let look = SessionLook { idle: IDLE, is_use };
            let now = NOW.after(Duration::from_secs(later));
            self.store.people().user_of_session("f", look, now).await.unwrap().is_some()
        }
    }

    #[tokio::test]
    async fn a_session_ends_when_nobody_used_it_for_too_long() {
        let stage = Stage::new().await;
        assert!(stage.look(true, 250).await && stage.look(true, 500).await, "it was used in between");
        let listed =
            |later| stage.store.people().sessions(stage.user, IDLE, NOW.after(Duration::from_secs(later)));
        assert_eq!(listed(500).await.unwrap().len(), 1);
        assert!(listed(850).await.unwrap().is_empty());
        assert!(!stage.look(true, 850).await);
        assert!(!stage.look(true, 500).await, "it does not come back if clock or setting do");
    }

    #[tokio::test]
    async fn a_page_that_only_stays_open_is_no_use() {
        let stage = Stage::new().await;
        for later in (0..=300).step_by(60) {
            assert!(stage.look(false, later).await, "after {later} s");
        }
        assert!(!stage.look(false, 360).await);
    }
}
