//! Contents of the monitor: the Auto Builder's jobs that wait or are under way, and those that ended last.

use super::Builds;
use crate::store::{read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    git::GitRef,
    ids::{JobId, ProjectId},
    job::Job,
    project::Project,
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use std::collections::HashMap;

/// A job of the Auto Builder, with its surroundings.
#[derive(Clone, Debug)]
pub struct Monitored {
    /// The job.
    pub job: Job,
    /// Its build.
    pub build: Build,
    /// Its project.
    pub project: Project,
}

/// A position in the history: jobs behind it ended earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryMark {
    /// The time when the job at this position ended.
    pub finished_at: Timestamp,
    /// The job at this position.
    pub job: JobId,
}

impl Builds<'_> {
    /// The Auto Builder's jobs that wait or are under way, in the order in which they were planned.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn monitored(self) -> Result<Vec<Monitored>> {
        let live = [Status::Enqueued, Status::Pending].map(Status::word);
        let rows = automatic().filter(rows::job::Column::Status.is_in(live));
        self.with_surroundings(rows.order_by_asc(rows::job::Column::Id)).await
    }

    /// The Auto Builder's finished jobs, the last one first. If a mark is given, only the jobs behind it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn monitored_history(self, behind: Option<HistoryMark>, limit: u64) -> Result<Vec<Monitored>> {
        let mut rows = automatic().filter(rows::job::Column::FinishedAt.is_not_null());
        if let Some(HistoryMark { finished_at, job }) = behind {
            let same_time = Condition::all()
                .add(rows::job::Column::FinishedAt.eq(finished_at.0))
                .add(rows::job::Column::Id.lt(job.0));
            let earlier =
                Condition::any().add(rows::job::Column::FinishedAt.lt(finished_at.0)).add(same_time);
            rows = rows.filter(rows::job::Column::FinishedAt.lte(finished_at.0)).filter(earlier);
        }
        let rows = rows.order_by_desc(rows::job::Column::FinishedAt).order_by_desc(rows::job::Column::Id);
        self.with_surroundings(rows.limit(limit)).await
    }

    /// One job of the Auto Builder.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn monitored_job(self, id: JobId) -> Result<Option<Monitored>> {
        let row = automatic().filter(rows::job::Column::Id.eq(id.0));
        Ok(self.with_surroundings(row).await?.pop())
    }

    /// The Auto Builder's newest job of a project's ref.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_monitored(self, project: ProjectId, git_ref: &GitRef) -> Result<Option<Monitored>> {
        let builds = rows::build::Entity::find()
            .filter(rows::build::Column::ProjectId.eq(project.0))
            .filter(rows::build::Column::GitRef.eq(git_ref.to_string()))
            .order_by_desc(rows::build::Column::Position)
            .limit(100);
        for build in builds.all(&self.db.reader).await.context("list a ref's builds")? {
            let row = automatic()
                .filter(rows::job::Column::BuildId.eq(build.id))
                .order_by_desc(rows::job::Column::Id)
                .limit(1);
            if let Some(job) = self.with_surroundings(row).await?.pop() {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    async fn with_surroundings(self, jobs: Select<rows::job::Entity>) -> Result<Vec<Monitored>> {
        let jobs = jobs.all(&self.db.reader).await.context("list the Auto Builder's jobs")?;
        let ids = jobs.iter().map(|job| job.build_id).collect::<Vec<_>>();
        let builds = rows::build::Entity::find().filter(rows::build::Column::Id.is_in(ids));
        let builds = builds.all(&self.db.reader).await.context("find jobs' builds")?;
        let builds = builds.into_iter().map(|row| (row.id, row)).collect::<HashMap<_, _>>();
        let ids = jobs.iter().map(|job| job.project_id).collect::<Vec<_>>();
        let projects = rows::project::Entity::find()
            .filter(rows::project::Column::Id.is_in(ids))
            .filter(rows::project::Column::DeletedAt.is_null());
        let projects = projects.all(&self.db.reader).await.context("find jobs' projects")?;
        let projects =
            projects.into_iter().map(|row| (row.id, read::project(row))).collect::<HashMap<_, _>>();
        let mut found = Vec::with_capacity(jobs.len());
        for job in jobs {
            // A build or project that was deleted between the queries, or is being removed, is not shown.
            let (Some(build), Some(project)) = (builds.get(&job.build_id), projects.get(&job.project_id))
            else {
                continue;
            };
            let (build, project) = (read::build(build.clone())?, project.clone());
            found.push(Monitored { job: read::job(job)?, build, project });
        }
        Ok(found)
    }
}

/// The jobs of the Auto Builder, without those of projects that are being removed.
fn automatic() -> Select<rows::job::Entity> {
    let leaving = rows::project::Entity::find()
        .select_only()
        .column(rows::project::Column::Id)
        .filter(rows::project::Column::DeletedAt.is_not_null());
    rows::job::Entity::find()
        .filter(rows::job::Column::Automatic.eq(true))
        .filter(rows::job::Column::ProjectId.not_in_subquery(leaving.into_query()))
}
