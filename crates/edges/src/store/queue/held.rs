//! Jobs that a runner holds: it takes them up again after a start, and keeps them by renewing its lease.

use super::{ClaimedJob, Lane, Queue};
use crate::store::{read, rows};
use anyhow::{Context, Result};
use kozmic_model::{ids::ProjectId, job::Job, status::Status, time::Timestamp};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, Query},
};
use std::collections::HashMap;

/// The most names in one statement.
const AT_ONCE: usize = 10_000;

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

    /// The number of jobs in containers that each runner holds now. A runner without jobs is left out.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn held_counts(self) -> Result<HashMap<String, i64>> {
        let counts = held()
            .select_only()
            .column(rows::job::Column::Runner)
            .column_as(rows::job::Column::Id.count(), "jobs")
            .group_by(rows::job::Column::Runner);
        let counts = counts.into_tuple::<(String, i64)>().all(&self.db.reader).await;
        Ok(counts.context("count the jobs of each runner")?.into_iter().collect())
    }

    /// The jobs in containers of some projects that runners hold now, the oldest first, each with its runner's name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn held_of(self, projects: &[ProjectId]) -> Result<Vec<(String, Job)>> {
        if projects.is_empty() {
            return Ok(Vec::new());
        }
        let held = held()
            .filter(rows::job::Column::ProjectId.is_in(projects.iter().map(|project| project.0)))
            .order_by_asc(rows::job::Column::Id);
        let held = held.all(&self.db.reader).await.context("list the jobs of runners")?;
        let of_runner = |mut row: rows::job::Model| Some((row.runner.take()?, read::job(row)));
        held.into_iter().filter_map(of_runner).map(|(runner, job)| Ok((runner, job?))).collect()
    }

    /// Lets runners keep all their jobs until a time, unless they were removed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn renew_leases(self, runners: &[&str], until: Timestamp) -> Result<()> {
        let removed = Query::select()
            .column(rows::runner::Column::Name)
            .from(rows::runner::Entity)
            .and_where(rows::runner::Column::RemovedAt.is_not_null())
            .take();
        for runners in runners.chunks(AT_ONCE) {
            rows::job::Entity::update_many()
                .col_expr(rows::job::Column::LeaseUntil, Expr::value(until.0))
                .filter(rows::job::Column::Runner.is_in(runners.iter().copied()))
                .filter(rows::job::Column::Status.eq(Status::Pending.word()))
                .filter(rows::job::Column::Runner.not_in_subquery(removed.clone()))
                .exec(&self.db.writer)
                .await
                .context("renew leases")?;
        }
        Ok(())
    }
}

/// The jobs in containers that runners hold.
fn held() -> Select<rows::job::Entity> {
    Lane::Containers
        .jobs()
        .filter(rows::job::Column::Status.eq(Status::Pending.word()))
        .filter(rows::job::Column::Runner.is_not_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Among,
        tests::{HERE, NOW, Stage},
    };

    #[tokio::test]
    async fn a_list_of_runners_names_their_jobs_of_the_projects_that_are_asked_for() {
        let stage = Stage::new().await;
        let (queue, other) = (stage.store.queue(), stage.other_project().await);
        assert!(queue.held_counts().await.unwrap().is_empty());
        let job = stage.push_at('a', None).await;
        queue.claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap().unwrap();
        stage.push_at('b', None).await;
        assert_eq!(queue.held_counts().await.unwrap(), HashMap::from([("here".to_owned(), 1)]));
        let held = queue.held_of(&[other, stage.project]).await.unwrap();
        let held = held.into_iter().map(|(runner, job)| (runner, job.id)).collect::<Vec<_>>();
        assert_eq!(held, [("here".to_owned(), job)]);
        assert!(queue.held_of(&[other]).await.unwrap().is_empty());
        assert!(queue.held_of(&[]).await.unwrap().is_empty());
    }
}
