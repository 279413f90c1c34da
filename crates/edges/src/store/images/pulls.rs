//! Repositories of images that projects pulled. An image that was pulled with one project's login must not be available
//! to other projects without a pull of their own.

use super::Images;
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{ids::ProjectId, image::ImageName};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, QueryFilter,
    sea_query::OnConflict,
};

/// The last known state of a project's pulls from a repository.
const BEGUN: &str = "begun";
const WITH_LOGIN: &str = "with_login";
const OPEN: &str = "open";

/// A repository of images, and the project that pulls from it onto a runner's engine.
#[derive(Clone, Copy, Debug)]
pub struct Puller<'a> {
    /// The runner.
    pub runner: &'a str,
    /// The project.
    pub project: ProjectId,
    /// An image of the repository.
    pub image: &'a ImageName,
}

impl Images<'_> {
    /// True if a project may use the images of a repository that are on a runner's engine. That is so if no other
    /// project's login pulled them, or if this project has pulled from the repository, too. A pull with a login counts
    /// from its beginning.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn may_use_image(self, puller: Puller<'_>) -> Result<bool> {
        let known = rows::pull::Entity::find()
            .filter(is_of_repository(puller))
            .all(&self.db.reader)
            .await
            .context("find who pulled an image")?;
        let has_pulled = known.iter().any(|row| row.project_id == puller.project.0 && row.state != BEGUN);
        Ok(has_pulled || known.iter().all(|row| row.state == OPEN))
    }

    /// Notes that a pull with a login begins. If it is the project's first one, projects that pulled without a login
    /// must pull again: the registry may require a login by now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin_pull(self, puller: Puller<'_>) -> Result<()> {
        let own = rows::pull::Entity::find()
            .filter(is_of_repository(puller))
            .filter(rows::pull::Column::ProjectId.eq(puller.project.0))
            .filter(rows::pull::Column::State.eq(WITH_LOGIN));
        // The images of the earlier pull are there, independent of the result of this one.
        if own.one(&self.db.reader).await.context("find a pull")?.is_some() {
            return Ok(());
        }
        self.note_pull(puller, BEGUN, true).await?;
        let others = rows::pull::Entity::delete_many()
            .filter(is_of_repository(puller))
            .filter(rows::pull::Column::ProjectId.ne(puller.project.0))
            .filter(rows::pull::Column::State.eq(OPEN));
        others.exec(&self.db.writer).await.context("forget pulls as anybody")?;
        Ok(())
    }

    /// Notes that a project has pulled from a repository.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_pull(self, puller: Puller<'_>, has_login: bool) -> Result<()> {
        if has_login {
            return self.note_pull(puller, WITH_LOGIN, true).await;
        }
        // A pull that began with a login ended without one. Images that an earlier login pulled are still there.
        self.drop_pull(puller).await?;
        self.note_pull(puller, OPEN, false).await
    }

    /// Deletes the note of a pull that began, because it brought no image.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn drop_pull(self, puller: Puller<'_>) -> Result<()> {
        let begun = rows::pull::Entity::delete_many()
            .filter(is_of_repository(puller))
            .filter(rows::pull::Column::ProjectId.eq(puller.project.0))
            .filter(rows::pull::Column::State.eq(BEGUN));
        begun.exec(&self.db.writer).await.context("forget a pull")?;
        Ok(())
    }

    /// Notes a state. It replaces an earlier state if `takes_over` is set.
    async fn note_pull(self, puller: Puller<'_>, state: &str, takes_over: bool) -> Result<()> {
        let mut again = OnConflict::columns(identity());
        match takes_over {
            true => again.update_column(rows::pull::Column::State),
            false => again.do_nothing_on([rows::pull::Column::Id]),
        };
        let row = rows::pull::ActiveModel {
            id: NotSet,
            runner: Set(puller.runner.to_owned()),
            repository: Set(puller.image.listed_repository().to_owned()),
            project_id: Set(puller.project.0),
            state: Set(state.to_owned()),
        };
        let insert = rows::pull::Entity::insert(row).on_conflict(again.to_owned());
        insert.exec_without_returning(&self.db.writer).await.context("note a pull")?;
        Ok(())
    }
}

