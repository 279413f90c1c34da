//! Moves a whole installation to another database: copies each row with its number, and counts the rows on both sides.
//! All rows are read in one transaction, which sees no later change.

mod portions;

use super::{
    database::{Database, Transaction, explained::explained},
    rows,
    schema::{self, Condition},
};
use anyhow::{Context, Result, bail, ensure};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, Iterable, ModelTrait,
    PaginatorTrait, PrimaryKeyToColumn, PrimaryKeyTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
    Value,
};

/// Number of rows that are read and written at once.
const ROWS: u64 = 50;

/// The same for rows that may have megabytes: a server limits the size of a statement.
const LARGE_ROWS: u64 = 1;

/// The table with the steps that a database went through.
const MIGRATIONS: &str = "seaql_migrations";

/// The table with the lock of changes on a server.
const CHANGE_LOCK: &str = "change_lock";

/// Tables in which a start leaves rows, although nothing was done yet.
const TRACES: [&str; 3] = ["runner", "pulse", "installation"];

/// A table that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its name.
    pub table: String,
    /// The number of its rows on both sides.
    pub rows: u64,
}

/// Does the same for each table. Tables that others refer to come first.
macro_rules! each_table {
    ($table:ident => $work:expr) => {
        each_table!(@ $table, $work; user avatar session api_token mail_count repository project membership deploy_key
            registry_credential hook delivery build approval hook_call job attempt upload artifact ref_move mail hearing
            missed outbox audit cached_image kernel_image pull given_name configuration watched runner
            runner_project imported pulse installation)
    };
    (@ $table:ident, $work:expr; $($name:ident)+) => {
        $({
            use rows::$name as $table;
            $work
        })+
    };
}

/// Copies all rows into an empty database; gives the tables. Either all rows arrive or none.
pub(super) async fn transfer(from: &Database, to: &Database) -> Result<Vec<Moved>> {
    match schema::condition(&from.writer).await? {
        Condition::Ready => {}
        Condition::Missing => bail!("the database to move from is empty"),
        Condition::Behind(_) => {
            bail!(
                "the tables that are to move are not up to date: run `kozmic migrate` on their database first"
            )
        }
    }
    let mut known = vec![MIGRATIONS.to_owned(), CHANGE_LOCK.to_owned()];
    each_table!(table => known.push(name::<table::Entity>()));
    ensure_known(from, &known).await?;
    if let Condition::Behind(_) = schema::condition(&to.writer).await? {
        bail!("the database to move to has older or unfinished tables: make it anew, and try again");
    }
    schema::prepare(to).await?;
    let mut moved = Vec::new();
    each_table!(table => ensure_empty::<table::Entity>(to).await?);
    let from = from.snapshot().await?;
    each_table!(table => count_on_in_mysql::<table::Entity>(&from, to).await?);
    let tx = to.begin().await?;
    each_table!(table => clear::<table::Entity>(&tx).await?);
    each_table!(table => copy::<table::Entity>(&from, &tx, to.writer.largest_statement()).await?);
    each_table!(table => moved.push(counted::<table::Entity>(&from, &tx).await?));
    each_table!(table => count_on::<table::Entity>(&from, &tx).await?);
    tx.commit().await.context("commit all rows")?;
    from.commit().await.context("end to read")?;
    Ok(moved)
}

/// Fails if a table would stay behind.
async fn ensure_known(from: &Database, known: &[String]) -> Result<()> {
    let tables = schema::tables(&from.writer).await?;
    let unknown = tables.into_iter().find(|table| !known.contains(table));
    unknown.map_or(Ok(()), |table| bail!("the table {table} is not known, and its rows would stay behind"))
}

fn name<E: EntityTrait + Default>() -> String {
    E::default().table_name().to_owned()
}

async fn ensure_empty<E>(to: &Database) -> Result<()>
where
    E: EntityTrait + Default,
    E::Model: Sync,
{
    let name = name::<E>();
    if TRACES.contains(&&*name) {
        return Ok(());
    }
    let there = E::find().count(&to.writer).await.with_context(|| format!("count the rows of {name}"))?;
    ensure!(there == 0, "the database to move to has rows already ({there} in {name}): give an empty one");
    Ok(())
}

/// Removes the traces of a start.
async fn clear<E: EntityTrait + Default>(tx: &Transaction) -> Result<()> {
    let name = name::<E>();
    if TRACES.contains(&&*name) {
        E::delete_many().exec(tx).await.with_context(|| format!("clear {name}"))?;
    }
    Ok(())
}

