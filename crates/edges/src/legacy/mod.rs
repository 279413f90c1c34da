//! The database of the original Kozmic CI, whose installations can be taken over: read only, in pages.
//!
//! It stands before the way of any push: by it an installation gets a past. What the rows say is passed on as it is;
//! whether it makes sense here is decided in `kozmic-flow`.

mod key;
mod rows;
mod queries;

pub use key::{KeyFault, SealedKey};
pub use rows::{OldBuild, OldHook, OldJob, OldKey, OldMember, OldProject, OldUser, Orphan};

use anyhow::{Context, Result, ensure};
use queries::{
    BUILDS, CHILDREN, HOOKS, JOBS, KEYS, LAST_MIGRATION, LOG, MEMBERS, ORPHANS, PROJECTS, TRACKED_FILES,
    USERS,
};
use rows::{Child, Path, Piece};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, FromQueryResult, Statement,
    Value,
};
use std::time::Duration;
use url::Url;

/// How many bytes of a log are asked for at once.
const PIECE: i64 = 1024 * 1024;

/// How long to wait for its database. Even one that refuses is asked again for so long.
const LIMIT: Duration = Duration::from_secs(5);

/// An installation of the original.
pub struct Installation {
    db: DatabaseConnection,
    source: String,
}

impl Installation {
    /// Opens its database at `mysql://user:password@host/database`, to read only.
    ///
    /// # Errors
    /// It is no such address, it cannot be reached, or its tables are not those of the original's last version.
    pub async fn open(url: &str) -> Result<Self> {
        let (url, source) = address(url)?;
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).connect_timeout(LIMIT).acquire_timeout(LIMIT).sqlx_logging(false);
        let db = Database::connect(options).await.with_context(|| format!("open {source}"))?;
        let read_only = "SET SESSION TRANSACTION READ ONLY";
        db.execute_unprepared(read_only).await.context("promise to read only")?;
        let old = Self { db, source };
        old.ask::<Path>(LAST_MIGRATION, []).await.context(
            "its tables are not those of the original's last version: bring it up to date with the original's own \
             command, manage.py db upgrade",
        )?;
        Ok(old)
    }

    /// What this installation is known by: its address without user and password.
    pub fn source(&self) -> &str {
        &self.source
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

    /// A project's members beside its owner.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn members(&self, project: i64) -> Result<Vec<OldMember>> {
        self.ask(MEMBERS, [project]).await
    }

    /// A project's deploy keys; a public one has none.
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

    /// A page of a project's builds: those behind the build with the id `behind`, in the order of their ids.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn builds(&self, project: i64, behind: i64) -> Result<Vec<OldBuild>> {
        self.ask(BUILDS, [project, behind]).await
    }

    /// The jobs of a page of builds, from the first build's id to the last's.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn jobs(&self, project: i64, (first, last): (i64, i64)) -> Result<Vec<OldJob>> {
        self.ask(JOBS, [project, first, last]).await
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

    /// How many rows of each kind belong to a project: `(kind, count)`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn children(&self, project: i64) -> Result<Vec<(String, u64)>> {
        let counts = self.ask::<Child>(CHILDREN, [project; 7]).await?;
        Ok(counts.into_iter().map(|row| (row.kind, row.count.unsigned_abs())).collect())
    }

    /// Rows that belong to a row that is not there.
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
        let values = values.into_iter().map(Value::from);
        let query = Statement::from_sql_and_values(DbBackend::MySql, query, values);
        let rows = self.db.query_all_raw(query).await.with_context(|| format!("read {}", self.source))?;
        let read = rows.iter().map(|row| R::from_query_result(row, ""));
        read.collect::<Result<_, _>>().with_context(|| format!("understand {}", self.source))
    }
}

/// The address to connect to, and the part of it that names the installation.
fn address(text: &str) -> Result<(String, String)> {
    let example = "mysql://user:password@host/database";
    let text = match text.strip_prefix("mariadb://") {
        Some(rest) => format!("mysql://{rest}"),
        None => text.to_owned(),
    };
    // The text has a password in it: a message never shows it.
    let url = Url::parse(&text).ok().filter(|url| url.scheme() == "mysql");
    let url = url.with_context(|| format!("the address of the old database is to look like {example}"))?;
    let database = url.path().trim_matches('/');
    ensure!(!database.is_empty(), "the address of the old database names no database: {example}");
    let host = url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
    let source = format!("mysql://{host}:{}/{database}", url.port().unwrap_or(3306));
    Ok((text, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_known_without_its_password() {
        let (url, source) = address("mariadb://kozmic:hush@db.example/ci?charset=utf8").unwrap();
        assert_eq!(url, "mysql://kozmic:hush@db.example/ci?charset=utf8");
        assert_eq!(source, "mysql://db.example:3306/ci");
        for wrong in ["mysql://kozmic:hush@db.example", "postgres://kozmic:hush@db/ci", "hush"] {
            let fault = address(wrong).unwrap_err().to_string();
            assert!(
                fault.contains("mysql://user:password@host/database") && !fault.contains("hush"),
                "{fault}"
            );
        }
    }
}
