//! Runners: the facts that they report about themselves, people's decisions about them, and the projects that each has
//! built.

mod built;
mod changes;

pub use changes::{NewRunner, Removed};

use super::{database::Database, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    runner::{Runner, RunnerFacts, RunnerRules},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Select,
    sea_query::{Expr, OnConflict},
};

/// The title of the server's own runner.
const OWN_TITLE: &str = "this server";

/// The most names in one statement.
const AT_ONCE: usize = 10_000;

/// Known runners.
#[derive(Clone, Copy)]
pub struct Runners<'a> {
    pub(super) db: &'a Database,
}

/// The facts that a runner reports about itself.
#[derive(Clone, Copy, Debug)]
pub struct RunnerReport<'a> {
    /// Its name.
    pub name: &'a str,
    /// Number of jobs that it runs at once.
    pub slots: i32,
    /// Number of jobs that it runs now.
    pub busy: i32,
    /// The reason why it takes no jobs although it has free slots, in a sentence.
    pub trouble: Option<&'a str>,
    /// The facts about its machine; none: as before.
    pub facts: Option<&'a RunnerFacts>,
    /// Time of the report.
    pub seen_at: Timestamp,
}

/// The outcome of a report of the server's own runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// True if the runner is new or its trouble changed.
    pub is_news: bool,
    /// True if it takes no new jobs, by a person's decision.
    pub is_draining: bool,
}

impl Runners<'_> {
    /// Notes the report of the server's own runner, and its rules.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_runner(self, report: RunnerReport<'_>, rules: &RunnerRules) -> Result<Noted> {
        let known = self.row(report.name).await?;
        let is_draining = known.as_ref().is_some_and(|known| known.is_draining);
        let is_news = known.is_none_or(|known| known.trouble.as_deref() != report.trouble);
        let row = rows::runner::ActiveModel {
            name: Set(report.name.to_owned()),
            title: Set(OWN_TITLE.to_owned()),
            rules: Set(Some(serde_json::to_string(rules)?)),
            removed_at: Set(None),
            ..reported(report)?
        };
        let mut newest = OnConflict::column(rows::runner::Column::Name);
        newest.update_columns([
            rows::runner::Column::Slots,
            rows::runner::Column::Busy,
            rows::runner::Column::Trouble,
            rows::runner::Column::SeenAt,
            rows::runner::Column::Rules,
            rows::runner::Column::RemovedAt,
        ]);
        if report.facts.is_some() {
            newest.update_column(rows::runner::Column::Facts);
        }
        let insert = rows::runner::Entity::insert(row).on_conflict(newest);
        insert.exec_without_returning(&self.db.writer).await.context("note a runner")?;
        Ok(Noted { is_news, is_draining })
    }

    /// Notes the report of a runner on another machine; true if its trouble changed. A report of a runner that was
    /// removed changes nothing.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_report(self, report: RunnerReport<'_>) -> Result<bool> {
        let Some(known) = self.row(report.name).await? else { return Ok(false) };
        let note = rows::runner::Entity::update_many()
            .set(reported(report)?)
            .filter(rows::runner::Column::Name.eq(report.name))
            .filter(rows::runner::Column::RemovedAt.is_null());
        note.exec(&self.db.writer).await.context("note a runner's report")?;
        Ok(known.trouble.as_deref() != report.trouble)
    }

    /// Notes that all of these runners were heard of, in one statement.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_seen(self, names: &[&str], now: Timestamp) -> Result<()> {
        for names in names.chunks(AT_ONCE) {
            let note = rows::runner::Entity::update_many()
                .col_expr(rows::runner::Column::SeenAt, Expr::value(now.0))
                .filter(rows::runner::Column::Name.is_in(names.iter().copied()));
            note.exec(&self.db.writer).await.context("note that runners are there")?;
        }
        Ok(())
    }

    /// All runners that were not removed: the server's own first, then the others in the order in which they were
    /// added.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn runners(self) -> Result<Vec<Runner>> {
        let mut rows = present().all(&self.db.reader).await.context("list runners")?;
        // Not all databases put rows without a value at the same end.
        rows.sort_by_key(|row| row.added_at);
        Ok(rows.into_iter().map(read::runner).collect())
    }

    /// The runner of a name, unless it was removed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn runner(self, name: &str) -> Result<Option<Runner>> {
        let row = present().filter(rows::runner::Column::Name.eq(name)).one(&self.db.reader).await;
        Ok(row.context("find a runner")?.map(read::runner))
    }

    /// The runner whose token has this fingerprint, unless it was removed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn runner_by_fingerprint(self, fingerprint: &str) -> Result<Option<Runner>> {
        let row = present().filter(rows::runner::Column::Fingerprint.eq(fingerprint));
        let row = row.one(&self.db.reader).await.context("find a runner by its token")?;
        Ok(row.map(read::runner))
    }

    async fn row(self, name: &str) -> Result<Option<rows::runner::Model>> {
        rows::runner::Entity::find_by_id(name).one(&self.db.reader).await.context("find a runner")
    }
}

fn present() -> Select<rows::runner::Entity> {
    rows::runner::Entity::find()
        .filter(rows::runner::Column::RemovedAt.is_null())
        .order_by_asc(rows::runner::Column::Name)
}

fn reported(report: RunnerReport<'_>) -> Result<rows::runner::ActiveModel> {
    let facts = report.facts.map(serde_json::to_string).transpose()?;
    Ok(rows::runner::ActiveModel {
        slots: Set(report.slots),
        busy: Set(report.busy),
        trouble: Set(report.trouble.map(str::to_owned)),
        seen_at: Set(report.seen_at.0),
        facts: facts.map_or(NotSet, |facts| Set(Some(facts))),
        ..Default::default()
    })
}
