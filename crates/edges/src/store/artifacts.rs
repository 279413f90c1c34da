//! Artifacts that jobs made and published.

use super::{Store, rows};
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
    /// The place that it went to.
    pub place: ArtifactPlace,
    /// In bytes.
    pub size: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

impl Store {
    /// Notes what a job published, in place of what an earlier run of it published there.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_artifact(&self, job: &Job, new: &NewArtifact, now: Timestamp) -> Result<()> {
        let pushed_at = self.rank(job.build).await?.pushed_at;
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
        note.exec_without_returning(&self.writer).await.context("note an artifact")?;
        Ok(())
    }

    /// Artifacts that the jobs of a build published, in the order of its jobs.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn artifacts_of(&self, build: BuildId) -> Result<Vec<Artifact>> {
        let rows = rows::artifact::Entity::find().filter(rows::artifact::Column::BuildId.eq(build.0));
        self.artifacts(rows.order_by_asc(rows::artifact::Column::JobId)).await
    }

    /// Artifacts that some jobs published.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn artifacts_of_jobs(&self, jobs: &[JobId]) -> Result<Vec<Artifact>> {
        let ids = jobs.iter().map(|job| job.0).collect::<Vec<_>>();
        let rows = rows::artifact::Entity::find().filter(rows::artifact::Column::JobId.is_in(ids));
        self.artifacts(rows).await
    }

    /// The artifacts at one place behind one stable link that are still there, those of the newest push first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn artifacts_behind(&self, place: &ArtifactPlace, stable: &str) -> Result<Vec<Artifact>> {
        let behind = self.behind(place, stable).await?;
        behind.into_iter().map(|(row, _)| read(row)).collect()
    }

    /// Artifacts that a project published in directories and that are still there.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn artifacts_in_directories(&self, project: ProjectId) -> Result<Vec<Artifact>> {
        let rows = rows::artifact::Entity::find()
            .filter(rows::artifact::Column::ProjectId.eq(project.0))
            .filter(
                rows::artifact::Column::PlaceKind
                    .ne(kind(&ArtifactPlace::Hub { url: String::new(), stable_url: String::new() })),
            )
            .filter(rows::artifact::Column::RemovedAt.is_null());
        self.artifacts(rows).await
    }

    /// Notes that one artifact was taken away.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_artifact_removed(&self, id: ArtifactId, now: Timestamp) -> Result<()> {
        let row = rows::artifact::ActiveModel {
            id: Unchanged(id.0),
            removed_at: Set(Some(now.0)),
            ..Default::default()
        };
        row.update(&self.writer).await.context("note that an artifact was taken away")?;
        Ok(())
    }

    /// The names of all artifacts at a place that some project has there.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn names_of_artifacts(&self, place: &ArtifactPlace) -> Result<HashSet<String>> {
        let names = rows::artifact::Entity::find()
            .filter(rows::artifact::Column::PlaceKind.eq(kind(place)))
            .filter(rows::artifact::Column::RemovedAt.is_null())
            .select_only()
            .column(rows::artifact::Column::Versioned)
            .distinct();
        let names = names.into_tuple::<String>().all(&self.db).await.context("list artifacts' names")?;
        Ok(names.into_iter().collect())
    }

    /// Whether nothing that another job published at one place behind one stable link is of a later push. The present
    /// order of pushes counts, so that a link does not leave a commit that its branch is back at.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_newest(&self, job: &Job, place: &ArtifactPlace, stable: &str) -> Result<bool> {
        let own = self.rank(job.build).await?;
        let others = self.behind(place, stable).await?;
        Ok(others.iter().all(|(row, rank)| row.job_id == job.id.0 || !rank.is_later_than(&own)))
    }

    /// Rank of a build among pushes.
    pub(super) async fn rank(&self, build: BuildId) -> Result<Rank> {
        let row = rows::build::Entity::find_by_id(build.0).one(&self.db).await.context("find a build")?;
        Ok(Rank::of(&row.with_context(|| format!("there is no build {build}"))?))
    }

    async fn behind(
        &self,
        place: &ArtifactPlace,
        stable: &str,
    ) -> Result<Vec<(rows::artifact::Model, Rank)>> {
        let behind = rows::artifact::Entity::find()
            .filter(rows::artifact::Column::PlaceKind.eq(kind(place)))
            .filter(rows::artifact::Column::Stable.eq(stable))
            .filter(rows::artifact::Column::RemovedAt.is_null());
        let behind = behind.all(&self.db).await.context("list artifacts behind a link")?;
        let ids = behind.iter().map(|row| row.build_id).collect::<BTreeSet<_>>();
        let builds = rows::build::Entity::find().filter(rows::build::Column::Id.is_in(ids));
        let builds = builds.all(&self.db).await.context("find artifacts' builds")?;
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

    /// Notes that artifacts were taken away: all at that place with that name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_removed(&self, place: &ArtifactPlace, versioned: &str, now: Timestamp) -> Result<()> {
        let gone = rows::artifact::Entity::update_many()
            .col_expr(rows::artifact::Column::RemovedAt, Expr::value(now.0))
            .filter(rows::artifact::Column::PlaceKind.eq(kind(place)))
            .filter(rows::artifact::Column::Versioned.eq(versioned));
        gone.exec(&self.writer).await.context("note that an artifact was taken away")?;
        Ok(())
    }

    async fn artifacts(&self, rows: Select<rows::artifact::Entity>) -> Result<Vec<Artifact>> {
        let rows = rows.order_by_asc(rows::artifact::Column::Id);
        let rows = rows.all(&self.db).await.context("list artifacts")?;
        rows.into_iter().map(read).collect()
    }
}

