//! Deleted projects: nobody sees them any more while their files and images are erased.

use super::Projects;
use crate::store::{
    queue::{cancel, of_project},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    ids::{JobId, ProjectId},
    job::Attempt,
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

impl Projects<'_> {
    /// Deletes a project for people: its hooks are deleted, its jobs are canceled, its repository can become a project
    /// again. Its data stays until [`Self::erase_project`]. Gives the jobs that had not ended.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn delete_project(self, id: ProjectId, now: Timestamp) -> Result<Vec<JobId>> {
        self.db
            .change("a project's end", move |tx| async move {
                let tx = &tx;
                tx.lock_project(id.0).await?;
                let row = rows::project::Entity::find_by_id(id.0).one(tx).await.context("find a project")?;
                let Some(row) = row.filter(|row| row.deleted_at.is_none()) else { return Ok(Vec::new()) };
                let hooks = rows::hook::Entity::delete_many().filter(rows::hook::Column::ProjectId.eq(id.0));
                hooks.exec(tx).await.context("delete a project's hooks")?;
                let live = of_project(id.0, &[Status::Held, Status::Enqueued, Status::Pending]);
                let live = live.all(tx).await.context("list a project's jobs")?;
                for job in &live {
                    cancel(tx, job, "Canceled: the project was deleted.", None, now).await?;
                }
                let deleted = rows::project::ActiveModel {
                    id: Unchanged(id.0),
                    // A repository has at most one project, so the deleted project gives up the repository's number.
                    forge_id: Set(-row.id),
                    deleted_at: Set(Some(now.0)),
                    ..Default::default()
                };
                let row = deleted.update(tx).await.context("delete a project")?;
                let with = if row.drops_artifacts { "with its artifacts" } else { "" };
                tx.note(Deed::new(Action::ProjectDeleted, Some(id), with)).await?;
                Ok(live.into_iter().map(|job| JobId(job.id)).collect())
            })
            .await
    }

    /// Notes, before a project is deleted, if its artifacts in directories are deleted with it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_drops_artifacts(self, id: ProjectId, drops: bool) -> Result<()> {
        let row = rows::project::ActiveModel {
            id: Unchanged(id.0),
            drops_artifacts: Set(drops),
            ..Default::default()
        };
        row.update(&self.db.writer).await.context("note what becomes of a project's artifacts")?;
        Ok(())
    }

    /// True if a project's artifacts are deleted with it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn drops_artifacts(self, id: ProjectId) -> Result<bool> {
        let row =
            rows::project::Entity::find_by_id(id.0).one(&self.db.reader).await.context("find a project")?;
        Ok(row.is_some_and(|row| row.drops_artifacts))
    }

    /// Deleted projects that can be erased now: none of their jobs is under way any more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn erasable_projects(self) -> Result<Vec<ProjectId>> {
        let rows = rows::project::Entity::find().filter(rows::project::Column::DeletedAt.is_not_null());
        let mut erasable = Vec::new();
        for row in rows.all(&self.db.reader).await.context("list deleted projects")? {
            let running = of_project(row.id, &[Status::Pending]);
            if running.one(&self.db.reader).await.context("look for running jobs")?.is_none() {
                erasable.push(ProjectId(row.id));
            }
        }
        Ok(erasable)
    }

    /// Some of a project's jobs with ids above another one, each with its last attempt.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_attempts(self, project: ProjectId, behind: JobId) -> Result<Vec<Attempt>> {
        let rows = rows::job::Entity::find()
            .filter(rows::job::Column::ProjectId.eq(project.0))
            .filter(rows::job::Column::Id.gt(behind.0))
            .order_by_asc(rows::job::Column::Id)
            .limit(500);
        let rows = rows.all(&self.db.reader).await.context("list a project's jobs")?;
        Ok(rows.into_iter().map(|row| Attempt { job: JobId(row.id), number: row.attempt }).collect())
    }

    /// Erases the rows of a project with all its builds and jobs.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn erase_project(self, id: ProjectId) -> Result<()> {
        rows::project::Entity::delete_by_id(id.0).exec(&self.db.writer).await.context("erase a project")?;
        Ok(())
    }
}
