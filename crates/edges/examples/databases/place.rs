//! The databases that are compared, each on a server of its own.

use anyhow::{Context, Result};
use clap::ValueEnum;
use kozmic_testkit::database::DatabaseOptions;
use kozmic_testkit::mariadb::MariaDb;
use kozmic_testkit::postgres::Postgres;
use tempfile::TempDir;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    Mariadb,
}

/// A place where databases can be made. Its server and all of them are gone when this is dropped.
pub(crate) struct Place {
    pub(crate) name: String,
    server: Server,
}

enum Server {
    Sqlite(TempDir),
    Postgres(Box<Postgres>),
    Mariadb(Box<MariaDb>),
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mariadb];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mariadb => "MariaDB",
        }
    }
}

impl Place {
    pub(crate) async fn start(kind: Kind) -> Result<Self> {
        let options = DatabaseOptions::default().durable();
        let (version, server) = match kind {
            Kind::Sqlite => {
                let dir = TempDir::with_prefix("kozmic-sqlite-").context("make a directory for SQLite")?;
                (String::new(), Server::Sqlite(dir))
            }
            Kind::Postgres => {
                let server = Postgres::start_with(options).await?;
                (server.execute("SHOW server_version").await?, Server::Postgres(Box::new(server)))
            }
            Kind::Mariadb => {
                let server = MariaDb::start_with(options).await?;
                (server.execute("SELECT VERSION()").await?, Server::Mariadb(Box::new(server)))
            }
        };
        // The rest of a version tells only who packaged it.
        let version = version.split([' ', '-']).next().unwrap_or_default();
        Ok(Self { name: format!("{} {version}", kind.name()).trim().to_owned(), server })
    }

    /// The address of a new empty database.
    pub(crate) async fn fresh(&self) -> Result<String> {
        match &self.server {
            Server::Sqlite(dir) => {
                let dir = TempDir::new_in(dir).context("make a directory for a database")?.keep();
                Ok(format!("sqlite://{}?mode=rwc", dir.join("kozmic.db").display()))
            }
            Server::Postgres(server) => server.fresh_database().await,
            Server::Mariadb(server) => server.fresh_database().await,
        }
    }
}
