//! Builds: found, listed, and brought in line with their jobs.

use super::{
    Store, jobs,
    outbox::{self, Subject},
    read, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    commit_status::CommitState,
    event::Author,
    git::{GitRef, Sha},
    ids::{BuildId, ProjectId},
    job::Job,
    spec::Origin,
    spent::Span,
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::Order,
};
use std::collections::HashMap;

/// Filter for the builds of a project.
#[derive(Clone, Debug, Default)]
pub struct BuildFilter {
    /// Of this branch or pull request only.
    pub git_ref: Option<GitRef>,
    /// In this state only.
    pub status: Option<Status>,
}

/// The most refs on which one commit is looked at: those that are there, and were pushed last.
const REFS_LIMIT: u64 = 50;

/// The page of a list that somebody asks for.
#[derive(Clone, Copy, Debug)]
pub struct PageAsked {
    /// From 1.
    pub number: u64,
    /// The number of items on a page.
    pub size: u64,
}

/// One page of a list.
pub struct Page<T> {
    /// The items on the page.
    pub items: Vec<T>,
    /// The number of items on all pages.
    pub total: u64,
}

impl Store {
    /// A project's newest build, on one ref or on any: that of the newest push.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn latest_build(&self, project: ProjectId, git_ref: Option<&GitRef>) -> Result<Option<Build>> {
        let mut rows = of_project(project).order_by_desc(rows::build::Column::Position);
        if let Some(git_ref) = git_ref {
            rows = rows.filter(rows::build::Column::GitRef.eq(git_ref.to_string()));
        }
        rows.one(&self.db).await.context("find the latest build")?.map(read::build).transpose()
    }

    /// One build, whichever project it belongs to.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn build_by_id(&self, id: BuildId) -> Result<Option<Build>> {
        let row = rows::build::Entity::find_by_id(id.0).one(&self.db).await.context("find a build")?;
        row.map(read::build).transpose()
    }

    /// One build of a project.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn build(&self, project: ProjectId, id: BuildId) -> Result<Option<Build>> {
        let row = of_project(project).filter(rows::build::Column::Id.eq(id.0));
        row.one(&self.db).await.context("find a build")?.map(read::build).transpose()
    }

    /// A page of a project's builds, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn builds(
        &self,
        project: ProjectId,
        filter: &BuildFilter,
        asked: PageAsked,
    ) -> Result<Page<Build>> {
        let wanted = wanted(project, filter);
        let total = wanted.clone().count(&self.db).await.context("count builds")?;
        // The numbers stand in an index: skipping them touches no build's row.
        let numbers = wanted
            .select_only()
            .column(rows::build::Column::Number)
            .order_by_desc(rows::build::Column::Number)
            .offset(asked.number.saturating_sub(1).saturating_mul(asked.size))
            .limit(asked.size);
        let numbers = numbers.into_tuple::<i64>().all(&self.db).await.context("find a page of builds")?;
        let rows = of_project(project)
            .filter(rows::build::Column::Number.is_in(numbers))
            .order_by_desc(rows::build::Column::Number);
        let rows = rows.all(&self.db).await.context("list builds")?;
        Ok(Page { items: rows.into_iter().map(read::build).collect::<Result<_>>()?, total })
    }

    /// The refs that a project has builds of, the last pushed first, up to `limit`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn refs(&self, project: ProjectId, limit: u64) -> Result<Vec<GitRef>> {
        let refs = of_project(project)
            .select_only()
            .column(rows::build::Column::GitRef)
            .group_by(rows::build::Column::GitRef)
            .order_by_desc(rows::build::Column::Position.max())
            .limit(limit);
        let refs = refs.into_tuple::<String>().all(&self.db).await.context("list refs")?;
        refs.into_iter().map(|text| Ok(text.parse()?)).collect()
    }

    /// The newest build of a ref that ended by itself, well or badly: what a badge shows.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_verdict(&self, project: ProjectId, git_ref: &GitRef) -> Result<Option<Build>> {
        let verdicts = [Status::Success, Status::Failure, Status::Error].map(Status::word);
        let row = of_project(project)
            .filter(rows::build::Column::GitRef.eq(git_ref.to_string()))
            .filter(rows::build::Column::Status.is_in(verdicts))
            .order_by_desc(rows::build::Column::Position);
        row.one(&self.db).await.context("find the last verdict")?.map(read::build).transpose()
    }

    /// A build's jobs, in the order of their tabs.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn jobs_of(&self, build: BuildId) -> Result<Vec<Job>> {
        jobs_of(&self.db, build.0).await
    }

    /// The times of the jobs of some builds.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn spans_of(&self, builds: &[Build]) -> Result<HashMap<BuildId, Vec<Span>>> {
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
        for (build, queued, started, finished) in times.all(&self.db).await.context("list jobs' times")? {
            let [queued_at, started_at, finished_at] =
                [queued, started, finished].map(|at| at.map(Timestamp));
            spans.entry(BuildId(build)).or_default().push(Span { queued_at, started_at, finished_at });
        }
        Ok(spans)
    }

    /// The message and author of a commit that a project has a build of, if they are known.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn description_of(&self, project: ProjectId, sha: &Sha) -> Result<Option<(String, Author)>> {
        let row = of_project(project)
            .filter(rows::build::Column::Sha.eq(sha.as_str()))
            .filter(rows::build::Column::Message.ne(""));
        let row = row.one(&self.db).await.context("look for a commit's message")?;
        row.map(|row| Ok((row.message, serde_json::from_str(&row.author)?))).transpose()
    }

    /// The builds that count beside a commit: those of refs that are there; if all are gone, those.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn builds_of_commit(&self, project: ProjectId, sha: &Sha) -> Result<Vec<Build>> {
        let rows = of_project(project)
            .filter(rows::build::Column::Sha.eq(sha.as_str()))
            .order_by_asc(rows::build::Column::RefIsGone)
            .order_by_desc(rows::build::Column::Position)
            .limit(REFS_LIMIT);
        let rows = rows.all(&self.db).await.context("list a commit's builds")?;
        let are_gone = rows.iter().all(|row| row.ref_is_gone);
        rows.into_iter().filter(|row| are_gone || !row.ref_is_gone).map(read::build).collect()
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

