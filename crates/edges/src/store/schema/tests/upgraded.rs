//! A database of an older version, for tests that fill it and bring it up to date.

use crate::store::schema::Migrator;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement};
use sea_orm_migration::MigratorTrait;
use tempfile::TempDir;

/// A database that has all steps.
pub(in crate::store::schema) struct Upgraded {
    db: DatabaseConnection,
    _dir: TempDir,
}

impl Upgraded {
    /// Carries out the statements in a database that has only the first `steps` steps; then brings it up to date.
    pub(in crate::store::schema) async fn from(steps: u32, statements: &[impl AsRef<str>]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("db").display());
        let db = Database::connect(ConnectOptions::new(url)).await.unwrap();
        Migrator::up(&db, Some(steps)).await.unwrap();
        for statement in statements {
            db.execute_unprepared(statement.as_ref()).await.unwrap();
        }
        Migrator::up(&db, None).await.unwrap();
        Self { db, _dir: dir }
    }

    /// Carries out a statement in the database.
    pub(in crate::store::schema) async fn execute(&self, statement: &str) -> Result<(), DbErr> {
        self.db.execute_unprepared(statement).await.map(drop)
    }

    /// The first column of a query's rows, as text.
    pub(in crate::store::schema) async fn texts(&self, query: &str) -> Vec<String> {
        let rows = self.db.query_all_raw(Statement::from_string(DbBackend::Sqlite, query)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }
}
