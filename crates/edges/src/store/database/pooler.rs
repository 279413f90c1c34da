//! Poolers before PostgreSQL, such as PgBouncer. A pooler may give each transaction any of its connections. A session's
//! settings are then missing for its next statement, or are seen by another session.

use sea_orm::sqlx::{
    self, ConnectOptions as _, Connection as _, Executor, PgConnection, postgres::PgConnectOptions,
};

/// A setting of each session that leads to the server itself. The session has it from its beginning.
const DIRECT: &str = "kozmic.direct";

/// A setting of one session. If another session sees it, a pooler is in between.
const MARK: &str = "kozmic.mark";

/// Options for sessions that lead to the server itself. A pooler refuses such a session, or does not pass its setting
/// on: it uses the same connection for many sessions.
pub(super) fn direct(options: PgConnectOptions) -> PgConnectOptions {
    options.options([(DIRECT, "yes")])
}

/// Refuses a session that does not lead to the server itself: its statements could be mistaken for those of others.
pub(super) async fn ensure_direct(session: &mut PgConnection) -> Result<(), sqlx::Error> {
    match is_direct(session).await? {
        true => Ok(()),
        false => {
            Err(sqlx::Error::Configuration("a pooler is before the server now: start Kozmic again".into()))
        }
    }
}

async fn is_direct(session: &mut PgConnection) -> Result<bool, sqlx::Error> {
    Ok(setting(session, DIRECT).await? == "yes")
}

/// True if a pooler is in between.
pub(super) async fn is_between(options: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let direct = direct(options.clone());
    let mut one = match direct.connect().await {
        Err(sqlx::Error::Database(_)) => {
            // A pooler refuses a session that begins with settings which it does not know.
            close(options.connect().await?).await;
            return Ok(true);
        }
        session => session?,
    };
    if !is_direct(&mut one).await? {
        close(one).await;
        return Ok(true);
    }
    let mut other = direct.connect().await?;
    let is_shared = is_shared(&mut one, &mut other).await?;
    close(one).await;
    close(other).await;
    Ok(is_shared)
}

/// True if two sessions are not kept apart, or one of them does not keep its setting.
async fn is_shared(one: &mut PgConnection, other: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let mut mark = [0; 8];
    getrandom::fill(&mut mark).expect("the operating system gives random bytes");
    let mark = hex::encode(mark);
    let set = format!("SET {MARK} = '{mark}'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(set)).execute(&mut *one).await?;
    // The transaction keeps a connection of the pooler, most likely the one that was used last.
    sqlx::raw_sql("BEGIN").execute(&mut *other).await?;
    let seen = [setting(other, MARK).await?, setting(one, MARK).await?];
    sqlx::raw_sql("ROLLBACK").execute(&mut *other).await?;
    Ok(seen != [String::new(), mark])
}

/// A setting of a session; empty if the session does not have it.
async fn setting(session: &mut PgConnection, name: &str) -> Result<String, sqlx::Error> {
    let ask = format!("SELECT coalesce(current_setting('{name}', true), '')");
    let row = session.fetch_one(sqlx::raw_sql(sqlx::AssertSqlSafe(ask))).await?;
    sqlx::Row::try_get(&row, 0)
}

async fn close(session: PgConnection) {
    let _ = session.close().await;
}
