//! A transaction that writes, and the locks that it may take on a server.

use super::{server::within, text};
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::audit::Actor;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    ExecResult, IntoActiveModel, Iterable, JoinType, ModelTrait, PrimaryKeyToColumn, QueryFilter,
    QueryResult, QuerySelect, Select, Statement, TryIntoModel,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};
use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A handle to a transaction that writes; cheap to clone.
///
/// All code takes locks in one order: project, build, job, then messages of the outbox. On SQLite nothing is locked,
/// because there is one writer at a time.
#[derive(Clone)]
pub(in crate::store) struct Transaction {
    whole: Arc<DatabaseTransaction>,
    /// The builds that this transaction has locked on a server.
    builds: Arc<Mutex<BTreeSet<i64>>>,
    /// The actor of the changes.
    pub(in crate::store) actor: Arc<Actor>,
}

impl Transaction {
    pub(super) fn new(begun: DatabaseTransaction, actor: Arc<Actor>) -> Self {
        Self { whole: Arc::new(begun), builds: Arc::default(), actor }
    }

    /// Commits all changes of the transaction.
    pub(in crate::store) async fn commit(self) -> Result<()> {
        let whole = Arc::into_inner(self.whole).context("a part of the work goes on after its end")?;
        Ok(whole.commit().await?)
    }

    /// True if others may write at the same time.
    pub(in crate::store) fn has_many_writers(&self) -> bool {
        self.get_database_backend() != DbBackend::Sqlite
    }

    /// Waits until no other change is made by [`Database::change`](super::Database::change).
    pub(super) async fn lock_changes(&self) -> Result<()> {
        if self.has_many_writers() {
            let lock = "SELECT id FROM change_lock WHERE id = 1 FOR UPDATE";
            let lock = Statement::from_string(self.get_database_backend(), lock);
            let row = self.query_one_raw(lock).await.context("wait for other changes")?;
            row.context("the table change_lock has lost its row: add the row with the id 1")?;
        }
        Ok(())
    }

    /// Waits until nobody else changes the builds of a project.
    pub(in crate::store) async fn lock_project(&self, project: i64) -> Result<()> {
        let row = rows::project::Entity::find_by_id(project);
        self.lock(row, rows::project::Column::Id).await.context("wait for other changes of a project")
    }

    /// Waits until nobody else changes a build; its project has to be locked before it. Asks the server only once for
    /// each build.
    pub(in crate::store) async fn lock_build(&self, build: i64) -> Result<()> {
        if self.builds().contains(&build) {
            return Ok(());
        }
        let row = rows::build::Entity::find_by_id(build);
        self.lock(row, rows::build::Column::Id).await.context("wait for other changes of a build")?;
        self.builds().insert(build);
        Ok(())
    }

    /// Waits until nobody else changes a build or others of its project.
    pub(in crate::store) async fn lock_build_and_project(&self, build: i64) -> Result<()> {
        if !self.has_many_writers() {
            return Ok(());
        }
        let row = rows::build::Entity::find_by_id(build).one(self).await.context("find a build's project")?;
        let Some(row) = row else { return Ok(()) };
        self.lock_project(row.project_id).await?;
        self.lock_build(build).await
    }

    /// A job as it is after nobody else changes it, its build, or others of its project; none if there is no such job.
    pub(in crate::store) async fn lock_job(&self, job: i64) -> Result<Option<rows::job::Model>> {
        let row = rows::job::Entity::find_by_id(job);
        if self.has_many_writers() {
            let above = [rows::job::Column::ProjectId, rows::job::Column::BuildId];
            let above = row.clone().select_only().columns(above).into_tuple::<(i64, i64)>();
            let above = above.one(self).await.context("find a job's build")?;
            let Some((project, build)) = above else { return Ok(None) };
            self.lock_project(project).await?;
            self.lock_build(build).await?;
        }
        self.locking(row).one(self).await.context("wait for other changes of a job")
    }

    /// A job as it is after nobody else changes it or its build; none if the job is gone.
    pub(in crate::store) async fn locked_job<'a>(
        &self,
        row: &'a rows::job::Model,
    ) -> Result<Option<Cow<'a, rows::job::Model>>> {
        if !self.has_many_writers() {
            return Ok(Some(Cow::Borrowed(row)));
        }
        self.lock_build(row.build_id).await?;
        let fresh = rows::job::Entity::find_by_id(row.id).lock_exclusive();
        Ok(fresh.one(self).await.context("wait for other changes of a job")?.map(Cow::Owned))
    }

    /// Waits until nobody else changes the row of a query. Reads only the row's id.
    async fn lock<E: EntityTrait>(&self, row: Select<E>, id: E::Column) -> Result<(), DbErr> {
        if self.has_many_writers() {
            row.select_only().column(id).lock_exclusive().into_tuple::<i64>().one(self).await?;
        }
        Ok(())
    }

    fn builds(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.builds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The query, with a lock on its rows: nobody else changes them from then on.
    pub(in crate::store) fn locking<E: EntityTrait>(&self, rows: Select<E>) -> Select<E> {
        if self.has_many_writers() { rows.lock_exclusive() } else { rows }
    }

    /// The first job of a query, with its build. Both are locked from then on. Jobs of which somebody else has locked
    /// the row or the build are skipped. If `of` is set, all jobs are of that build, and none is skipped: this waits for
    /// the build, then for the job.
    pub(in crate::store) async fn first_job(
        &self,
        jobs: Select<rows::job::Entity>,
        of: Option<i64>,
    ) -> Result<Option<(rows::job::Model, rows::build::Model)>> {
        if let Some(build) = of {
            self.lock_build(build).await?;
        }
        let build_of = rows::job::Entity::belongs_to(rows::build::Entity)
            .from(rows::job::Column::BuildId)
            .to(rows::build::Column::Id);
        let both = jobs.join(JoinType::InnerJoin, build_of.into()).select_two_required(rows::build::Entity);
        let both = match (self.has_many_writers(), of) {
            (false, _) => both,
            (true, Some(_)) => both.lock_exclusive(),
            (true, None) => both.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked),
        };
        let found = both.one(self).await.context("look for a job and lock it")?;
        if let Some((_, build)) = &found {
            self.builds().insert(build.id);
        }
        Ok(found)
    }

    /// Changes some columns of a row that this transaction has locked. Returns the row as it is then, without reading
    /// it again.
    pub(in crate::store) async fn change_row<A, M>(&self, row: M, change: A) -> Result<M, DbErr>
    where
        A: ActiveModelTrait + TryIntoModel<M>,
        M: ModelTrait + IntoActiveModel<A>,
    {
        let mut whole = row.into_active_model();
        let mut update = A::Entity::update_many();
        for key in <A::Entity as EntityTrait>::PrimaryKey::iter() {
            let key = key.into_column();
            update = update.filter(Expr::col(key).eq(whole.get(key).unwrap()));
        }
        for column in <A::Entity as EntityTrait>::Column::iter() {
            if let ActiveValue::Set(value) = change.get(column) {
                whole.set(column, value);
            }
        }
        update.set(change).exec(self).await?;
        whole.try_into_model()
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.whole.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self.has_many_writers() {
            true => within(self.whole.execute_raw(text::kept(statement))).await,
            false => self.whole.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.whole.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self.has_many_writers() {
            true => within(self.whole.query_one_raw(text::kept(statement))).await,
            false => self.whole.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self.has_many_writers() {
            true => within(self.whole.query_all_raw(text::kept(statement))).await,
            false => self.whole.query_all_raw(statement).await,
        }
    }
}
