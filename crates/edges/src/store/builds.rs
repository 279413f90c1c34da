//! Builds: found, listed, and brought in line with their jobs.

use super::{Store, outbox, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    commit_status::CommitState,
    event::Author,
    git::GitRef,
    ids::{BuildId, ProjectId},
    job::Job,
    spec::Origin,
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
};

/// One page of a list.
pub struct Page<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: u64,
}

impl Store {
    /// A project's newest build, on one ref or on any.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn latest_build(&self, project: ProjectId, git_ref: Option<&GitRef>) -> Result<Option<Build>> {
        let mut rows = of_project(project).order_by_desc(rows::build::Column::Number);
        if let Some(git_ref) = git_ref {
            rows = rows.filter(rows::build::Column::GitRef.eq(git_ref.to_string()));
        }
        rows.one(&self.db).await.context("find the latest build")?.map(read::build).transpose()
    }

    /// One build, whichever project it belongs to.
    ///
    /// # Errors
    /// The database does not answer, or there is no such build.
    pub async fn build_by_id(&self, id: BuildId) -> Result<Build> {
        let row = rows::build::Entity::find_by_id(id.0).one(&self.db).await.context("find a build")?;
        read::build(row.with_context(|| format!("there is no build {id}"))?)
    }

    /// One build of a project.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn build(&self, project: ProjectId, id: BuildId) -> Result<Option<Build>> {
        let row = of_project(project).filter(rows::build::Column::Id.eq(id.0));
        row.one(&self.db).await.context("find a build")?.map(read::build).transpose()
    }

    /// A page of a project's builds, the newest first; pages count from 1.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn builds(&self, project: ProjectId, page: u64, per_page: u64) -> Result<Page<Build>> {
        let pages =
            of_project(project).order_by_desc(rows::build::Column::Number).paginate(&self.db, per_page);
        let total = pages.num_items().await.context("count builds")?;
        let rows = pages.fetch_page(page.saturating_sub(1)).await.context("list builds")?;
        Ok(Page { items: rows.into_iter().map(read::build).collect::<Result<_>>()?, total })
    }

    /// A build's jobs, in the order of their tabs.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn jobs_of(&self, build: BuildId) -> Result<Vec<Job>> {
        jobs_of(&self.db, build.0).await
    }

    /// Notes what the forge said of a commit after its build was planned.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn describe_build(&self, build: BuildId, message: &str, author: &Author) -> Result<()> {
        let row = rows::build::ActiveModel {
            id: Unchanged(build.0),
            message: Set(message.to_owned()),
            author: Set(serde_json::to_string(author)?),
            ..Default::default()
        };
        row.update(&self.writer).await.context("describe a build")?;
        Ok(())
    }
}

fn of_project(project: ProjectId) -> sea_orm::Select<rows::build::Entity> {
    rows::build::Entity::find().filter(rows::build::Column::ProjectId.eq(project.0))
}

/// A build's jobs, in the order of their hooks: deliveries come in any order.
pub(super) async fn jobs_of(db: &impl ConnectionTrait, build: i64) -> Result<Vec<Job>> {
    let rows = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(build));
    let rows = rows.all(db).await.context("list a build's jobs")?;
    let mut jobs = rows.into_iter().map(read::job).collect::<Result<Vec<_>>>()?;
    jobs.sort_by_key(|job| {
        let Origin::Hook(hook) = job.spec.origin;
        (hook, job.id)
    });
    Ok(jobs)
}

/// Brings a build's status and times in line with its jobs. If the forge shall show something else than before, that
/// is written into the outbox, in the same transaction.
pub(super) async fn refresh(tx: &DatabaseTransaction, build: i64, now: Timestamp) -> Result<Build> {
    let jobs = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(build));
    let jobs = jobs.all(tx).await.context("list a build's jobs")?;
    let statuses = jobs.iter().map(|job| job.status.parse()).collect::<Result<Vec<Status>, _>>()?;
    let before = rows::build::Entity::find_by_id(build).one(tx).await.context("find a build")?;
    let before = before.with_context(|| format!("there is no build {build}"))?.status.parse::<Status>()?;
    let status = Status::of_build(&statuses);
    let all_finished = statuses.iter().all(|status| status.is_finished());
    let started_at = jobs.iter().filter_map(|job| job.started_at).min();
    let finished_at = jobs.iter().filter_map(|job| job.finished_at).max().filter(|_| all_finished);
    let row = rows::build::ActiveModel {
        id: Unchanged(build),
        status: Set(status.word().to_owned()),
        started_at: Set(started_at),
        finished_at: Set(finished_at),
        ..Default::default()
    };
    let row = row.update(tx).await.context("bring a build in line with its jobs")?;
    if CommitState::from(before) != CommitState::from(status) {
        outbox::commit_status(tx, build, now).await?;
    }
    read::build(row)
}
