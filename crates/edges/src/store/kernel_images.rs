//! The images that kernel builds left on the engine, so that those which lost their names are removed, and no others.

use super::{Store, rows};
use anyhow::{Context, Result};
use kozmic_model::image::ImageName;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};

impl Store {
    /// Notes an image that a kernel build of an installation left under a name; the one that had it before loses it.
    /// What is noted already stays as it is.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_kernel_image(&self, instance: &str, name: &ImageName, image_id: &str) -> Result<()> {
        let tx = self.write().await?;
        let there = rows::kernel_image::Entity::find()
            .filter(rows::kernel_image::Column::Runner.eq(instance))
            .filter(rows::kernel_image::Column::Name.eq(name.to_string()))
            .filter(rows::kernel_image::Column::ImageId.eq(image_id))
            .filter(rows::kernel_image::Column::IsCurrent.eq(true));
        if there.one(&tx).await.context("look for an image")?.is_some() {
            return Ok(());
        }
        rows::kernel_image::Entity::update_many()
            .col_expr(rows::kernel_image::Column::IsCurrent, Expr::value(false))
            .filter(rows::kernel_image::Column::Runner.eq(instance))
            .filter(rows::kernel_image::Column::Name.eq(name.to_string()))
            .exec(&tx)
            .await
            .context("note that an image lost its name")?;
        let row = rows::kernel_image::ActiveModel {
            id: NotSet,
            runner: Set(instance.to_owned()),
            name: Set(name.to_string()),
            image_id: Set(image_id.to_owned()),
            is_current: Set(true),
        };
        row.insert(&tx).await.context("note an image")?;
        tx.commit().await.context("commit an image")
    }

    /// The ids of images that kernel builds of an installation left, and that lost their names to newer ones.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn nameless_kernel_images(&self, instance: &str) -> Result<Vec<String>> {
        let ids = rows::kernel_image::Entity::find()
            .select_only()
            .column(rows::kernel_image::Column::ImageId)
            .filter(rows::kernel_image::Column::Runner.eq(instance))
            .filter(rows::kernel_image::Column::IsCurrent.eq(false))
            .distinct();
        ids.into_tuple().all(&self.db).await.context("list images without names")
    }

    /// Forgets an image that lost its name and is gone, or has got another name from somebody.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_kernel_image(&self, instance: &str, image_id: &str) -> Result<()> {
        rows::kernel_image::Entity::delete_many()
            .filter(rows::kernel_image::Column::Runner.eq(instance))
            .filter(rows::kernel_image::Column::ImageId.eq(image_id))
            .filter(rows::kernel_image::Column::IsCurrent.eq(false))
            .exec(&self.writer)
            .await
            .context("forget an image")?;
        Ok(())
    }
}
