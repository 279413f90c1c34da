//! Faults of changes on a database server, with words that help.

use anyhow::anyhow;
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError, mysql::MySqlDatabaseError},
};

/// The fault of a change, with the reason and the remedy if they are known.
pub(in crate::store) fn explained(fault: DbErr) -> anyhow::Error {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = &fault
    else {
        return fault.into();
    };
    let sqlx::Error::Database(said) = &**cause else { return fault.into() };
    match help(said.as_ref()) {
        Some(help) => anyhow!("{}: {help}", said.message()),
        None => fault.into(),
    }
}

fn help(said: &dyn DatabaseError) -> Option<&'static str> {
    const READ_ONLY: &str = "the database takes no writes, because it is read-only";
    if let Some(said) = said.try_downcast_ref::<MySqlDatabaseError>() {
        return match said.number() {
            1044 | 1142 | 1143 | 1227 => Some(
                "the database's user may not make and change tables; as the administrator, run GRANT ALL ON kozmic.* TO \
                 kozmic, with your names",
            ),
            1290 | 1792 | 1836 => Some(READ_ONLY),
            1406 => Some("a branch's name has at most 300 characters on MariaDB and MySQL"),
            _ => None,
        };
    }
    match said.code()?.as_ref() {
        "42501" => Some(
            "the database's user may not make and change tables; as the administrator, run ALTER DATABASE kozmic OWNER TO \
             kozmic, with your names, and give the user the tables that are there",
        ),
        "25006" => Some(READ_ONLY),
        "54000" => Some("a branch's name is too long for PostgreSQL"),
        _ => None,
    }
}
