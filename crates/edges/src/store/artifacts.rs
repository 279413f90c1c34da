//! Artifacts that jobs made and published.

mod names;
mod uploads;

pub use names::IMAGES;
pub use uploads::Upload;

use super::{
    builds::{Builds, Rank, in_order},
    database::Database,
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    artifact::{Artifact, ArtifactName, ArtifactPlace, Format},
    ids::{ArtifactId, BuildId, JobId, ProjectId},
    job::Job,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, OnConflict},
};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
};

/// An artifact that was just published.
pub struct NewArtifact {
    /// Its format.
    pub format: Format,
    /// Its name.
    pub name: ArtifactName,
    /// The place where it was published.
    pub place: ArtifactPlace,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 as 64 hexadecimal digits.
    pub sha256: String,
}

/// Artifacts, their names, and uploads of them.
#[derive(Clone, Copy)]
pub struct Artifacts<'a> {
    pub(super) db: &'a Database,
}

impl Artifacts<'_> {
    /// Notes an artifact that a job published. It replaces the artifact that an earlier attempt at the job published
    /// there.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_artifact(self, job: &Job, new: &NewArtifact, now: Timestamp) -> Result<()> {
        let pushed_at = Builds { db: self.db }.rank(job.build).await?.pushed_at;
        let row = rows::artifact::ActiveModel {
            id: NotSet,
            project_id: Set(job.project.0),
            build_id: Set(job.build.0),
            job_id: Set(job.id.0),
            format: Set(new.format.word().to_owned()),
            versioned: Set(new.name.versioned.clone()),
            stable: Set(new.name.stable.clone()),
            place_kind: Set(kind(&new.place).to_owned()),
            place: Set(serde_json::to_string(&new.place)?),
            size: Set(i64::try_from(new.size)?),
            sha256: Set(new.sha256.clone()),
            pushed_at: Set(pushed_at.0),
            created_at: Set(now.0),
            removed_at: Set(None),
        };
        let identity = [rows::artifact::Column::JobId, rows::artifact::Column::PlaceKind];
        let changed = [
            rows::artifact::Column::Format,
            rows::artifact::Column::Versioned,
            rows::artifact::Column::Stable,
            rows::artifact::Column::PushedAt,
            rows::artifact::Column::Place,
            rows::artifact::Column::Size,
            rows::artifact::Column::Sha256,
            rows::artifact::Column::CreatedAt,
            rows::artifact::Column::RemovedAt,
        ];
        let newest = OnConflict::columns(identity).update_columns(changed).to_owned();
        let note = rows::artifact::Entity::insert(row).on_conflict(newest);
        note.exec_without_returning(&self.db.writer).await.context("note an artifact")?;
        Ok(())
    }

    /// Artifacts that the jobs of a build published, in the order of its jobs.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn artifacts_of(self, build: BuildId) -> Result<Vec<Artifact>> {
        let rows = rows::artifact::Entity::find().filter(rows::artifact::Column::BuildId.eq(build.0));
        self.artifacts(rows.order_by_asc(rows::artifact::Column::JobId)).await
    }

    /// Artifacts that some jobs published.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn artifacts_of_jobs(self, jobs: &[JobId]) -> Result<Vec<Artifact>> {
        let ids = jobs.iter().map(|job| job.0).collect::<Vec<_>>();
        let rows = rows::artifact::Entity::find().filter(rows::artifact::Column::JobId.is_in(ids));
        self.artifacts(rows).await
    }

    /// The artifacts at one place behind one stable link that still exist, those of the newest push first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn artifacts_behind(self, place: &ArtifactPlace, stable: &str) -> Result<Vec<Artifact>> {
        let behind = self.behind(place, stable).await?;
        behind.into_iter().map(|(row, _)| read(row)).collect()
    }

    /// Artifacts that a project published in directories and that still exist.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn artifacts_in_directories(self, project: ProjectId) -> Result<Vec<Artifact>> {
        let rows = rows::artifact::Entity::find()
            .filter(rows::artifact::Column::ProjectId.eq(project.0))
            .filter(
                rows::artifact::Column::PlaceKind
                    .ne(kind(&ArtifactPlace::Hub { url: String::new(), stable_url: String::new() })),
            )
            .filter(rows::artifact::Column::RemovedAt.is_null());
        self.artifacts(rows).await
    }

    /// Notes that one artifact was removed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_artifact_removed(self, id: ArtifactId, now: Timestamp) -> Result<()> {
        let row = rows::artifact::ActiveModel {
            id: Unchanged(id.0),
            removed_at: Set(Some(now.0)),
            ..Default::default()
        };
        row.update(&self.db.writer).await.context("note that an artifact was taken away")?;
        Ok(())
    }

    /// The names of all artifacts of any project at a place.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn names_of_artifacts(self, place: &ArtifactPlace) -> Result<HashSet<String>> {
        let names = rows::artifact::Entity::find()
            .filter(rows::artifact::Column::PlaceKind.eq(kind(place)))
            .filter(rows::artifact::Column::RemovedAt.is_null())
            .select_only()
            .column(rows::artifact::Column::Versioned)
            .distinct();
        let names =
            names.into_tuple::<String>().all(&self.db.reader).await.context("list artifacts' names")?;
        Ok(names.into_iter().collect())
    }

    /// True if no other job published an artifact of a later push at one place behind one stable link. The present
    /// order of pushes counts: a link stays at a commit to which its branch was moved back.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_newest(self, job: &Job, place: &ArtifactPlace, stable: &str) -> Result<bool> {
        let own = Builds { db: self.db }.rank(job.build).await?;
        let others = self.behind(place, stable).await?;
        Ok(others.iter().all(|(row, rank)| row.job_id == job.id.0 || !rank.is_later_than(&own)))
    }

    async fn behind(self, place: &ArtifactPlace, stable: &str) -> Result<Vec<(rows::artifact::Model, Rank)>> {
        let behind = rows::artifact::Entity::find()
            .filter(rows::artifact::Column::PlaceKind.eq(kind(place)))
            .filter(rows::artifact::Column::Stable.eq(stable))
            .filter(rows::artifact::Column::RemovedAt.is_null());
        let behind = behind.all(&self.db.reader).await.context("list artifacts behind a link")?;
        let ids = behind.iter().map(|row| row.build_id).collect::<BTreeSet<_>>();
        let builds = rows::build::Entity::find().filter(rows::build::Column::Id.is_in(ids));
        let builds = builds.all(&self.db.reader).await.context("find artifacts' builds")?;
        let places = in_order(builds.iter().map(Rank::of).collect());
        let places = places.into_iter().enumerate().map(|(place, rank)| (rank.build, (place, rank)));
        let places = places.collect::<HashMap<_, _>>();
        let mut behind =
            behind.into_iter().filter(|row| places.contains_key(&row.build_id)).collect::<Vec<_>>();
        behind.sort_by_key(|row| Reverse((places[&row.build_id].0, row.id)));
        let ranked = |row: rows::artifact::Model| {
            let rank = places[&row.build_id].1;
            (row, rank)
        };
        Ok(behind.into_iter().map(ranked).collect())
    }

    /// Notes that artifacts were removed: all at that place with that name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_removed(self, place: &ArtifactPlace, versioned: &str, now: Timestamp) -> Result<()> {
        let gone = rows::artifact::Entity::update_many()
            .col_expr(rows::artifact::Column::RemovedAt, Expr::value(now.0))
            .filter(rows::artifact::Column::PlaceKind.eq(kind(place)))
            .filter(rows::artifact::Column::Versioned.eq(versioned));
        gone.exec(&self.db.writer).await.context("note that an artifact was taken away")?;
        Ok(())
    }

    async fn artifacts(self, rows: Select<rows::artifact::Entity>) -> Result<Vec<Artifact>> {
        let rows = rows.order_by_asc(rows::artifact::Column::Id);
        let rows = rows.all(&self.db.reader).await.context("list artifacts")?;
        rows.into_iter().map(read).collect()
    }
}