async fn copy<E>(from: &Transaction, tx: &Transaction, largest: Option<usize>) -> Result<()>
where
    E: EntityTrait + Default,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: Send,
{
    let name = name::<E>();
    let key = E::PrimaryKey::iter().next().context("a table has a key")?.into_column();
    let at_once = if name == "delivery" { LARGE_ROWS } else { ROWS };
    let mut last = None::<Value>;
    loop {
        let mut some = E::find().order_by_asc(key).limit(at_once);
        if let Some(last) = last {
            some = some.filter(key.gt(last));
        }
        let some = some.all(from).await.with_context(|| format!("read rows of {name}"))?;
        last = some.last().map(|row| row.get(key));
        if some.is_empty() {
            return Ok(());
        }
        let some = some.into_iter().map(IntoActiveModel::into_active_model).collect();
        for portion in portions::portions(some, largest).with_context(|| format!("write a row of {name}"))? {
            let written = E::insert_many(portion).exec_without_returning(tx).await;
            written.map_err(explained).with_context(|| format!("write rows of {name}"))?;
        }
    }
}

async fn counted<E>(from: &Transaction, tx: &Transaction) -> Result<Moved>
where
    E: EntityTrait + Default,
    E::Model: Sync,
{
    let table = name::<E>();
    let here = E::find().count(from).await.with_context(|| format!("count the rows of {table}"))?;
    let rows = E::find().count(tx).await.with_context(|| format!("count the rows of {table}"))?;
    ensure!(here == rows, "{table} has {here} rows, and {rows} arrived: nothing was moved");
    Ok(Moved { table, rows })
}

/// Sets a table's counter after the last number that was ever given, so that an old address never means another row.
/// The source may know its counter late, so it also goes beyond the largest number in the table.
async fn count_on<E: EntityTrait + Default>(from: &Transaction, tx: &Transaction) -> Result<()> {
    if !E::PrimaryKey::auto_increment() {
        return Ok(());
    }
    let (table, backend) = (name::<E>(), tx.get_database_backend());
    let last = last_number(from, &table).await?;
    let largest = format!("(SELECT coalesce(max(id), 0) FROM \"{table}\")");
    let set = match backend {
        // A counter of PostgreSQL cannot be 0. If no number was given, it says that 1 comes next.
        DbBackend::Postgres => vec![format!(
            "SELECT setval(pg_get_serial_sequence('\"{table}\"', 'id'), greatest({last}, {largest}, 1), \
             greatest({last}, {largest}) > 0)"
        )],
        DbBackend::MySql => Vec::new(),
        _ => vec![
            format!("DELETE FROM sqlite_sequence WHERE name = '{table}'"),
            format!("INSERT INTO sqlite_sequence (name, seq) VALUES ('{table}', max({last}, {largest}))"),
        ],
    };
    for set in set {
        let set = Statement::from_string(backend, set);
        tx.query_all_raw(set).await.with_context(|| format!("count on in {table}"))?;
    }
    Ok(())
}

/// Does the same in MySQL, while the table is still empty: MySQL ends a transaction at such a statement. Rows with
/// larger numbers move the counter further on.
async fn count_on_in_mysql<E: EntityTrait + Default>(from: &Transaction, to: &Database) -> Result<()> {
    if to.writer.get_database_backend() != DbBackend::MySql || !E::PrimaryKey::auto_increment() {
        return Ok(());
    }
    let table = name::<E>();
    let next = last_number(from, &table).await? + 1;
    let set = format!("ALTER TABLE `{table}` AUTO_INCREMENT = {next}");
    to.writer.execute_unprepared(&set).await.with_context(|| format!("count on in {table}"))?;
    Ok(())
}

/// The last number that a table gave, as far as the database knows it; 0 if it gave none.
async fn last_number(db: &Transaction, table: &str) -> Result<i64> {
    let backend = db.get_database_backend();
    let ask = match backend {
        DbBackend::Postgres => format!(
            "SELECT last_value FROM pg_sequences WHERE schemaname = current_schema() \
             AND quote_ident(sequencename) = (SELECT split_part(pg_get_serial_sequence('\"{table}\"', 'id'), '.', 2))"
        ),
        DbBackend::MySql => format!(
            "SELECT CAST(auto_increment - 1 AS SIGNED) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = '{table}'"
        ),
        _ => format!("SELECT seq FROM sqlite_sequence WHERE name = '{table}'"),
    };
    let row = db.query_one_raw(Statement::from_string(backend, ask)).await;
    let row = row.with_context(|| format!("find the last number of {table}"))?;
    let last = row.map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose()?.flatten();
    Ok(last.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, tests::KEY, transfer};

    #[tokio::test]
    async fn a_table_that_would_stay_behind_stops_the_move() {
        let dir = tempfile::tempdir().unwrap();
        let url = |name: &str| format!("sqlite://{}?mode=rwc", dir.path().join(name).display());
        let store = Store::open(&url("from.db"), &KEY.into()).await.unwrap();
        store.db.writer.execute_unprepared("CREATE TABLE odd (id INTEGER)").await.unwrap();
        store.close().await;
        let fault = transfer(&url("from.db"), &url("to.db")).await.unwrap_err().to_string();
        assert!(fault.contains("the table odd is not known"), "{fault}");
    }
}
