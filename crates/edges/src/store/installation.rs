//! The installation whose database this is: the secret key that seals its secrets, and the one server that uses it.

use super::{
    database::{Database, Transaction},
    rows, schema,
};
use anyhow::{Context, Result};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, EntityName, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

/// The id of the only row.
const ROW: i64 = 1;

/// The place of the seal, and the text under it. Neither is secret: only the right key opens the seal.
const KEY_PLACE: &str = "installation.key_seal";
const SEALED: &str = "kozmic";

/// The installation.
#[derive(Clone, Copy)]
pub struct Installation<'a> {
    pub(super) db: &'a Database,
}

/// The server that uses a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The name of its data directory.
    pub server: String,
    /// The process, for people.
    pub process: String,
    /// The number of its beats. It grows as long as the server lives.
    pub beat: i64,
}

impl Installation<'_> {
    /// True if the store's secret key is the installation's. The first key that is asked about becomes the
    /// installation's.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn has_key(self) -> Result<bool> {
        let row = rows::installation::Entity::find_by_id(ROW).one(&self.db.reader).await;
        match row.context("read the installation")? {
            Some(row) => Ok(self.db.vault.open(KEY_PLACE, &row.key_seal).is_ok()),
            None => self.note_key().await.map(|()| true),
        }
    }

    /// True if the database knows its installation. It does not if it is empty, or its tables are of an older version.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_noted(self) -> Result<bool> {
        let table = rows::installation::Entity.table_name().to_owned();
        if !schema::tables(&self.db.reader).await?.contains(&table) {
            return Ok(false);
        }
        let noted = rows::installation::Entity::find_by_id(ROW).count(&self.db.reader).await;
        Ok(noted.context("look for the installation")? > 0)
    }

    /// Makes the store's secret key the installation's. Secrets that another key sealed stay closed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_key(self) -> Result<()> {
        self.db
            .change("the installation's key", move |tx| async move {
                let row = row_in(&tx).await?;
                let fresh = rows::installation::ActiveModel {
                    id: Unchanged(ROW),
                    key_seal: Set(self.db.vault.seal(KEY_PLACE, &SEALED.into())),
                    ..Default::default()
                };
                let noted = match row {
                    Some(_) => fresh.update(&tx).await,
                    None => {
                        let (server, process, beat) = (Set(String::new()), Set(String::new()), Set(0));
                        rows::installation::ActiveModel { id: Set(ROW), server, process, beat, ..fresh }
                            .insert(&tx)
                            .await
                    }
                };
                noted.context("note the installation's key").map(drop)
            })
            .await
    }

    /// Takes the database for a server. It is free if its last server left it, or was this one, or is `silent`: that
    /// holder was seen before, and has not beaten since. Otherwise gives the holder.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn take(self, server: &str, process: &str, silent: Option<&Holder>) -> Result<Option<Holder>> {
        self.db
            .change("the installation's server", move |tx| async move {
                let row = row_in(&tx).await?.context("the installation has no row")?;
                let holder = Holder { server: row.server, process: row.process, beat: row.beat };
                let is_free = holder.server.is_empty() || holder.server == server || silent == Some(&holder);
                if !is_free {
                    return Ok(Some(holder));
                }
                let mine = rows::installation::ActiveModel {
                    id: Unchanged(ROW),
                    server: Set(server.to_owned()),
                    process: Set(process.to_owned()),
                    beat: Set(row.beat + 1),
                    ..Default::default()
                };
                mine.update(&tx).await.context("take the database").map(|_| None)
            })
            .await
    }

    /// Says that a server lives. False if another server has taken the database.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn beat(self, server: &str) -> Result<bool> {
        use rows::installation::Column;
        let beat = rows::installation::Entity::update_many()
            .col_expr(Column::Beat, Expr::col(Column::Beat).add(1))
            .filter(Column::Id.eq(ROW))
            .filter(Column::Server.eq(server));
        let beaten = beat.exec(&self.db.writer).await.context("say that this server lives")?;
        Ok(beaten.rows_affected > 0)
    }

    /// Leaves the database, so that another server may take it at once.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn leave(self, server: &str) -> Result<()> {
        use rows::installation::Column;
        let left = rows::installation::Entity::update_many()
            .col_expr(Column::Server, Expr::value(""))
            .filter(Column::Id.eq(ROW))
            .filter(Column::Server.eq(server));
        left.exec(&self.db.writer).await.context("leave the database").map(drop)
    }
}

async fn row_in(tx: &Transaction) -> Result<Option<rows::installation::Model>> {
    rows::installation::Entity::find_by_id(ROW).one(tx).await.context("read the installation")
}

#[cfg(test)]
mod tests {
    use crate::store::tests::Stage;

    #[tokio::test]
    async fn a_database_is_one_servers_until_it_leaves_or_falls_silent() {
        let stage = Stage::new().await;
        let installation = stage.store.installation();
        assert_eq!(installation.take("one", "a 1", None).await.unwrap(), None);
        assert_eq!(installation.take("one", "a 2", None).await.unwrap(), None, "it was killed");
        let holder = installation.take("two", "b 1", None).await.unwrap().unwrap();
        assert_eq!((holder.server.as_str(), holder.process.as_str()), ("one", "a 2"));
        assert!(installation.beat("one").await.unwrap());
        let alive = installation.take("two", "b 1", Some(&holder)).await.unwrap().unwrap();
        assert_ne!(alive, holder, "it has beaten meanwhile");
        assert_eq!(installation.take("two", "b 1", Some(&alive)).await.unwrap(), None);
        assert!(!installation.beat("one").await.unwrap() && installation.beat("two").await.unwrap());
        installation.leave("one").await.unwrap();
        assert!(installation.take("three", "c 1", None).await.unwrap().is_some());
        installation.leave("two").await.unwrap();
        assert_eq!(installation.take("three", "c 1", None).await.unwrap(), None);
    }
}