fn identity() -> [rows::pull::Column; 3] {
    [rows::pull::Column::Runner, rows::pull::Column::Repository, rows::pull::Column::ProjectId]
}

fn is_of_repository(puller: Puller<'_>) -> Condition {
    Condition::all()
        .add(rows::pull::Column::Runner.eq(puller.runner))
        .add(rows::pull::Column::Repository.eq(puller.image.listed_repository()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Stage;

    #[tokio::test]
    async fn what_a_login_brought_is_for_who_pulled_it_too() {
        let Stage { store, .. } = &Stage::new().await;
        let [image, tag] = ["registry.example/a:1", "registry.example/a:2"].map(|name| name.parse().unwrap());
        let one = Puller { runner: "here", project: ProjectId(1), image: &image };
        let other = Puller { project: ProjectId(2), image: &tag, ..one };
        let may = async || {
            (
                store.images().may_use_image(one).await.unwrap(),
                store.images().may_use_image(other).await.unwrap(),
            )
        };
        assert_eq!(may().await, (true, true), "nobody pulled it");
        for _ in 0..2 {
            store.images().begin_pull(one).await.unwrap();
        }
        assert_eq!(may().await, (false, false), "it may be there any moment");
        store.images().drop_pull(one).await.unwrap();
        assert_eq!(may().await, (true, true), "the pull brought nothing");
        for _ in 0..2 {
            store.images().begin_pull(one).await.unwrap();
            store.images().end_pull(one, true).await.unwrap();
        }
        assert_eq!(may().await, (true, false));
        let (elsewhere, image) = (Puller { runner: "there", ..other }, "registry.example/b".parse().unwrap());
        assert!(store.images().may_use_image(elsewhere).await.unwrap(), "another engine");
        assert!(
            store.images().may_use_image(Puller { image: &image, ..other }).await.unwrap(),
            "another repository"
        );
        store.images().end_pull(other, false).await.unwrap();
        assert_eq!(may().await, (true, true), "it needs no login");
    }

    #[tokio::test]
    async fn who_pulled_as_anybody_asks_again_after_a_first_login() {
        let Stage { store, .. } = &Stage::new().await;
        let image = "registry.example/a:1".parse().unwrap();
        let one = Puller { runner: "here", project: ProjectId(1), image: &image };
        let other = Puller { project: ProjectId(2), ..one };
        store.images().end_pull(other, false).await.unwrap();
        store.images().begin_pull(one).await.unwrap();
        store.images().end_pull(one, true).await.unwrap();
        assert!(!store.images().may_use_image(other).await.unwrap());
        store.images().end_pull(other, false).await.unwrap();
        store.images().begin_pull(one).await.unwrap();
        assert!(store.images().may_use_image(other).await.unwrap(), "once is enough");
    }

    #[tokio::test]
    async fn a_pull_that_was_begun_with_a_login_may_end_without_one() {
        let Stage { store, .. } = &Stage::new().await;
        let image = "registry.example/a:1".parse().unwrap();
        let one = Puller { runner: "here", project: ProjectId(1), image: &image };
        store.images().begin_pull(one).await.unwrap();
        assert!(!store.images().may_use_image(one).await.unwrap());
        store.images().end_pull(one, false).await.unwrap();
        let other = Puller { project: ProjectId(2), ..one };
        assert!(
            store.images().may_use_image(one).await.unwrap()
                && store.images().may_use_image(other).await.unwrap()
        );
    }

    #[tokio::test]
    async fn what_a_login_brought_stays_private_whatever_its_project_does() {
        let Stage { store, .. } = &Stage::new().await;
        let image = "registry.example/a:1".parse().unwrap();
        let one = Puller { runner: "here", project: ProjectId(1), image: &image };
        let other = Puller { project: ProjectId(2), ..one };
        store.images().begin_pull(one).await.unwrap();
        store.images().end_pull(one, true).await.unwrap();
        store.images().end_pull(one, false).await.unwrap();
        store.images().begin_pull(one).await.unwrap();
        store.images().drop_pull(one).await.unwrap();
        assert!(
            store.images().may_use_image(one).await.unwrap()
                && !store.images().may_use_image(other).await.unwrap()
        );
    }
}
