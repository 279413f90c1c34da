//! What install scripts made: which images there are on which runner's engine, and when they were last used.

use super::{Store, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    cache::{CacheInputs, CachedImage},
    ids::{CachedImageId, HookId, ProjectId},
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, OnConflict},
};
use std::collections::{HashMap, HashSet};

impl Store {
    /// A project's image with that key on a runner's engine, noted as used now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn use_cached_image(
        &self,
        project: ProjectId,
        (runner, key): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<CachedImage>> {
        let row = rows::cached_image::Entity::find()
            .filter(rows::cached_image::Column::ProjectId.eq(project.0))
            .filter(rows::cached_image::Column::Runner.eq(runner))
            .filter(rows::cached_image::Column::CacheKey.eq(key));
        let Some(row) = row.one(&self.db).await.context("find a cached image")? else { return Ok(None) };
        let used = rows::cached_image::ActiveModel {
            id: Unchanged(row.id),
            used_at: Set(now.0),
            ..Default::default()
        };
        Ok(Some(cached_image(used.update(&self.writer).await.context("note that an image is used")?)))
    }

    /// Notes an image that was made just now. One that is known already is used again.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn add_cached_image(
        &self,
        (project, runner): (ProjectId, &str),
        (key, base, size): (&str, &str, i64),
        now: Timestamp,
    ) -> Result<()> {
        let row = rows::cached_image::ActiveModel {
            id: NotSet,
            project_id: Set(project.0),
            runner: Set(runner.to_owned()),
            cache_key: Set(key.to_owned()),
            base: Set(base.to_owned()),
            size: Set(size),
            created_at: Set(now.0),
            used_at: Set(now.0),
        };
        let identity = [
            rows::cached_image::Column::ProjectId,
            rows::cached_image::Column::Runner,
            rows::cached_image::Column::CacheKey,
        ];
        let again = OnConflict::columns(identity)
            .value(rows::cached_image::Column::UsedAt, Expr::value(now.0))
            .value(rows::cached_image::Column::CreatedAt, Expr::value(now.0))
            .value(rows::cached_image::Column::Size, Expr::value(size))
            .to_owned();
        let insert = rows::cached_image::Entity::insert(row).on_conflict(again);
        insert.exec_without_returning(&self.writer).await.context("note a cached image")?;
        Ok(())
    }

    /// A project's cached images, the last used first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn cached_images(&self, project: ProjectId) -> Result<Vec<CachedImage>> {
        let rows = rows::cached_image::Entity::find()
            .filter(rows::cached_image::Column::ProjectId.eq(project.0))
            .order_by_desc(rows::cached_image::Column::UsedAt)
            .order_by_desc(rows::cached_image::Column::Id);
        let rows = rows.all(&self.db).await.context("list cached images")?;
        Ok(rows.into_iter().map(cached_image).collect())
    }

    /// The names of all images that are known on a runner's engine.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn cached_image_names(&self, runner: &str) -> Result<HashSet<String>> {
        let rows = rows::cached_image::Entity::find()
            .filter(rows::cached_image::Column::Runner.eq(runner))
            .all(&self.db)
            .await
            .context("list cached images")?;
        Ok(rows.into_iter().map(|row| cached_image(row).name()).collect())
    }

    /// The images on a runner's engine that are more than `limit` for their project, the least recently used, and
    /// all of projects that are gone. None that a running job may be using.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn surplus_images(&self, runner: &str, limit: usize) -> Result<Vec<CachedImage>> {
        let rows = rows::cached_image::Entity::find()
            .filter(rows::cached_image::Column::Runner.eq(runner))
            .order_by_desc(rows::cached_image::Column::UsedAt)
            .order_by_desc(rows::cached_image::Column::Id);
        let rows = rows.all(&self.db).await.context("list cached images")?;
        let living = rows::project::Entity::find().filter(rows::project::Column::DeletedAt.is_null());
        let living = living.all(&self.db).await.context("list projects")?;
        let mut seen = living.into_iter().map(|project| (project.id, 0)).collect::<HashMap<_, _>>();
        let busy_since = self.busy_since().await?;
        let surplus = rows.into_iter().filter(|row| match seen.get_mut(&row.project_id) {
            Some(count) => {
                *count += 1;
                *count > limit
            }
            None => true,
        });
        let idle = surplus.filter(|row| is_idle(row, &busy_since));
        Ok(idle.map(cached_image).collect())
    }

    /// Whether no running job may be using an image.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_image_idle(&self, image: &CachedImage) -> Result<bool> {
        let row = rows::cached_image::Entity::find_by_id(image.id.0).one(&self.db).await;
        let Some(row) = row.context("find a cached image")? else { return Ok(true) };
        Ok(is_idle(&row, &self.busy_since().await?))
    }

    /// When the oldest running job of each project started, as far as one runs.
    async fn busy_since(&self) -> Result<HashMap<i64, i64>> {
        let running = rows::job::Entity::find()
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .all(&self.db)
            .await
            .context("list running jobs")?;
        let mut busy_since = HashMap::new();
        for job in running {
            let started_at = job.started_at.unwrap_or(i64::MIN);
            let oldest = busy_since.entry(job.project_id).or_insert(started_at);
            *oldest = started_at.min(*oldest);
        }
        Ok(busy_since)
    }

    /// Forgets an image, unless it was used since `image` was read.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_cached_image(&self, image: &CachedImage) -> Result<bool> {
        let gone = rows::cached_image::Entity::delete_many()
            .filter(rows::cached_image::Column::Id.eq(image.id.0))
            .filter(rows::cached_image::Column::UsedAt.eq(image.used_at.0));
        Ok(gone.exec(&self.writer).await.context("forget a cached image")?.rows_affected > 0)
    }

    /// What a hook's image was made of when it was last looked for.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn cache_inputs(&self, hook: HookId) -> Result<Option<CacheInputs>> {
        let row = rows::hook::Entity::find_by_id(hook.0).one(&self.db).await.context("find a hook")?;
        let inputs = row.and_then(|row| row.cache_inputs);
        inputs.map(|text| serde_json::from_str(&text).context("read what an image is made of")).transpose()
    }

    /// Notes what a hook's image is made of now. A hook that is gone needs no note.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_cache_inputs(&self, hook: HookId, inputs: &CacheInputs) -> Result<()> {
        rows::hook::Entity::update_many()
            .col_expr(rows::hook::Column::CacheInputs, Expr::value(serde_json::to_string(inputs)?))
            .filter(rows::hook::Column::Id.eq(hook.0))
            .exec(&self.writer)
            .await
            .context("note what an image is made of")?;
        Ok(())
    }
}

/// A job notes the image that it uses after it started: one that was used before that is not its image.
fn is_idle(row: &rows::cached_image::Model, busy_since: &HashMap<i64, i64>) -> bool {
    busy_since.get(&row.project_id).is_none_or(|started_at| row.used_at < *started_at)
}

fn cached_image(row: rows::cached_image::Model) -> CachedImage {
    let rows::cached_image::Model { id, project_id, cache_key, base, size, created_at, used_at, .. } = row;
    CachedImage {
        id: CachedImageId(id),
        project: ProjectId(project_id),
        key: cache_key,
        base,
        size,
        created_at: Timestamp(created_at),
        used_at: Timestamp(used_at),
    }
}