/// The kind of a place. Artifacts of one job at one kind of place are the same artifact.
fn kind(place: &ArtifactPlace) -> &'static str {
    place.directory().unwrap_or("hub")
}

fn read(row: rows::artifact::Model) -> Result<Artifact> {
    Ok(Artifact {
        id: ArtifactId(row.id),
        project: ProjectId(row.project_id),
        build: BuildId(row.build_id),
        job: JobId(row.job_id),
        format: row.format.parse()?,
        name: ArtifactName { versioned: row.versioned, stable: row.stable },
        place: serde_json::from_str(&row.place).context("read an artifact's place")?,
        size: row.size.unsigned_abs(),
        sha256: row.sha256,
        pushed_at: Timestamp(row.pushed_at),
        created_at: Timestamp(row.created_at),
        removed_at: row.removed_at.map(Timestamp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage};
    use std::time::Duration;

    const LINK: &str = "a";

    /// Executes the job of a push some minutes later and publishes its artifact. Gives the job, and true if the link
    /// must lead to it.
    async fn publish(stage: &Stage, project: ProjectId, (digit, minutes): (char, u32)) -> (Job, bool) {
        let at = NOW.after(minutes * Duration::from_secs(60));
        let id = stage.plan_in(project, digit, at).await[0];
        stage.run(0).await;
        let job = stage.store.builds().job_by_id(id).await.unwrap().unwrap();
        let name = ArtifactName { versioned: format!("a-{digit}"), stable: LINK.into() };
        let (format, place) = (Format::Binary, ArtifactPlace::Binaries);
        let is_newest = stage.store.artifacts().is_newest(&job, &place, LINK).await.unwrap();
        let new = NewArtifact { format, name, place, size: 1, sha256: String::new() };
        stage.store.artifacts().note_artifact(&job, &new, NOW).await.unwrap();
        (job, is_newest)
    }

    async fn behind(stage: &Stage) -> Vec<String> {
        let behind = stage.store.artifacts().artifacts_behind(&ArtifactPlace::Binaries, LINK).await.unwrap();
        behind.into_iter().map(|artifact| artifact.name.versioned).collect()
    }

    #[tokio::test]
    async fn behind_a_link_of_several_projects_the_newest_push_of_all_comes_first() {
        let stage = Stage::new().await;
        let (one, other) = (stage.project, stage.other_project().await);
        for (push, (project, digit)) in
            [(one, 'a'), (one, 'b'), (one, 'c'), (other, 'd')].into_iter().enumerate()
        {
            assert!(publish(&stage, project, (digit, push as u32)).await.1);
        }
        assert_eq!(behind(&stage).await, ["a-d", "a-c", "a-b", "a-a"]);
        assert!(publish(&stage, one, ('a', 5)).await.1, "its branch is back there since");
        assert_eq!(behind(&stage).await, ["a-a", "a-d", "a-c", "a-b"]);
        let (_, is_newest) = publish(&stage, other, ('e', 4)).await;
        assert!(!is_newest, "it was pushed before that");
    }

    #[tokio::test]
    async fn what_is_published_once_more_counts_by_the_push_that_it_was_built_for_last() {
        let stage = Stage::new().await;
        let (_, first) = publish(&stage, stage.project, ('a', 0)).await;
        let (other, second) = publish(&stage, stage.project, ('b', 1)).await;
        let (_, back) = publish(&stage, stage.project, ('a', 2)).await;
        assert!(first && second && back);
        assert!(!stage.store.artifacts().is_newest(&other, &ArtifactPlace::Binaries, LINK).await.unwrap());
        assert_eq!(behind(&stage).await, ["a-a", "a-b"]);
    }
}
