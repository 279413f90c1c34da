//! Jobs that a runner holds: it takes them up again after a start, and keeps them by renewing its lease.

use super::{ClaimedJob, Lane, Queue};
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{status::Status, time::Timestamp};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};

impl Queue<'_> {
    /// The jobs of a lane that a runner held when it stopped, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn held_jobs(self, lane: Lane, runner: &str, now: Timestamp) -> Result<Vec<ClaimedJob>> {
        let ids = lane
            .jobs()
            .select_only()
            .column(rows::job::Column::Id)
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .filter(rows::job::Column::Runner.eq(runner))
            .order_by_asc(rows::job::Column::Id);
        let ids = ids.into_tuple::<i64>().all(&self.db.reader).await.context("list held jobs")?;
        let mut held = Vec::with_capacity(ids.len());
        for id in ids {
            held.extend(self.held_job(id, |row| row.runner.as_deref() == Some(runner), now).await?);
        }
        Ok(held)
    }

    /// Lets a runner keep all its jobs until a time, unless the runner was removed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn renew_leases(self, runner: &str, until: Timestamp) -> Result<()> {
        let removed = Query::select()
            .column(rows::runner::Column::Name)
            .from(rows::runner::Entity)
            .and_where(rows::runner::Column::Name.eq(runner))
            .and_where(rows::runner::Column::RemovedAt.is_not_null())
            .take();
        rows::job::Entity::update_many()
            .col_expr(rows::job::Column::LeaseUntil, Expr::value(until.0))
            .filter(rows::job::Column::Runner.eq(runner))
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .filter(Expr::not_exists(removed))
            .exec(&self.db.writer)
            .await
            .context("renew leases")?;
        Ok(())
    }
}
