//! The images that kernel builds left on the engine, so that only images which lost their names are removed.

use super::Images;
use crate::store::{
    artifacts::{Artifacts, IMAGES},
    builds::{Builds, Rank},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{ids::BuildId, image::ImageName, time::Timestamp};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};

impl Images<'_> {
    /// True if the image with a name is of a later push than a build; false if no build left that image.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn has_newer_image(self, runner: &str, name: &ImageName, build: BuildId) -> Result<bool> {
        let own = Builds { db: self.db }.rank(build).await?;
        let current = rows::kernel_image::Entity::find()
            .filter(rows::kernel_image::Column::Runner.eq(runner))
            .filter(rows::kernel_image::Column::Name.eq(name.to_string()))
            .filter(rows::kernel_image::Column::IsCurrent.eq(true));
        let row = current.one(&self.db.reader).await.context("find a kernel's image")?;
        let Some(row) = row else { return Ok(false) };
        let other = rows::build::Entity::find_by_id(row.build_id)
            .one(&self.db.reader)
            .await
            .context("find a build")?;
        Ok(match other {
            Some(other) => Rank::of(&other).is_later_than(&own),
            // The image outlived its project.
            None => Timestamp(row.pushed_at) > own.pushed_at,
        })
    }

    /// Notes an image that a kernel build on a runner left under a name; the earlier image loses the name. An image that
    /// is noted already stays as it is.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_kernel_image(
        self,
        runner: &str,
        name: &ImageName,
        image_id: &str,
        build: BuildId,
    ) -> Result<()> {
        let pushed_at = Builds { db: self.db }.rank(build).await?.pushed_at;
        self.db
            .change("an image", move |tx| async move {
                let tx = &tx;
                let there = rows::kernel_image::Entity::find()
                    .filter(rows::kernel_image::Column::Runner.eq(runner))
                    .filter(rows::kernel_image::Column::Name.eq(name.to_string()))
                    .filter(rows::kernel_image::Column::ImageId.eq(image_id))
                    .filter(rows::kernel_image::Column::IsCurrent.eq(true));
                if there.one(tx).await.context("look for an image")?.is_some() {
                    return Ok(());
                }
                rows::kernel_image::Entity::update_many()
                    .col_expr(rows::kernel_image::Column::IsCurrent, Expr::value(false))
                    .filter(rows::kernel_image::Column::Runner.eq(runner))
                    .filter(rows::kernel_image::Column::Name.eq(name.to_string()))
                    .exec(tx)
                    .await
                    .context("note that an image lost its name")?;
                let row = rows::kernel_image::ActiveModel {
                    id: NotSet,
                    runner: Set(runner.to_owned()),
                    name: Set(name.to_string()),
                    image_id: Set(image_id.to_owned()),
                    is_current: Set(true),
                    pushed_at: Set(pushed_at.0),
                    build_id: Set(build.0),
                };
                row.insert(tx).await.context("note an image")?;
                Ok(())
            })
            .await
    }

    /// Notes that an image lost its name, and no other image has it: the branch is gone.
    ///
    /// # Errors
    /// The database does not answer; then this can be done once more.
    pub async fn drop_kernel_image(self, runner: &str, name: &ImageName) -> Result<()> {
        rows::kernel_image::Entity::update_many()
            .col_expr(rows::kernel_image::Column::IsCurrent, Expr::value(false))
            .filter(rows::kernel_image::Column::Runner.eq(runner))
            .filter(rows::kernel_image::Column::Name.eq(name.to_string()))
            .exec(&self.db.writer)
            .await
            .context("note that an image lost its name")?;
        Artifacts { db: self.db }.let_go_of_name(IMAGES, &name.to_string()).await
    }

    /// The engine's id of the image that a kernel build on a runner left under a name. As far as is known, that
    /// image still has the name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn kernel_image(self, runner: &str, name: &ImageName) -> Result<Option<String>> {
        let row = rows::kernel_image::Entity::find()
            .filter(rows::kernel_image::Column::Runner.eq(runner))
            .filter(rows::kernel_image::Column::Name.eq(name.to_string()))
            .filter(rows::kernel_image::Column::IsCurrent.eq(true));
        Ok(row.one(&self.db.reader).await.context("find a kernel's image")?.map(|row| row.image_id))
    }

    /// True if kernel builds on a runner left the image with that id, under any name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_kernel_image(self, runner: &str, image_id: &str) -> Result<bool> {
        let row = rows::kernel_image::Entity::find()
            .filter(rows::kernel_image::Column::Runner.eq(runner))
            .filter(rows::kernel_image::Column::ImageId.eq(image_id));
        Ok(row.one(&self.db.reader).await.context("find a kernel's image")?.is_some())
    }

    /// The ids of images that kernel builds on a runner left, and that have lost their names.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn nameless_kernel_images(self, runner: &str) -> Result<Vec<String>> {
        let ids = rows::kernel_image::Entity::find()
            .select_only()
            .column(rows::kernel_image::Column::ImageId)
            .filter(rows::kernel_image::Column::Runner.eq(runner))
            .filter(rows::kernel_image::Column::IsCurrent.eq(false))
            .distinct();
        ids.into_tuple().all(&self.db.reader).await.context("list images without names")
    }

    /// Deletes the note of an image that lost its name and is gone, or that somebody gave another name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_kernel_image(self, runner: &str, image_id: &str) -> Result<()> {
        rows::kernel_image::Entity::delete_many()
            .filter(rows::kernel_image::Column::Runner.eq(runner))
            .filter(rows::kernel_image::Column::ImageId.eq(image_id))
            .filter(rows::kernel_image::Column::IsCurrent.eq(false))
            .exec(&self.db.writer)
            .await
            .context("forget an image")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage};
    use kozmic_model::ids::JobId;
    use std::time::Duration;

    #[tokio::test]
    async fn an_image_is_of_the_build_that_left_it_last() {
        let stage = Stage::new().await;
        let store = &stage.store;
        let name = "anna/core:main".parse::<ImageName>().unwrap();
        let earlier = Some(NOW.before(Duration::from_secs(60)));
        let newer = build_of(&stage, stage.push_at('a', Some(NOW)).await).await;
        let older = build_of(&stage, stage.push_at('b', earlier).await).await;
        assert!(older > newer, "it was heard of later");
        assert!(!store.images().has_newer_image("here", &name, older).await.unwrap());
        for (build, id, is_newer) in [(older, "sha256:1", false), (newer, "sha256:2", true)] {
            store.images().note_kernel_image("here", &name, id, build).await.unwrap();
            assert_eq!(store.images().has_newer_image("here", &name, older).await.unwrap(), is_newer);
            assert!(!store.images().has_newer_image("here", &name, newer).await.unwrap());
        }
        assert_eq!(store.images().nameless_kernel_images("here").await.unwrap(), ["sha256:1"]);
        assert!(!store.images().has_newer_image("elsewhere", &name, older).await.unwrap());
        store.images().forget_kernel_image("here", "sha256:1").await.unwrap();
        assert!(store.images().nameless_kernel_images("here").await.unwrap().is_empty());
    }

    async fn build_of(stage: &Stage, job: JobId) -> BuildId {
        stage.store.builds().job_by_id(job).await.unwrap().unwrap().build
    }
}
