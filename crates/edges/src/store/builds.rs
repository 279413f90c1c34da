//! Finds and lists builds and jobs. Nothing here changes which jobs are executed.

mod monitor;
mod old_attempts;
mod rank;

pub use monitor::{HistoryMark, Monitored};
pub(super) use rank::{Rank, in_order};

use super::{
    database::Database,
    page::{Page, PageAsked},
    queue::approvals_of,
    read, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    event::Author,
    git::{GitRef, Sha},
    ids::{BuildId, JobId, ProjectId},
    job::{Job, PastAttempt},
    spec::Origin,
    spent::Span,
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use std::collections::HashMap;

/// Filter for the builds of a project.
#[derive(Clone, Debug, Default)]
pub struct BuildFilter {
    /// Set if only this branch or pull request counts.
    pub git_ref: Option<GitRef>,
    /// Set if only this state counts.
    pub status: Option<Status>,
}

/// Largest number of refs that count for one commit: existing refs first, and among these the last pushed.
const REFS_LIMIT: u64 = 50;

/// Builds and their jobs, for reading.
#[derive(Clone, Copy)]
pub struct Builds<'a> {
    pub(super) db: &'a Database,
}

impl Builds<'_> {
    /// A project's newest build, on one ref or on any: the build of the newest push.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn latest_build(self, project: ProjectId, git_ref: Option<&GitRef>) -> Result<Option<Build>> {
        let mut rows = of_project(project).order_by_desc(rows::build::Column::Position);
        if let Some(git_ref) = git_ref {
            rows = rows.filter(rows::build::Column::GitRef.eq(git_ref.to_string()));
        }
        rows.one(&self.db.reader).await.context("find the latest build")?.map(read::build).transpose()
    }

    /// One build of any project.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn build_by_id(self, id: BuildId) -> Result<Option<Build>> {
        let row = rows::build::Entity::find_by_id(id.0).one(&self.db.reader).await.context("find a build")?;
        row.map(read::build).transpose()
    }

    /// One build of a project.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn build(self, project: ProjectId, id: BuildId) -> Result<Option<Build>> {
        let row = of_project(project).filter(rows::build::Column::Id.eq(id.0));
        row.one(&self.db.reader).await.context("find a build")?.map(read::build).transpose()
    }

    /// A page of a project's builds, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn builds(
        self,
        project: ProjectId,
        filter: &BuildFilter,
        asked: PageAsked,
    ) -> Result<Page<Build>> {
        let wanted = wanted(project, filter);
        let total = wanted.clone().count(&self.db.reader).await.context("count builds")?;
        // The numbers are in an index: skipping them reads no build's row.
        let numbers = wanted
            .select_only()
            .column(rows::build::Column::Number)
            .order_by_desc(rows::build::Column::Number)
            .offset(asked.number.saturating_sub(1).saturating_mul(asked.size))
            .limit(asked.size);
        let numbers =
            numbers.into_tuple::<i64>().all(&self.db.reader).await.context("find a page of builds")?;
        let rows = of_project(project)
            .filter(rows::build::Column::Number.is_in(numbers))
            .order_by_desc(rows::build::Column::Number);
        let rows = rows.all(&self.db.reader).await.context("list builds")?;
        Ok(Page { items: rows.into_iter().map(read::build).collect::<Result<_>>()?, total })
    }

    /// The refs of a project's builds, the last pushed first, up to `limit`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn refs(self, project: ProjectId, limit: u64) -> Result<Vec<GitRef>> {
        let refs = of_project(project)
            .select_only()
            .column(rows::build::Column::GitRef)
            .group_by(rows::build::Column::GitRef)
            .order_by_desc(rows::build::Column::Position.max())
            .limit(limit);
        let refs = refs.into_tuple::<String>().all(&self.db.reader).await.context("list refs")?;
        refs.into_iter().map(|text| Ok(text.parse()?)).collect()
    }

    /// The newest build of a ref that ended with success, failure or error, for a badge.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_verdict(self, project: ProjectId, git_ref: &GitRef) -> Result<Option<Build>> {
        let verdicts = [Status::Success, Status::Failure, Status::Error].map(Status::word);
        let row = of_project(project)
            .filter(rows::build::Column::GitRef.eq(git_ref.to_string()))
            .filter(rows::build::Column::Status.is_in(verdicts))
            .order_by_desc(rows::build::Column::Position);
        row.one(&self.db.reader).await.context("find the last verdict")?.map(read::build).transpose()
    }

    /// A build's jobs, in the order of their tabs.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn jobs_of(self, build: BuildId) -> Result<Vec<Job>> {
        jobs_of(&self.db.reader, build.0).await
    }

    /// The times of the jobs of some builds.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn spans_of(self, builds: &[Build]) -> Result<HashMap<BuildId, Vec<Span>>> {
        let ids = builds.iter().map(|build| build.id.0);
        let times = rows::job::Entity::find()
            .filter(rows::job::Column::BuildId.is_in(ids))
            .select_only()
            .column(rows::job::Column::BuildId)
            .column(rows::job::Column::QueuedAt)
            .column(rows::job::Column::StartedAt)
            .column(rows::job::Column::FinishedAt);
        let times = times.into_tuple::<(i64, Option<i64>, Option<i64>, Option<i64>)>();
        let mut spans = HashMap::<_, Vec<_>>::new();
        for (build, queued, started, finished) in
            times.all(&self.db.reader).await.context("list jobs' times")?
        {
            let [queued_at, started_at, finished_at] =
                [queued, started, finished].map(|at| at.map(Timestamp));
            spans.entry(BuildId(build)).or_default().push(Span { queued_at, started_at, finished_at });
        }
        Ok(spans)
    }

    /// The message and author of a commit with a build in a project, if they are known.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn description_of(self, project: ProjectId, sha: &Sha) -> Result<Option<(String, Author)>> {
        let row = of_project(project)
            .filter(rows::build::Column::Sha.eq(sha.as_str()))
            .filter(rows::build::Column::Message.ne(""));
        let row = row.one(&self.db.reader).await.context("look for a commit's message")?;
        row.map(|row| Ok((row.message, serde_json::from_str(&row.author)?))).transpose()
    }

    /// The builds that count for a commit: those of existing refs. If all its refs are gone, all its builds count.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn builds_of_commit(self, project: ProjectId, sha: &Sha) -> Result<Vec<Build>> {
        let rows = of_project(project)
            .filter(rows::build::Column::Sha.eq(sha.as_str()))
            .order_by_asc(rows::build::Column::RefIsGone)
            .order_by_desc(rows::build::Column::Position)
            .limit(REFS_LIMIT);
        let rows = rows.all(&self.db.reader).await.context("list a commit's builds")?;
        let are_gone = rows.iter().all(|row| row.ref_is_gone);
        rows.into_iter().filter(|row| are_gone || !row.ref_is_gone).map(read::build).collect()
    }

    /// One job of a project.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn job(self, project: ProjectId, id: JobId) -> Result<Option<Job>> {
        Ok(self.job_by_id(id).await?.filter(|job| job.project == project))
    }

    /// One job.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn job_by_id(self, id: JobId) -> Result<Option<Job>> {
        let row = rows::job::Entity::find_by_id(id.0).one(&self.db.reader).await.context("find a job")?;
        row.map(read::job).transpose()
    }

    /// A job's attempts before the present one, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn past_attempts(self, job: JobId) -> Result<Vec<PastAttempt>> {
        let rows = rows::attempt::Entity::find()
            .filter(rows::attempt::Column::JobId.eq(job.0))
            .order_by_asc(rows::attempt::Column::Number);
        let rows = rows.all(&self.db.reader).await.context("list a job's attempts")?;
        rows.into_iter().map(past_attempt).collect()
    }

    /// The logins of the people who approved a build's commit, or all pushes of its pusher to its pull request.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn approved_by(self, build: &Build) -> Result<Vec<String>> {
        let row =
            rows::build::Entity::find_by_id(build.id.0).one(&self.db.reader).await.context("find a build")?;
        let Some(approvals) = row.as_ref().and_then(approvals_of) else { return Ok(Vec::new()) };
        let approvals = rows::approval::Entity::find().filter(approvals);
        let people = approvals.select_only().column(rows::approval::Column::UserId).into_query();
        let people = rows::user::Entity::find().filter(rows::user::Column::Id.in_subquery(people));
        let people = people.all(&self.db.reader).await.context("list who approved a build")?;
        Ok(people.into_iter().map(|person| person.login).collect())
    }

    /// Notes the message and author of a commit that the forge told after the build was planned.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn describe_build(self, build: BuildId, message: &str, author: &Author) -> Result<()> {
        let row = rows::build::ActiveModel {
            id: Unchanged(build.0),
            message: Set(message.to_owned()),
            author: Set(serde_json::to_string(author)?),
            ..Default::default()
        };
        row.update(&self.db.writer).await.context("describe a build")?;
        Ok(())
    }
}

