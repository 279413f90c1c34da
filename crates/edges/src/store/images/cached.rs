//! Images that install scripts made: the images on each runner's engine, and the times of their last use.

use super::Images;
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    cache::{CacheInputs, CachedImage, is_apart},
    ids::{CachedImageId, HookId, ProjectId},
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use std::collections::{HashMap, HashSet};

/// The mark, instead of a last use, of an image whose removal has begun. The image may still be on the engine, but no
/// job finds it.
const LEAVING: i64 = -1;

/// An image that an install script made just now.
#[derive(Clone, Copy, Debug)]
pub struct NewCachedImage<'a> {
    /// The project.
    pub project: ProjectId,
    /// The runner whose engine has the image.
    pub runner: &'a str,
    /// The key by which the image is found.
    pub key: &'a str,
    /// The name of the image from which it was made.
    pub base: &'a str,
    /// Size in bytes, all layers together.
    pub size: i64,
}

impl Images<'_> {
    /// A project's image with that key on a runner's engine. Its last use is now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn use_cached_image(
        self,
        project: ProjectId,
        runner: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<CachedImage>> {
        let row = rows::cached_image::Entity::find()
            .filter(rows::cached_image::Column::ProjectId.eq(project.0))
            .filter(rows::cached_image::Column::Runner.eq(runner))
            .filter(rows::cached_image::Column::CacheKey.eq(key))
            .filter(rows::cached_image::Column::UsedAt.ne(LEAVING));
        let Some(row) = row.one(&self.db.reader).await.context("find a cached image")? else {
            return Ok(None);
        };
        let used = rows::cached_image::Entity::update_many()
            .col_expr(rows::cached_image::Column::UsedAt, Expr::value(now.0))
            .filter(rows::cached_image::Column::Id.eq(row.id))
            .filter(rows::cached_image::Column::UsedAt.ne(LEAVING));
        let used = used.exec(&self.db.writer).await.context("note that an image is used")?;
        // Another task may have begun to remove the image meanwhile.
        let is_there = used.rows_affected > 0;
        Ok(is_there.then(|| cached_image(rows::cached_image::Model { used_at: now.0, ..row })))
    }

    /// Notes an image that was made just now. If the image is known already, its last use is now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn add_cached_image(self, new: NewCachedImage<'_>, now: Timestamp) -> Result<()> {
        let NewCachedImage { project, runner, key, base, size } = new;
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
        insert.exec_without_returning(&self.db.writer).await.context("note a cached image")?;
        Ok(())
    }

    /// A project's cached images, the last used one first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn cached_images(self, project: ProjectId) -> Result<Vec<CachedImage>> {
        let rows = rows::cached_image::Entity::find()
            .filter(rows::cached_image::Column::ProjectId.eq(project.0))
            .filter(rows::cached_image::Column::UsedAt.ne(LEAVING))
            .order_by_desc(rows::cached_image::Column::UsedAt)
            .order_by_desc(rows::cached_image::Column::Id);
        let rows = rows.all(&self.db.reader).await.context("list cached images")?;
        Ok(rows.into_iter().map(cached_image).collect())
    }

    /// The names of all images that are known on a runner's engine.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn cached_image_names(self, runner: &str) -> Result<HashSet<String>> {
        let rows = rows::cached_image::Entity::find()
            .filter(rows::cached_image::Column::Runner.eq(runner))
            .all(&self.db.reader)
            .await
            .context("list cached images")?;
        Ok(rows.into_iter().map(|row| cached_image(row).name()).collect())
    }

    /// The images to remove from a runner's engine: the least recently used of each project beyond `limit`, all of
    /// projects that are gone, and those whose removal has begun. Images that a running job may be using are left out.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn surplus_images(self, runner: &str, limit: usize) -> Result<Vec<CachedImage>> {
        let rows = rows::cached_image::Entity::find()
            .filter(rows::cached_image::Column::Runner.eq(runner))
            .order_by_desc(rows::cached_image::Column::UsedAt)
            .order_by_desc(rows::cached_image::Column::Id);
        let mut rows = rows.all(&self.db.reader).await.context("list cached images")?;
        // An image of a fork's pull request never displaces an image that the project's own branches use.
        rows.sort_by_key(|row| is_apart(&row.cache_key));
        let living = rows::project::Entity::find().filter(rows::project::Column::DeletedAt.is_null());
        let living = living.all(&self.db.reader).await.context("list projects")?;
        let mut seen = living.into_iter().map(|project| (project.id, 0)).collect::<HashMap<_, _>>();
        let busy_since = busy_since(&self.db.reader).await?;
        let surplus = rows.into_iter().filter(|row| match seen.get_mut(&row.project_id) {
            Some(count) if row.used_at != LEAVING => {
                *count += 1;
                *count > limit
            }
            _ => true,
        });
        let idle = surplus.filter(|row| is_idle(row, &busy_since));
        Ok(idle.map(cached_image).collect())
    }

    /// Begins to remove an image that no running job may be using: no job finds it from now on. None if a job may be
    /// using the image, or if it was used since `image` was read.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn begin_removal(self, image: &CachedImage) -> Result<Option<CachedImage>> {
        self.db
            .change("that an image is removed", move |tx| async move {
                let tx = &tx;
                let started_at = busy_since(tx).await?.get(&image.project.0).copied();
                if started_at.is_some_and(|started_at| image.used_at.0 >= started_at) {
                    return Ok(None);
                }
                let has_begun = change_use(tx, image, LEAVING).await?;
                Ok(has_begun.then(|| CachedImage { used_at: Timestamp(LEAVING), ..image.clone() }))
            })
            .await
    }

    /// Cancels a removal that has begun, because the engine could not remove the image. `image` is the state before it.
    ///
    /// # Errors
    /// The database does not answer; then the removal is begun once more later.
    pub async fn give_up_removal(self, leaving: &CachedImage, image: &CachedImage) -> Result<()> {
        change_use(&self.db.writer, leaving, image.used_at.0).await.map(drop)
    }

    /// Deletes the note of an image that is not on the engine any more, unless the image was used, or made anew, since
    /// `image` was read.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_cached_image(self, image: &CachedImage) -> Result<()> {
        self.db
            .change("that an image is gone", move |tx| async move {
                let tx = &tx;
                let gone = rows::cached_image::Entity::delete_many()
                    .filter(rows::cached_image::Column::Id.eq(image.id.0))
                    .filter(rows::cached_image::Column::UsedAt.eq(image.used_at.0));
                let gone = gone.exec(tx).await.context("forget a cached image")?;
                if gone.rows_affected > 0 && self.db.actor.is_somebody() {
                    let key = image.key.get(..12).unwrap_or(&image.key);
                    tx.note(Deed::new(Action::ImageDropped, Some(image.project), key)).await?;
                }
                Ok(())
            })
            .await
    }

    /// Deletes the note of an image whose removal from a runner's engine had begun, and has happened.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_removed_image(self, runner: &str, name: &str) -> Result<()> {
        let leaving = rows::cached_image::Entity::find()
            .filter(rows::cached_image::Column::Runner.eq(runner))
            .filter(rows::cached_image::Column::UsedAt.eq(LEAVING))
            .all(&self.db.reader)
            .await
            .context("list leaving images")?;
        match leaving.into_iter().map(cached_image).find(|image| image.name() == name) {
            Some(image) => self.forget_cached_image(&image).await,
            None => Ok(()),
        }
    }

    /// The projects with a running job: it may be making an image that is not noted yet.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn busy_projects(self) -> Result<HashSet<ProjectId>> {
        Ok(busy_since(&self.db.reader).await?.into_keys().map(ProjectId).collect())
    }

    /// The inputs of a hook's image when the image was last looked for.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn cache_inputs(self, hook: HookId) -> Result<Option<CacheInputs>> {
        let row = rows::hook::Entity::find_by_id(hook.0).one(&self.db.reader).await.context("find a hook")?;
        let inputs = row.and_then(|row| row.cache_inputs);
        inputs.map(|text| serde_json::from_str(&text).context("read what an image is made of")).transpose()
    }

    /// Notes the present inputs of a hook's image. If the hook is gone, nothing is noted.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_cache_inputs(self, hook: HookId, inputs: &CacheInputs) -> Result<()> {
        rows::hook::Entity::update_many()
            .col_expr(rows::hook::Column::CacheInputs, Expr::value(serde_json::to_string(inputs)?))
            .filter(rows::hook::Column::Id.eq(hook.0))
            .exec(&self.db.writer)
            .await
            .context("note what an image is made of")?;
        Ok(())
    }
}

