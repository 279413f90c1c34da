//! Removes rows that another installation deleted after they were taken over, unless they were changed here.

use super::{Takeover, builds::FIRST, notes::forget, taken::taken};
use crate::store::{
    database::Transaction,
    projects::Projects,
    queue::{follow_jobs, moves::OF_BUILD},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::ids::{BuildId, HookId, JobId, ProjectId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Rows that a project still has in the other installation, by their ids there.
#[derive(Debug, Default)]
pub struct Still {
    /// Its hooks.
    pub hooks: HashSet<i64>,
    /// Its builds.
    pub builds: HashSet<i64>,
    /// Its jobs, each with its build.
    pub jobs: HashMap<i64, i64>,
}

/// A row here whose row in the other installation was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// A hook. True if it may go here, too; false if it stays because somebody here saved or restored it.
    Hook(HookId, bool),
    /// A build. True if it may go here, too; false if it stays because it has jobs of its own here.
    Build(BuildId, bool),
    /// A job. True if it may go here, too; false if it stays because it has a new attempt here.
    Job(JobId, bool),
}

impl Takeover<'_> {
    /// Rows of a project that were taken over and were deleted in the other installation since. Each says if it may go
    /// here.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn gone_there(self, source: &str, project: ProjectId, still: &Still) -> Result<Vec<Lost>> {
        Ok(lost(&self.db.reader, source, project, still).await?.into_iter().map(|lost| lost.what).collect())
    }

    /// The projects that were taken over and belong to none of these repositories, by the forge's numbers: name and id
    /// here.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn projects_from(self, source: &str, but: &HashSet<i64>) -> Result<Vec<(String, ProjectId)>> {
        let own = rows::imported::Entity::find()
            .filter(rows::imported::Column::Source.eq(source))
            .filter(rows::imported::Column::Kind.eq("project"));
        let own = own.all(&self.db.reader).await.context("list what was taken over")?;
        let own = own.into_iter().map(|row| row.own_id).collect::<HashSet<_>>();
        let projects = Projects { db: self.db }.projects().await?.into_iter();
        let gone =
            projects.filter(|project| own.contains(&project.id.0) && !but.contains(&project.repository.id.0));
        Ok(gone.map(|project| (project.repository.full_name(), project.id)).collect())
    }

    /// Removes rows of a project that were deleted in the other installation since, unless they were changed here.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn remove_gone(self, source: &str, project: ProjectId, still: &Still) -> Result<()> {
        self.db
            .change("the end of what is gone there", move |tx| async move {
                let tx = &tx;
                let mut builds = BTreeSet::new();
                for lost in lost(tx, source, project, still).await? {
                    let kind = match lost.what {
                        Lost::Hook(id, true) => {
                            rows::hook::Entity::delete_by_id(id.0).exec(tx).await.context("remove a hook")?;
                            "hook"
                        }
                        Lost::Build(id, true) => {
                            rows::build::Entity::delete_by_id(id.0)
                                .exec(tx)
                                .await
                                .context("remove a build")?;
                            forget_move(tx, project, id).await?;
                            builds.remove(&id.0);
                            "build"
                        }
                        Lost::Job(id, true) => {
                            builds.extend(lost.build);
                            rows::job::Entity::delete_by_id(id.0).exec(tx).await.context("remove a job")?;
                            "job"
                        }
                        Lost::Hook(_, false) | Lost::Build(_, false) | Lost::Job(_, false) => continue,
                    };
                    forget(tx, source, kind, &[lost.foreign_id]).await?;
                }
                for build in builds {
                    let jobs = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(build));
                    if jobs.count(tx).await.context("count a build's jobs")? > 0 {
                        follow_jobs(tx, build).await?;
                    }
                }
                Ok(())
            })
            .await
    }
}

/// Deletes the move that was noted for a deleted build: another build may get the build's number.
async fn forget_move(tx: &Transaction, project: ProjectId, build: BuildId) -> Result<()> {
    rows::ref_move::Entity::delete_many()
        .filter(rows::ref_move::Column::ProjectId.eq(project.0))
        .filter(rows::ref_move::Column::Uuid.eq(format!("{OF_BUILD}{build}")))
        .exec(tx)
        .await
        .context("forget the push of a build")?;
    Ok(())
}

/// A row here, and its id in the other installation.
struct Former {
    what: Lost,
    foreign_id: i64,
    /// The build, if the row is a job.
    build: Option<i64>,
}

/// The rows that were deleted in the other installation. Jobs come before their builds, so that a build has no jobs
/// left when it is removed.
async fn lost(
    db: &impl ConnectionTrait,
    source: &str,
    project: ProjectId,
    still: &Still,
) -> Result<Vec<Former>> {
    let mut all = Vec::new();
    for (foreign_id, id) in taken::<rows::hook::Entity>(db, source, "hook", project).await? {
        if !still.hooks.contains(&foreign_id) {
            let row = rows::hook::Entity::find_by_id(id).one(db).await.context("find a hook")?;
            let may_go = row.is_some_and(|row| !row.is_own);
            all.push(Former { what: Lost::Hook(HookId(id), may_go), foreign_id, build: None });
        }
    }
    let builds = taken::<rows::build::Entity>(db, source, "build", project).await?;
    let there = builds.iter().map(|(foreign, own)| (*own, *foreign)).collect::<HashMap<_, _>>();
    let mut going = HashMap::<i64, u64>::new();
    for (foreign_id, id) in taken::<rows::job::Entity>(db, source, "job", project).await? {
        let row = rows::job::Entity::find_by_id(id).one(db).await.context("find a job")?;
        let Some(row) = row else { continue };
        // After a restart of its database, the other installation may have given its last number once more. A job is
        // the same only if its build is the same.
        if still.jobs.get(&foreign_id).is_some_and(|build| there.get(&row.build_id) == Some(build)) {
            continue;
        }
        let may_go = row.attempt == FIRST;
        *going.entry(row.build_id).or_default() += u64::from(may_go);
        all.push(Former { what: Lost::Job(JobId(id), may_go), foreign_id, build: Some(row.build_id) });
    }
    for (foreign_id, id) in builds {
        if !still.builds.contains(&foreign_id) {
            let jobs = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(id));
            let jobs = jobs.count(db).await.context("count a build's jobs")?;
            let may_go = going.get(&id).copied().unwrap_or_default() == jobs;
            all.push(Former { what: Lost::Build(BuildId(id), may_go), foreign_id, build: None });
        }
    }
    Ok(all)
}
