//! Rows of jobs: adds and lists them, and announces each change of one.

use super::waiting::waiting;
use crate::store::{
    database::Transaction,
    outbox::{self, Subject},
    read, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{ids::JobId, spec::JobSpec, status::Status, time::Timestamp};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select};

/// Adds a job that waits, with the number of the move that caused it.
pub(super) async fn add(
    tx: &Transaction,
    build: &rows::build::Model,
    spec: &JobSpec,
    by: Option<i64>,
    now: Timestamp,
) -> Result<JobId> {
    let row = rows::job::ActiveModel {
        build_id: Set(build.id),
        project_id: Set(build.project_id),
        spec: Set(serde_json::to_string(spec)?),
        attempt: Set(0),
        interruptions: Set(0),
        created_at: Set(now.0),
        kind: Set(spec.origin.word().to_owned()),
        automatic: Set(spec.origin.is_automatic()),
        move_id: Set(by),
        labels: Set(spec.labels.to_string()),
        ..waiting(tx, build, now).await?
    };
    let row = row.insert(tx).await.context("add a job")?;
    tell(tx, &row, now).await?;
    Ok(JobId(row.id))
}

/// The title of a job, for the audit trail. A spec that cannot be read must not stop a change.
pub(in crate::store) fn title_of(row: &rows::job::Model) -> String {
    read::job(row.clone()).map_or_else(|_| format!("number {}", row.id), |job| job.spec.title)
}

/// Puts the commit status of a changed job into the outbox. Only jobs of the Auto Builder have a commit status of their
/// own.
pub(in crate::store) async fn tell(tx: &Transaction, row: &rows::job::Model, now: Timestamp) -> Result<()> {
    match row.automatic {
        true => outbox::put(tx, Subject::JobStatus(JobId(row.id)), now).await,
        false => Ok(()),
    }
}

/// A project's jobs in some states.
pub(in crate::store) fn of_project(project: i64, states: &[Status]) -> Select<rows::job::Entity> {
    rows::job::Entity::find()
        .filter(rows::job::Column::ProjectId.eq(project))
        .filter(rows::job::Column::Status.is_in(states.iter().map(|status| status.word())))
}
