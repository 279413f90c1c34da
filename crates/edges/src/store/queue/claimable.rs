//! The jobs that wait for a runner, for the choice of a runner for each.

use super::{Lane, Queue};
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{
    ids::{JobId, ProjectId},
    label::{Label, Labels, NotALabel},
    placement::WaitingJob,
    runner::JobClass,
    status::Status,
};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select};
use std::collections::{BTreeSet, HashMap};

/// The columns that decide about a runner.
#[derive(FromQueryResult)]
struct Row {
    id: i64,
    project_id: i64,
    labels: String,
    is_from_fork: bool,
}

impl Queue<'_> {
    /// The oldest jobs that wait for a runner, behind a job.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn waiting(self, behind: JobId, limit: u64) -> Result<Vec<WaitingJob>> {
        let waiting = Lane::Containers
            .jobs()
            .filter(rows::job::Column::Status.eq(Status::Enqueued.word()))
            .filter(rows::job::Column::Id.gt(behind.0));
        let found = self.some_of(waiting, limit).await?;
        self.with_projects(found).await
    }

    async fn some_of(self, jobs: Select<rows::job::Entity>, limit: u64) -> Result<Vec<Row>> {
        let some = jobs
            .select_only()
            .columns([
                rows::job::Column::Id,
                rows::job::Column::ProjectId,
                rows::job::Column::Labels,
                rows::job::Column::IsFromFork,
            ])
            .order_by_asc(rows::job::Column::Id)
            .limit(limit);
        some.into_model::<Row>().all(&self.db.reader).await.context("list waiting jobs")
    }

    async fn with_projects(self, found: Vec<Row>) -> Result<Vec<WaitingJob>> {
        let projects = found.iter().map(|row| row.project_id).collect::<BTreeSet<_>>();
        if projects.is_empty() {
            return Ok(Vec::new());
        }
        let named = rows::project::Entity::find()
            .select_only()
            .columns([rows::project::Column::Id, rows::project::Column::Owner, rows::project::Column::Name])
            .filter(rows::project::Column::Id.is_in(projects));
        let named = named.into_tuple::<(i64, String, String)>().all(&self.db.reader).await;
        let named = named.context("find the projects of waiting jobs")?.into_iter();
        let named = named.map(|(id, owner, name)| (id, format!("{owner}/{name}"))).collect::<HashMap<_, _>>();
        Ok(found.into_iter().filter_map(|row| waiting_job(row, &named)).collect())
    }
}

/// None if the job's project was just deleted, or its labels cannot be read.
fn waiting_job(row: Row, projects: &HashMap<i64, String>) -> Option<WaitingJob> {
    let project = projects.get(&row.project_id)?.clone();
    let labels = match labels(&row.labels) {
        Ok(labels) => labels,
        Err(fault) => {
            tracing::error!(job.id = row.id, %fault, "the labels of a job cannot be read");
            return None;
        }
    };
    let class = JobClass { project, labels, is_from_fork: row.is_from_fork };
    Some(WaitingJob { id: JobId(row.id), project: ProjectId(row.project_id), class })
}

fn labels(text: &str) -> Result<Labels, NotALabel> {
    text.split(',').filter(|word| !word.is_empty()).map(str::parse::<Label>).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Stage, change};
    use kozmic_model::{event::Change, git::GitRef};
    use sea_orm::{
        ActiveModelTrait,
        ActiveValue::{Set, Unchanged},
    };

    #[tokio::test]
    async fn jobs_wait_with_all_that_decides_about_their_runner() {
        let stage = Stage::new().await;
        let store = &stage.store;
        stage.enqueue(Change { git_ref: GitRef::PullRequest(7), ..change('b') }).await;
        let own = stage.labeled(3, "gpu,arm64").await;
        let waiting = store.queue().waiting(JobId(0), 10).await.unwrap();
        let class = |labels: &str, is_from_fork| JobClass {
            project: "anna/hello".into(),
            labels: labels.parse().unwrap(),
            is_from_fork,
        };
        let seen = waiting.iter().map(|job| job.class.clone()).collect::<Vec<_>>();
        assert_eq!(seen, [class("", true), class("arm64,gpu", false)]);
        assert_eq!((waiting[1].id, waiting[0].project), (own, stage.project));
        let ids = async |behind, limit| {
            let some = store.queue().waiting(behind, limit).await.unwrap();
            some.into_iter().map(|job| job.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(JobId(0), 1).await, [waiting[0].id]);
        assert_eq!(ids(waiting[0].id, 1).await, [own]);
        let spoilt = rows::job::ActiveModel {
            id: Unchanged(own.0),
            labels: Set("two words".into()),
            ..Default::default()
        };
        spoilt.update(&store.db.writer).await.unwrap();
        assert_eq!(ids(JobId(0), 10).await, [waiting[0].id]);
    }
}
