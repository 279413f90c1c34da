//! Facts that runners report about themselves, so that a waiting job can show why it waits.

use super::{database::Database, read, rows};
use anyhow::{Context, Result};
use kozmic_model::runner::Runner;
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};

/// Known runners.
#[derive(Clone, Copy)]
pub struct Runners<'a> {
    pub(super) db: &'a Database,
}

impl Runners<'_> {
    /// Notes the facts that a runner reports about itself; true if the runner is new or its trouble changed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_runner(self, runner: &Runner) -> Result<bool> {
        let known = rows::runner::Entity::find_by_id(runner.name.clone());
        let known = known.one(&self.db.reader).await.context("find a runner")?;
        let changed = known.is_none_or(|known| known.trouble != runner.trouble);
        let Runner { name, slots, busy, trouble, seen_at, .. } = runner.clone();
        let row = rows::runner::ActiveModel {
            name: Set(name),
            slots: Set(slots),
            busy: Set(busy),
            trouble: Set(trouble),
            seen_at: Set(seen_at.0),
        };
        let newest = OnConflict::column(rows::runner::Column::Name)
            .update_columns([
                rows::runner::Column::Slots,
                rows::runner::Column::Busy,
                rows::runner::Column::Trouble,
                rows::runner::Column::SeenAt,
            ])
            .to_owned();
        let insert = rows::runner::Entity::insert(row).on_conflict(newest);
        insert.exec_without_returning(&self.db.writer).await.context("note a runner")?;
        Ok(changed)
    }

    /// All runners that ever reported.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn runners(self) -> Result<Vec<Runner>> {
        let rows = rows::runner::Entity::find().all(&self.db.reader).await.context("list runners")?;
        Ok(rows.into_iter().map(read::runner).collect())
    }
}