/// The time when the oldest running job of each project started; only projects with a running job are listed.
async fn busy_since(db: &impl ConnectionTrait) -> Result<HashMap<i64, i64>> {
    let running = rows::job::Entity::find()
        .select_only()
        .columns([rows::job::Column::ProjectId, rows::job::Column::StartedAt])
        .filter(rows::job::Column::Status.eq(Status::Pending.word()));
    let running = running.into_tuple::<(i64, Option<i64>)>().all(db).await.context("list running jobs")?;
    let mut busy_since = HashMap::new();
    for (project, started_at) in running {
        let started_at = started_at.unwrap_or(i64::MIN);
        let oldest = busy_since.entry(project).or_insert(started_at);
        *oldest = started_at.min(*oldest);
    }
    Ok(busy_since)
}

/// Sets the last use of an image, unless the image was used since `image` was read.
async fn change_use(db: &impl ConnectionTrait, image: &CachedImage, used_at: i64) -> Result<bool> {
    let changed = rows::cached_image::Entity::update_many()
        .col_expr(rows::cached_image::Column::UsedAt, Expr::value(used_at))
        .filter(rows::cached_image::Column::Id.eq(image.id.0))
        .filter(rows::cached_image::Column::UsedAt.eq(image.used_at.0));
    Ok(changed.exec(db).await.context("note how an image is used")?.rows_affected > 0)
}

/// True if no running job may be using the image. A job notes its image after its start: an image that was last used
/// before that is not its image.
fn is_idle(row: &rows::cached_image::Model, busy_since: &HashMap<i64, i64>) -> bool {
    busy_since.get(&row.project_id).is_none_or(|started_at| row.used_at < *started_at)
}

fn cached_image(row: rows::cached_image::Model) -> CachedImage {
    let rows::cached_image::Model { id, project_id, runner, cache_key, base, size, created_at, used_at } =
        row;
    CachedImage {
        id: CachedImageId(id),
        project: ProjectId(project_id),
        runner,
        key: cache_key,
        base,
        size,
        created_at: Timestamp(created_at),
        used_at: Timestamp(used_at),
    }
}
