//! Temporary faults of a database server: a deadlock, or a lost connection. The same work may succeed when it is tried
//! again.

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError, mysql::MySqlDatabaseError},
};
use std::time::Duration;
use tokio::time::sleep;

/// The most times that one piece of work is begun.
const TRIES: u32 = 10;

/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(1);

/// The beginning of the fault of a statement without an answer.
const NO_ANSWER: &str = "the database did not answer within";

/// A temporary fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passing {
    /// The server undid the work in favour of another transaction.
    Conflict,
    /// The connection ended, the server has none left, or it is about to start.
    Lost,
}

/// Waits before failed work is tried once more, and counts that try. False if another try makes no sense.
pub(super) async fn pause(what: &str, fault: &DbErr, tries: &mut u32) -> bool {
    let Some(wait) = wait(fault, *tries) else { return false };
    tracing::debug!(what, tries, %fault, "work on the database is tried again");
    sleep(wait).await;
    *tries += 1;
    true
}

/// Time to wait before failed work is tried once more; none if another try makes no sense. `tries` is the number of
/// tries so far, from 1.
fn wait(fault: &DbErr, tries: u32) -> Option<Duration> {
    let first = match kind(fault)? {
        Passing::Conflict => Duration::from_millis(5),
        Passing::Lost => Duration::from_millis(50),
    };
    (tries < TRIES).then(|| spread((first * 2_u32.pow(tries - 1)).min(LONGEST)))
}

/// True if a fault of the store tells that the database does not answer at all. It may answer later.
pub fn is_away(fault: &anyhow::Error) -> bool {
    let mut causes = fault.chain().filter_map(|cause| cause.downcast_ref::<DbErr>());
    causes.any(|cause| match cause {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Custom(words) => words.starts_with(NO_ANSWER),
        cause => kind(cause) == Some(Passing::Lost),
    })
}

/// The fault of a statement that the server did not answer within a time. The statement is not tried again: the caller
/// has waited long enough.
pub(super) fn no_answer(limit: Duration) -> DbErr {
    DbErr::Custom(format!("{NO_ANSWER} {} s", limit.as_secs()))
}

/// A random time between half of a time and all of it, so that two transactions that hinder each other do not collide
/// again.
fn spread(time: Duration) -> Duration {
    let mut byte = [0];
    getrandom::fill(&mut byte).expect("the operating system gives random bytes");
    time / 2 + time * u32::from(byte[0]) / 512
}

fn kind(fault: &DbErr) -> Option<Passing> {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = fault
    else {
        return None;
    };
    match &**cause {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => Some(Passing::Lost),
        sqlx::Error::Database(said) => of_server(said.as_ref()),
        _ => None,
    }
}

fn of_server(said: &dyn DatabaseError) -> Option<Passing> {
    match said.try_downcast_ref::<MySqlDatabaseError>() {
        Some(said) => of_mysql(said.number()),
        None => of_postgres(said.code()?.as_ref()),
    }
}

fn of_mysql(number: u16) -> Option<Passing> {
    match number {
        // Deadlock; too long a wait for a lock; a row changed since it was read.
        1213 | 1205 | 1020 => Some(Passing::Conflict),
        // Shutdown; an administrator killed the connection; the connection was idle for too long.
        1053 | 1927 | 4031 => Some(Passing::Lost),
        // The server, or the user, has no connection left.
        1040 | 1203 | 1226 => Some(Passing::Lost),
        _ => None,
    }
}

fn of_postgres(code: &str) -> Option<Passing> {
    match code {
        // Serialization failure; deadlock; lock not available.
        "40001" | "40P01" | "55P03" => Some(Passing::Conflict),
        // The administrator ended the session; a crash; not ready yet; and below, all faults of connections.
        "57P01" | "57P02" | "57P03" => Some(Passing::Lost),
        // The server, or the user, has no connection left.
        "53300" => Some(Passing::Lost),
        code if code.starts_with("08") => Some(Passing::Lost),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::ConnAcquireErr;

    #[test]
    fn work_is_tried_ten_times_with_longer_and_longer_waits() {
        let lost = || {
            DbErr::Conn(RuntimeErr::SqlxError(sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into()).into()))
        };
        let waits = (1..=TRIES).map(|tries| wait(&lost(), tries)).collect::<Vec<_>>();
        assert!(waits[..9].iter().all(Option::is_some) && waits[9].is_none());
        assert!(waits[8] >= Some(LONGEST / 2) && waits[8] <= Some(LONGEST) && waits[0] < waits[8]);
        assert_eq!(wait(&DbErr::RecordNotUpdated, 1), None);
    }

    #[test]
    fn a_database_is_away_if_it_gives_no_connection_or_no_answer() {
        let away = |fault: DbErr| is_away(&anyhow::Error::from(fault).context("find a job"));
        assert!(away(no_answer(Duration::from_secs(90))));
        assert!(away(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)));
        assert!(!away(DbErr::Custom("another fault".to_owned())) && !away(DbErr::RecordNotUpdated));
    }

    #[test]
    fn faults_that_pass_are_told_from_those_that_stay() {
        for (number, expected) in [
            (1213, Some(Passing::Conflict)),
            (1205, Some(Passing::Conflict)),
            (1020, Some(Passing::Conflict)),
            (1053, Some(Passing::Lost)),
            (1927, Some(Passing::Lost)),
            (4031, Some(Passing::Lost)),
            (1040, Some(Passing::Lost)),
            (1203, Some(Passing::Lost)),
            (1226, Some(Passing::Lost)),
            // A row that exists already; a table that does not exist; a text that is too long.
            (1062, None),
            (1146, None),
            (1406, None),
        ] {
            assert_eq!(of_mysql(number), expected, "{number}");
        }
        for (code, expected) in [
            ("40001", Some(Passing::Conflict)),
            ("40P01", Some(Passing::Conflict)),
            ("55P03", Some(Passing::Conflict)),
            ("57P01", Some(Passing::Lost)),
            ("57P02", Some(Passing::Lost)),
            ("57P03", Some(Passing::Lost)),
            ("53300", Some(Passing::Lost)),
            ("08000", Some(Passing::Lost)),
            ("08006", Some(Passing::Lost)),
            // A row that exists already; a table that does not exist; a statement that was canceled.
            ("23505", None),
            ("42P01", None),
            ("57014", None),
        ] {
            assert_eq!(of_postgres(code), expected, "{code}");
        }
    }
}
