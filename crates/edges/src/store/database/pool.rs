//! The pool of connections to a database server. A connection is tried with a short limit, because it may be broken
//! without notice: a firewall forgets idle connections, and a machine that fails closes none.

use sea_orm::sqlx::{Connection, Database, pool::PoolOptions};
use std::time::Duration;
use tokio::time::timeout;

/// Longest time to wait for a connection. If a server restarts within that time, no work fails.
pub(super) const LINE: Duration = Duration::from_secs(15);

/// Longest time in which the server answers a ping, unless the connection is broken.
const ANSWER: Duration = Duration::from_secs(2);

/// Options of a pool with at most this many connections.
pub(super) fn options<DB: Database>(connections: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(LINE)
        // A slow wait is no news: if it fails, the work that needed the connection says so.
        .acquire_slow_threshold(LINE * 2)
        // The pool's own test before a connection is used has no limit.
        .test_before_acquire(false)
        .before_acquire(|session, _| Box::pin(async move { Ok(answers(session).await) }))
        .after_release(|session, _| Box::pin(async move { Ok(answers(session).await) }))
}

/// True if the server answers on a connection. All that was sent before is answered then, too.
async fn answers(session: &mut impl Connection) -> bool {
    matches!(timeout(ANSWER, session.ping()).await, Ok(Ok(())))
}