fn of_project(project: ProjectId) -> sea_orm::Select<rows::build::Entity> {
    rows::build::Entity::find().filter(rows::build::Column::ProjectId.eq(project.0))
}

fn wanted(project: ProjectId, filter: &BuildFilter) -> sea_orm::Select<rows::build::Entity> {
    let mut wanted = of_project(project);
    if let Some(git_ref) = &filter.git_ref {
        wanted = wanted.filter(rows::build::Column::GitRef.eq(git_ref.to_string()));
    }
    if let Some(status) = filter.status {
        wanted = wanted.filter(rows::build::Column::Status.eq(status.word()));
    }
    wanted
}

/// A build's jobs: first those of hooks, in the hooks' order, because deliveries come in any order; then the Auto
/// Builder's.
pub(in crate::store) async fn jobs_of(db: &impl ConnectionTrait, build: i64) -> Result<Vec<Job>> {
    let rows = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(build));
    let rows = rows.all(db).await.context("list a build's jobs")?;
    let mut jobs = rows.into_iter().map(read::job).collect::<Result<Vec<_>>>()?;
    jobs.sort_by_key(|job| match job.spec.origin {
        Origin::Hook(hook) => (0, hook.0, job.id),
        Origin::Recipe { .. } | Origin::Kernel(_) | Origin::Configuration => (1, 0, job.id),
    });
    Ok(jobs)
}

fn past_attempt(row: rows::attempt::Model) -> Result<PastAttempt> {
    Ok(PastAttempt {
        number: row.number,
        status: row.status.parse()?,
        ending: row.ending.as_deref().map(str::parse).transpose()?,
        reason: row.reason,
        return_code: row.return_code,
        phases: serde_json::from_str(&row.phases).context("read an attempt's phases")?,
        queued_at: row.queued_at.map(Timestamp),
        started_at: row.started_at.map(Timestamp),
        finished_at: row.finished_at.map(Timestamp),
    })
}
