//! Lets people steer jobs: cancel them, and run them again.

use crate::ring;
use anyhow::Result;
use kozmic_edges::{
    Edges,
    broker::Topic,
    clock,
    store::{Approval, Approved},
};
use kozmic_model::{
    ids::{BuildId, JobId},
    job::CanceledBy,
};

/// Stops a job for a reason. A waiting job ends at once, and a running one gets SIGTERM.
///
/// # Errors
/// The database does not answer.
pub async fn cancel(edges: &Edges, id: JobId, why: &str) -> Result<()> {
    stop(edges, id, why, None).await
}

/// Stops a job for a reason, on behalf of a person or of something else.
pub(crate) async fn stop(edges: &Edges, id: JobId, why: &str, by: Option<CanceledBy>) -> Result<()> {
    edges.store.queue().request_cancel(id, why, by, clock::now()).await?;
    if let Some(job) = edges.store.builds().job_by_id(id).await? {
        ring::change(edges, job.project, id);
    }
    Ok(())
}

/// Stops all jobs of a build for a reason.
///
/// # Errors
/// The database does not answer.
pub async fn cancel_build(edges: &Edges, id: BuildId, why: &str) -> Result<()> {
    for job in edges.store.builds().jobs_of(id).await? {
        cancel(edges, job.id, why).await?;
    }
    Ok(())
}

/// Lets the held jobs of a build run, because a person who may decide has looked at its commit.
///
/// # Errors
/// There is no such build, or the database does not answer.
pub async fn approve(edges: &Edges, approval: Approval<'_>) -> Result<Approved> {
    let approved = edges.store.queue().approve(approval, clock::now()).await?;
    if let Approved::Jobs(build, jobs) = &approved {
        tracing::info!(build.id = build.id.0, user.id = approval.by.0, "a fork's commit was approved");
        edges.broker.ring(Topic::Jobs);
        jobs.iter().for_each(|job| ring::change(edges, build.project, *job));
    }
    Ok(approved)
}

/// Runs a job that ended once more, as a new attempt; false if it has not ended.
///
/// # Errors
/// The database does not answer.
pub async fn restart(edges: &Edges, id: JobId) -> Result<bool> {
    let restarted = edges.store.queue().restart_job(id, clock::now()).await?;
    if let Some(build) = &restarted {
        edges.broker.ring(Topic::Jobs);
        ring::change(edges, build.project, id);
    }
    Ok(restarted.is_some())
}

/// Runs all jobs of a build again that did not end well; gives their number.
///
/// # Errors
/// The database does not answer.
pub async fn restart_failed(edges: &Edges, id: BuildId) -> Result<usize> {
    let Some(build) = edges.store.builds().build_by_id(id).await? else { return Ok(0) };
    let jobs = edges.store.queue().restart_failed(id, clock::now()).await?;
    edges.broker.ring(Topic::Jobs);
    jobs.iter().for_each(|job| ring::change(edges, build.project, *job));
    Ok(jobs.len())
}