/// Rank of a build among pushes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rank {
    project: i64,
    position: i64,
    build: i64,
    /// The time when its commit was pushed, or else was heard of.
    pub(super) pushed_at: Timestamp,
}

impl Rank {
    pub(super) fn of(row: &rows::build::Model) -> Self {
        let rows::build::Model { id, project_id, position, pushed_at, created_at, .. } = *row;
        Self {
            project: project_id,
            position,
            build: id,
            pushed_at: Timestamp(pushed_at.unwrap_or(created_at)),
        }
    }

    /// Whether its push is the later one. Positions are a project's own: between projects, times have to do.
    pub(super) fn is_later_than(&self, other: &Self) -> bool {
        match self.project == other.project {
            true => (self.position, self.build) > (other.position, other.build),
            false => (self.pushed_at, self.build) > (other.pushed_at, other.build),
        }
    }
}

/// Puts ranks of several projects in one order, the oldest first. A project's own keep theirs: what stands before
/// another one there came no later, whatever its time says.
fn in_order(mut ranks: Vec<Rank>) -> Vec<Rank> {
    ranks.sort_by_key(|rank| (rank.project, rank.position, rank.build));
    let mut came_at = Vec::<(Timestamp, Rank)>::with_capacity(ranks.len());
    for rank in ranks {
        let before = came_at.last().filter(|(_, last)| last.project == rank.project);
        let at = before.map_or(rank.pushed_at, |(at, _)| rank.pushed_at.max(*at));
        came_at.push((at, rank));
    }
    came_at.sort_by_key(|(at, _)| *at);
    came_at.into_iter().map(|(_, rank)| rank).collect()
}

/// Artifacts of one job at one kind of place are the same artifact.
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

    /// Runs the job of a push so many minutes later and publishes what it made; whether the link is to lead there.
    async fn publish(stage: &Stage, project: ProjectId, (digit, minutes): (char, u32)) -> (Job, bool) {
        let at = NOW.after(minutes * Duration::from_secs(60));
        let id = stage.plan_in(project, digit, at).await[0];
        stage.run(0).await;
        let job = stage.store.job_by_id(id).await.unwrap().unwrap();
        let name = ArtifactName { versioned: format!("a-{digit}"), stable: LINK.into() };
        let (format, place) = (Format::Binary, ArtifactPlace::Binaries);
        let is_newest = stage.store.is_newest(&job, &place, LINK).await.unwrap();
        let new = NewArtifact { format, name, place, size: 1, sha256: String::new() };
        stage.store.note_artifact(&job, &new, NOW).await.unwrap();
        (job, is_newest)
    }

    async fn behind(stage: &Stage) -> Vec<String> {
        let behind = stage.store.artifacts_behind(&ArtifactPlace::Binaries, LINK).await.unwrap();
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
        assert!(!stage.store.is_newest(&other, &ArtifactPlace::Binaries, LINK).await.unwrap());
        assert_eq!(behind(&stage).await, ["a-a", "a-b"]);
    }
}
