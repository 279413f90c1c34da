//! The projects that each runner has built: it has their repositories and images already.

use super::Runners;
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{ids::ProjectId, time::Timestamp};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::OnConflict,
};
use std::collections::BTreeSet;

impl Runners<'_> {
    /// Notes that a runner built a project at a time.
    ///
    /// # Errors
    /// The project is gone, or the database does not answer.
    pub async fn note_built(self, runner: &str, project: ProjectId, now: Timestamp) -> Result<()> {
        let row = rows::runner_project::ActiveModel {
            id: NotSet,
            runner: Set(runner.to_owned()),
            project_id: Set(project.0),
            used_at: Set(now.0),
        };
        let (of, project) = (rows::runner_project::Column::Runner, rows::runner_project::Column::ProjectId);
        let newest =
            OnConflict::columns([of, project]).update_column(rows::runner_project::Column::UsedAt).to_owned();
        let insert = rows::runner_project::Entity::insert(row).on_conflict(newest);
        insert.exec_without_returning(&self.db.writer).await.context("note what a runner built")?;
        Ok(())
    }

    /// The projects that a runner has built.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn built_by(self, runner: &str) -> Result<BTreeSet<ProjectId>> {
        let built = rows::runner_project::Entity::find()
            .select_only()
            .column(rows::runner_project::Column::ProjectId)
            .filter(rows::runner_project::Column::Runner.eq(runner));
        let built = built.into_tuple::<i64>().all(&self.db.reader).await;
        Ok(built.context("list what a runner built")?.into_iter().map(ProjectId).collect())
    }

    /// Forgets which projects runners have not built since a time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_built(self, before: Timestamp) -> Result<()> {
        let old = rows::runner_project::Entity::delete_many()
            .filter(rows::runner_project::Column::UsedAt.lt(before.0));
        old.exec(&self.db.writer).await.context("forget what runners built")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{LATER, NOW, Stage};

    #[tokio::test]
    async fn a_runner_knows_a_project_until_it_has_not_built_it_for_long() {
        let stage = Stage::new().await;
        let (runners, other) = (stage.store.runners(), stage.other_project().await);
        for (runner, project, at) in [
            ("a", stage.project, NOW),
            ("b", stage.project, NOW),
            ("a", other, NOW),
            ("b", stage.project, LATER),
        ] {
            runners.note_built(runner, project, at).await.unwrap();
        }
        let built = async |runner| runners.built_by(runner).await.unwrap().into_iter().collect::<Vec<_>>();
        assert_eq!(built("a").await, [stage.project, other]);
        assert_eq!(built("b").await, [stage.project]);
        runners.forget_built(LATER).await.unwrap();
        assert!(built("a").await.is_empty());
        assert_eq!(built("b").await, [stage.project]);
        assert!(runners.note_built("a", ProjectId(99), NOW).await.is_err(), "there is no such project");
    }
}
