//! Uploads to a hub that have begun: after a crash, an upload is finished without another one.

use super::Artifacts;
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::job::Attempt;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};

/// An upload that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The time, as the hub told it, at which the file with this name was put there before; none if there was none.
    pub before: Option<i64>,
    /// True if the hub confirmed that it has the file.
    pub is_done: bool,
}

impl Artifacts<'_> {
    /// The upload of exactly this file under this name that an attempt began.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn upload(self, attempt: Attempt, name: &str, sha256: &str) -> Result<Option<Upload>> {
        let row = rows::upload::Entity::find()
            .filter(rows::upload::Column::JobId.eq(attempt.job.0))
            .filter(rows::upload::Column::Attempt.eq(attempt.number))
            .filter(rows::upload::Column::Name.eq(name))
            .filter(rows::upload::Column::Sha256.eq(sha256));
        let row = row.one(&self.db.reader).await.context("look for an upload")?;
        row.map(|row| {
            let before = row.before.map(|text| text.parse()).transpose().context("read an upload")?;
            Ok(Upload { before, is_done: row.is_done })
        })
        .transpose()
    }

    /// Notes that an upload begins. It replaces an earlier upload with that name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin_upload(
        self,
        attempt: Attempt,
        name: &str,
        sha256: &str,
        before: Option<i64>,
    ) -> Result<()> {
        let row = rows::upload::ActiveModel {
            id: NotSet,
            job_id: Set(attempt.job.0),
            attempt: Set(attempt.number),
            name: Set(name.to_owned()),
            sha256: Set(sha256.to_owned()),
            before: Set(before.map(|at| at.to_string())),
            is_done: Set(false),
        };
        let identity = [rows::upload::Column::JobId, rows::upload::Column::Name];
        let changed = [
            rows::upload::Column::Attempt,
            rows::upload::Column::Sha256,
            rows::upload::Column::Before,
            rows::upload::Column::IsDone,
        ];
        let anew = OnConflict::columns(identity).update_columns(changed).to_owned();
        let begin = rows::upload::Entity::insert(row).on_conflict(anew);
        begin.exec_without_returning(&self.db.writer).await.context("note an upload")?;
        Ok(())
    }

    /// Notes that the hub confirmed the upload.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_upload(self, attempt: Attempt, name: &str) -> Result<()> {
        rows::upload::Entity::update_many()
            .col_expr(rows::upload::Column::IsDone, Expr::value(true))
            .filter(rows::upload::Column::JobId.eq(attempt.job.0))
            .filter(rows::upload::Column::Attempt.eq(attempt.number))
            .filter(rows::upload::Column::Name.eq(name))
            .exec(&self.db.writer)
            .await
            .context("note the end of an upload")?;
        Ok(())
    }
}
