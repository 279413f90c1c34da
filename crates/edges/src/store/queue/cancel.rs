//! Cancels jobs: for people, for newer pushes, for the jobs' authors, or because their project is removed.

use super::{
    Queue,
    jobs::{tell, title_of},
    refresh::refresh,
};
use crate::store::{database::Transaction, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    ending::Ending,
    ids::JobId,
    job::CanceledBy,
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
};

impl Queue<'_> {
    /// Asks to stop a job. A waiting job ends at once; for a job that is under way, the runner gets a mark. `by` is set
    /// if no person asks.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn request_cancel(
        self,
        id: JobId,
        why: &str,
        by: Option<CanceledBy>,
        now: Timestamp,
    ) -> Result<()> {
        self.db
            .change_in_parallel("a cancel", move |tx| async move {
                let tx = &tx;
                let Some(row) = tx.lock_job(id.0).await? else { return Ok(()) };
                let is_over = row.status.parse::<Status>()?.is_finished();
                cancel_locked(tx, &row, why, by, now).await?;
                let build = refresh(tx, row.build_id, now).await?;
                if by.is_none() && !is_over {
                    let subject = format!("{} of build #{}", title_of(&row), build.number);
                    tx.note(Deed::new(Action::JobCanceled, Some(build.project), &subject)).await?;
                }
                Ok(())
            })
            .await
    }
}

/// Cancels a job. A waiting job ends at once; for a job that is under way, the runner gets a mark; a finished job
/// stays.
pub(in crate::store) async fn cancel(
    tx: &Transaction,
    row: &rows::job::Model,
    why: &str,
    by: Option<CanceledBy>,
    now: Timestamp,
) -> Result<()> {
    // A runner may have claimed the job since it was read.
    match tx.locked_job(row).await? {
        Some(row) => cancel_locked(tx, &row, why, by, now).await,
        None => Ok(()),
    }
}

/// Cancels a job as [`cancel`] does. The row was read under the job's lock.
async fn cancel_locked(
    tx: &Transaction,
    row: &rows::job::Model,
    why: &str,
    by: Option<CanceledBy>,
    now: Timestamp,
) -> Result<()> {
    let mut change = rows::job::ActiveModel { id: Unchanged(row.id), ..Default::default() };
    match row.status.parse()? {
        Status::Held | Status::Enqueued => {
            change.status = Set(Status::Canceled.word().to_owned());
            // An attempt counts even if it never began: the log of an earlier attempt is not the log of this one.
            change.attempt = Set(row.attempt + 1);
            change.ending = Set(Some(Ending::Canceled.word().to_owned()));
            change.finished_at = Set(Some(now.0));
        }
        Status::Pending => change.cancel_requested = Set(true),
        Status::Success | Status::Failure | Status::Error | Status::Canceled => return Ok(()),
    }
    change.reason = Set(Some(why.to_owned()));
    change.canceled_by = Set(by.map(|by| by.word().to_owned()));
    change.update(tx).await.context("cancel a job")?;
    tell(tx, row, now).await
}