/// A build's jobs: first those of hooks, in their order, since deliveries come in any; then the Auto Builder's.
pub(super) async fn jobs_of(db: &impl ConnectionTrait, build: i64) -> Result<Vec<Job>> {
    let rows = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(build));
    let rows = rows.all(db).await.context("list a build's jobs")?;
    let mut jobs = rows.into_iter().map(read::job).collect::<Result<Vec<_>>>()?;
    jobs.sort_by_key(|job| match job.spec.origin {
        Origin::Hook(hook) => (0, hook.0, job.id),
        Origin::Recipe { .. } | Origin::Kernel(_) | Origin::Configuration => (1, 0, job.id),
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
    let before = before.with_context(|| format!("there is no build {build}"))?;
    let mailed = before.mailed.clone();
    let status = Status::of_build(&statuses);
    let hooks = jobs.iter().zip(&statuses).filter(|(job, _)| !job.automatic).map(|(_, status)| *status);
    let hooks = hooks.collect::<Vec<_>>();
    let hooked = (!hooks.is_empty()).then(|| Status::of_build(&hooks));
    let was_hooked = before.hooked.as_deref().map(str::parse::<Status>).transpose()?;
    let all_finished = statuses.iter().all(|status| status.is_finished());
    let started_at = jobs.iter().filter_map(|job| job.started_at).min();
    let finished_at = jobs.iter().filter_map(|job| job.finished_at).max().filter(|_| all_finished);
    let row = rows::build::ActiveModel {
        id: Unchanged(build),
        status: Set(status.word().to_owned()),
        hooked: Set(hooked.map(|status| status.word().to_owned())),
        started_at: Set(started_at),
        finished_at: Set(finished_at),
        ..Default::default()
    };
    let row = row.update(tx).await.context("bring a build in line with its jobs")?;
    let (position, build) = (row.position, read::build(row)?);
    // The result of all hooks is told as one; each of the Auto Builder's jobs speaks for itself.
    let Some(status) = hooked else { return Ok(build) };
    if was_hooked.map(CommitState::from) != Some(CommitState::from(status)) {
        outbox::put(tx, Subject::CommitStatus(build.id), now).await?;
    }
    if was_hooked != Some(status) && [was_hooked, Some(status)].contains(&Some(Status::Held)) {
        outbox::put(tx, Subject::CommitStatus(build.id), now).await?;
    }
    let is_news = is_news(was_hooked.unwrap_or(Status::Enqueued), status)
        && verdict(tx, &build, Beside::After(position)).await?.is_none();
    if is_news
        && (is_bad(status)
            || status == Status::Held
            || was_bad(tx, &build, mailed.as_deref(), position).await?)
    {
        outbox::put(tx, Subject::News(build.id), now).await?;
        let mailed = Set(Some(status.word().to_owned()));
        let row = rows::build::ActiveModel { id: Unchanged(build.id.0), mailed, ..Default::default() };
        row.update(tx).await.context("note what people are told of a build")?;
    }
    Ok(build)
}

/// Whether members may want to know: it just failed, or it just succeeded.
fn is_news(was: Status, status: Status) -> bool {
    match status {
        Status::Failure | Status::Error => !is_bad(was),
        Status::Success | Status::Held => was != status,
        Status::Enqueued | Status::Pending | Status::Canceled => false,
    }
}

fn is_bad(status: Status) -> bool {
    matches!(status, Status::Failure | Status::Error)
}

/// Whether a success mends something: people were told last that this build is bad; if they were told nothing of it,
/// the last verdict on its ref was.
async fn was_bad(
    tx: &DatabaseTransaction,
    build: &Build,
    mailed: Option<&str>,
    position: i64,
) -> Result<bool> {
    if let Some(word) = mailed.filter(|word| *word != Status::Held.word()) {
        return Ok(word != Status::Success.word());
    }
    let before = verdict(tx, build, Beside::Before(position)).await?;
    Ok(before.is_some_and(|word| word != Status::Success.word()))
}

/// The side of a position in a ref's order.
enum Beside {
    Before(i64),
    After(i64),
}

/// The status with which the nearest push of a build's ref on one side of it ended, if one ended by itself.
async fn verdict(tx: &DatabaseTransaction, build: &Build, beside: Beside) -> Result<Option<String>> {
    let (side, order) = match beside {
        Beside::Before(position) => (rows::build::Column::Position.lt(position), Order::Desc),
        Beside::After(position) => (rows::build::Column::Position.gt(position), Order::Asc),
    };
    let verdicts = [Status::Success, Status::Failure, Status::Error].map(Status::word);
    let nearest = of_project(build.project)
        .filter(rows::build::Column::GitRef.eq(build.git_ref.to_string()))
        .filter(side)
        .filter(rows::build::Column::Hooked.is_in(verdicts))
        .order_by(rows::build::Column::Position, order);
    Ok(nearest.one(tx).await.context("find the nearest verdict")?.and_then(|nearest| nearest.hooked))
}

/// Whether another ref has a build of the same commit.
pub(super) async fn is_elsewhere(tx: &DatabaseTransaction, build: &rows::build::Model) -> Result<bool> {
    let others = rows::build::Entity::find()
        .filter(rows::build::Column::ProjectId.eq(build.project_id))
        .filter(rows::build::Column::Sha.eq(&build.sha))
        .filter(rows::build::Column::Id.ne(build.id));
    Ok(others.one(tx).await.context("look for a commit's other builds")?.is_some())
}

/// Has the forge told once more what stands beside a build's commit.
pub(super) async fn tell_again(
    tx: &DatabaseTransaction,
    build: &rows::build::Model,
    now: Timestamp,
) -> Result<()> {
    if build.hooked.is_some() {
        outbox::put(tx, Subject::CommitStatus(BuildId(build.id)), now).await?;
    }
    let jobs = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(build.id));
    for job in jobs.all(tx).await.context("list a build's jobs")? {
        jobs::tell(tx, &job, now).await?;
    }
    Ok(())
}
