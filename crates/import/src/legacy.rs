//! The database of the original Kozmic CI, from which an installation can be taken over: read only, in pages.
//!
//! The import happens before any push: it gives an installation its past. The texts of the rows are passed on
//! unchanged; the rest of this crate decides if they make sense here.

#[cfg(test)]
mod fuzz;
mod address;
mod connect;
mod secret_key;
mod key;
mod rows;
mod queries;

pub(crate) use key::SealedKey;
pub(crate) use rows::{Largest, OldBuild, OldHook, OldJob, OldKey, OldMember, OldProject, OldUser, Orphan};
pub use secret_key::SecretKey;

use address::Address;
use anyhow::{Context, Result, bail};
use queries::{
    BUILDS, CHILDREN, HOOKS, JOBS, KEYS, LAST_MIGRATION, LOG, MEMBERS, ORPHANS, PROJECTS, TRACKED_FILES,
    USERS,
};
use rows::{Child, Id, Pair, Path, Piece};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, FromQueryResult, QueryResult, Statement, Value,
};
use std::{
    collections::{HashMap, HashSet},
    ops::RangeInclusive,
    time::Duration,
};
use tokio::time::timeout;

/// The bytes of a log that are requested at once. Servers of that time send up to a mebibyte in one answer.
const PIECE: i64 = 512 * 1024;

/// The longest time for an answer. Some queries read large tables, on old servers with slow disks.
const PATIENCE: Duration = Duration::from_secs(300);

/// The revision of the tables that is understood here: the original's last one.
const REVISION: &str = "375111a5fd54";

/// An installation of the original.
pub struct Installation {
    db: DatabaseConnection,
    source: String,
}

impl Installation {
    /// Opens the database at `mysql://user:password@host/database`, for reading only.
    ///
    /// # Errors
    /// The text is no such address, the database cannot be reached, or its tables are not those of the original's last
    /// version.
    pub async fn open(url: &str) -> Result<Self> {
        let address = Address::parse(url)?;
        let source = address.source.clone();
        let old = Self { db: connect::open(address).await?, source };
        match old.rows(LAST_MIGRATION, []).await {
            Ok(_) => Ok(old),
            Err(fault) if connect::lacks_something(&fault) => {
                let (source, there) = (&old.source, old.revision().await);
                bail!(
                    "{source} {there}, and only revision {REVISION} of the original's tables can be taken over: bring \
                     it up to date with the original's own command, manage.py db upgrade ({})",
                    connect::unanswered(&fault)
                )
            }
            Err(fault) => {
                Err(connect::unanswered(&fault)).with_context(|| format!("cannot read {}", old.source))
            }
        }
    }

    /// The revision that the tables name, as the rest of a sentence.
    async fn revision(&self) -> String {
        match self.ask::<Path>(queries::REVISION, []).await {
            Ok(rows) if !rows.is_empty() => {
                let words = rows.into_iter().map(|row| row.path).collect::<Vec<_>>();
                format!("has revision {}", words.join(", "))
            }
            _ => "names no revision".to_owned(),
        }
    }

    /// The name of this installation: its address without user and password.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The largest id of each kind, up to a limit.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn largest_ids(&self, limit: i64) -> Result<Largest> {
        Ok(self.ask::<Largest>(queries::LARGEST, [limit; 5]).await?.into_iter().next().unwrap_or_default())
    }

    /// The largest number of a build of a project, up to a limit.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn largest_number(&self, project: i64, limit: i64) -> Result<i64> {
        let row = self.ask::<Id>(queries::LARGEST_NUMBER, [project, limit]).await?;
        Ok(row.into_iter().next().map_or(0, |row| row.id))
    }

    /// The ids of a project's builds.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn build_ids(&self, project: i64) -> Result<HashSet<i64>> {
        Ok(self.ask::<Id>(queries::BUILD_IDS, [project]).await?.into_iter().map(|row| row.id).collect())
    }

    /// The ids of a project's jobs, each with that of its build.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn job_ids(&self, project: i64) -> Result<HashMap<i64, i64>> {
        let rows = self.ask::<Pair>(queries::JOB_IDS, [project]).await?;
        Ok(rows.into_iter().map(|row| (row.id, row.build_id)).collect())
    }

    /// All users.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn users(&self) -> Result<Vec<OldUser>> {
        self.ask(USERS, []).await
    }

    /// All projects.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn projects(&self) -> Result<Vec<OldProject>> {
        self.ask(PROJECTS, []).await
    }

    /// A project's members without its owner.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn members(&self, project: i64) -> Result<Vec<OldMember>> {
        self.ask(MEMBERS, [project]).await
    }

    /// A project's deploy keys; a public project has none.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn keys(&self, project: i64) -> Result<Vec<OldKey>> {
        self.ask(KEYS, [project]).await
    }

    /// A project's hooks, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn hooks(&self, project: i64) -> Result<Vec<OldHook>> {
        self.ask(HOOKS, [project]).await
    }

    /// The paths that a hook tracks.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn tracked_files(&self, hook: i64) -> Result<Vec<String>> {
        Ok(self.ask::<Path>(TRACKED_FILES, [hook]).await?.into_iter().map(|row| row.path).collect())
    }

    /// A page of a project's builds: those after the build with the id `behind`, in the order of their ids.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn builds(&self, project: i64, behind: i64) -> Result<Vec<OldBuild>> {
        self.ask(BUILDS, [project, behind]).await
    }

    /// The jobs of a page of builds, given by a range of build ids.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn jobs(&self, project: i64, builds: RangeInclusive<i64>) -> Result<Vec<OldJob>> {
        self.ask(JOBS, [project, *builds.start(), *builds.end()]).await
    }

    /// A piece of a job's log from `offset` in bytes; empty at its end.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn log(&self, job: i64, offset: u64) -> Result<Vec<u8>> {
        // The first byte has the number 1.
        let from = i64::try_from(offset).context("a log has less than 2^63 bytes")? + 1;
        let pieces = self.ask::<Piece>(LOG, [from, PIECE, job]).await?;
        Ok(pieces.into_iter().next().and_then(|row| row.piece).unwrap_or_default())
    }

    /// The number of rows of each kind that belong to a project: `(kind, count)`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn children(&self, project: i64) -> Result<Vec<(String, u64)>> {
        let counts = self.ask::<Child>(CHILDREN, [project; 7]).await?;
        Ok(counts.into_iter().map(|row| (row.kind, row.count.unsigned_abs())).collect())
    }

    /// Rows whose parent row does not exist.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn orphans(&self) -> Result<Vec<Orphan>> {
        self.ask(ORPHANS, []).await
    }

    async fn ask<R: FromQueryResult>(
        &self,
        query: &'static str,
        values: impl IntoIterator<Item = i64>,
    ) -> Result<Vec<R>> {
        let rows = self.rows(query, values).await.map_err(|fault| connect::unanswered(&fault));
        let rows = rows.with_context(|| format!("cannot read {}", self.source))?;
        let read = rows.iter().map(|row| R::from_query_result(row, ""));
        read.collect::<Result<_, _>>().with_context(|| format!("understand {}", self.source))
    }

    async fn rows(
        &self,
        query: &'static str,
        values: impl IntoIterator<Item = i64>,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let values = values.into_iter().map(Value::from);
        let question = Statement::from_sql_and_values(DbBackend::MySql, query, values);
        let late = |_| DbErr::Custom(format!("it does not answer within {} s", PATIENCE.as_secs()));
        timeout(PATIENCE, self.db.query_all_raw(question)).await.map_err(late)?
    }
}
