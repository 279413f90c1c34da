//! Removes things that the original deleted between two imports, unless people here changed them since.

use super::{Import, report::Report};
use crate::legacy::OldProject;
use anyhow::Result;
use kozmic_edges::store::{Lost, Still};
use kozmic_model::{
    ids::{JobId, ProjectId},
    job::Attempt,
};
use std::collections::HashSet;

/// The reason of a removal.
const GONE: &str = "it was deleted there since, and is removed here now";

impl Import<'_> {
    /// Removes the deleted parts of a project that still exists there. Logs are removed first: after an interruption
    /// between the two steps, another import finds the row and continues.
    ///
    /// # Errors
    /// One of the databases or the disk does not answer.
    pub(super) async fn follow_gone(
        &self,
        old: &OldProject,
        id: ProjectId,
        report: &mut Report,
    ) -> Result<()> {
        let still = Still {
            hooks: self.old.hooks(old.id).await?.into_iter().map(|hook| hook.id).collect(),
            builds: self.old.build_ids(old.id).await?,
            jobs: self.old.job_ids(old.id).await?,
        };
        let source = self.old.source();
        let lost = self.store.takeover().gone_there(source, id, &still).await?;
        for lost in &lost {
            if let (Lost::Job(job, true), Some(logs)) = (lost, self.logs) {
                logs.remove(first_attempt(*job)).await?;
            }
            let (what, why) = words(*lost);
            report.lose(format!("{what} of {}", old.full_name()), why);
        }
        if !lost.is_empty() {
            self.store.takeover().remove_gone(source, id, &still).await?;
        }
        Ok(())
    }

    /// Reports projects that were deleted there. A whole project is not removed because another database says so:
    /// people must decide.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) async fn ask_for_gone_projects(
        &self,
        there: &[OldProject],
        report: &mut Report,
    ) -> Result<()> {
        let there = there.iter().map(|project| project.forge_id).collect::<HashSet<_>>();
        for (name, id) in self.store.takeover().projects_from(self.old.source(), &there).await? {
            let why = format!(
                "it was deleted there since: delete it in /projects/{id}/settings/, if it is to go here too"
            );
            report.ask(name, why);
        }
        Ok(())
    }
}

pub(super) fn first_attempt(job: JobId) -> Attempt {
    Attempt { job, number: 1 }
}

fn words(lost: Lost) -> (String, &'static str) {
    match lost {
        Lost::Hook(id, true) => (format!("hook {id}"), GONE),
        Lost::Build(id, true) => (format!("build {id}"), GONE),
        Lost::Job(id, true) => (format!("job {id}"), GONE),
        Lost::Hook(id, false) => {
            (format!("hook {id}"), "it was deleted there since, and stays: it was saved or restored here")
        }
        Lost::Build(id, false) => {
            (format!("build {id}"), "it was deleted there since, and stays: it has jobs that ran here")
        }
        Lost::Job(id, false) => {
            (format!("job {id}"), "it was deleted there since, and stays: it ran again here")
        }
    }
}
