//! Takes over a project's builds, page by page, and after each page the logs of its jobs.

use super::{
    Here, Import, REMOVED_SINCE,
    gone::first_attempt,
    report::{Kind, Report},
    translate,
};
use crate::legacy::{Largest, OldBuild, OldJob};
use anyhow::{Context, Result};
use bytes::Bytes;
use kozmic_edges::{
    logs::Source,
    store::{BuildTaken, ForeignBuilds, LARGEST_ID, NewBuild, Taken},
};
use kozmic_model::{
    ids::{BuildId, JobId},
    time::Timestamp,
};
use std::{cmp::Ordering, collections::HashMap};

/// A page of a project's builds, and their jobs by the builds' ids.
struct Page {
    builds: Vec<OldBuild>,
    jobs: HashMap<i64, Vec<OldJob>>,
}

impl Import<'_> {
    /// Takes over all builds of a project.
    ///
    /// # Errors
    /// One of the databases or the disk does not answer.
    pub(super) async fn builds(
        &self,
        old_project: i64,
        largest: &Largest,
        here: &Here<'_>,
        report: &mut Report,
    ) -> Result<()> {
        let from = ForeignBuilds {
            source: self.old.source(),
            largest_build: largest.builds,
            largest_job: largest.jobs,
            largest_number: self.old.largest_number(old_project, LARGEST_ID).await?,
            now: self.now,
        };
        let mut behind = i64::MIN;
        loop {
            let builds = self.old.builds(old_project, behind).await?;
            let (Some(first), Some(last)) = (builds.first(), builds.last()) else { return Ok(()) };
            behind = last.id;
            let mut jobs = HashMap::<i64, Vec<OldJob>>::new();
            for job in self.old.jobs(old_project, first.id..=last.id).await? {
                jobs.entry(job.build_id).or_default().push(job);
            }
            self.page(Page { builds, jobs }, from, here, report).await?;
        }
    }

    async fn page(
        &self,
        Page { builds, mut jobs }: Page,
        from: ForeignBuilds<'_>,
        here: &Here<'_>,
        report: &mut Report,
    ) -> Result<()> {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for build in builds {
            let jobs = jobs.remove(&build.id).unwrap_or_default();
            match self.translated(&build, &jobs, here).await? {
                Ok(translated) => {
                    old.push((build, jobs));
                    new.push(translated);
                }
                Err(why) => leave_out_build(&build, &jobs, here.name, why, report),
            }
        }
        let taken = self.store.takeover().import_builds(from, here.id, &new).await?;
        for ((build, jobs), taken) in old.into_iter().zip(taken) {
            let job_ids = match taken {
                BuildTaken::Here { is_new, id, number, jobs } => {
                    report.count(Kind::Build, is_new);
                    if is_new {
                        remark_build(&build, id, number, here.name, report);
                    }
                    jobs
                }
                BuildTaken::Gone => {
                    leave_out_build(&build, &jobs, here.name, REMOVED_SINCE.to_owned(), report);
                    continue;
                }
                BuildTaken::Clash(number) => {
                    let why = format!("build #{number} here is of the same branch and commit");
                    leave_out_build(&build, &jobs, here.name, why, report);
                    continue;
                }
            };
            for (job, taken) in jobs.iter().zip(job_ids) {
                self.job(job, taken, &of_build(job, &build, here.name), report).await?;
            }
        }
        Ok(())
    }

    async fn translated(
        &self,
        build: &OldBuild,
        jobs: &[OldJob],
        here: &Here<'_>,
    ) -> Result<Result<NewBuild, String>> {
        let mut new = match translate::build(build, jobs) {
            Ok(new) => new,
            Err(why) => return Ok(Err(why)),
        };
        for job in jobs {
            let hook = job.hook_id.and_then(|id| here.hooks.get(&id));
            let may_keep_id = match self.logs {
                Some(logs) => logs.reader(first_attempt(JobId(job.id))).len().await? == 0,
                None => true,
            };
            new.jobs.push(translate::job(job, hook, new.created_at, may_keep_id));
        }
        Ok(Ok(new))
    }

    async fn job(&self, old: &OldJob, taken: Taken<JobId>, what: &str, report: &mut Report) -> Result<()> {
        let (id, is_new) = match taken {
            Taken::Over(id) => {
                report.renumber(what.to_owned(), old.id, id.0, Kind::Job);
                (id, true)
            }
            Taken::There(id) => (id, false),
            Taken::Followed(id) => {
                if let Some(logs) = self.logs {
                    // The earlier output may differ from the beginning of the final output.
                    logs.remove(first_attempt(id)).await?;
                }
                report.follow(what.to_owned(), "it went on there, and is here as it ended".to_owned());
                (id, false)
            }
            Taken::Gone | Taken::MadeHere => {
                leave_out_job(old, what, REMOVED_SINCE, report);
                return Ok(());
            }
        };
        report.count(Kind::Job, is_new);
        match u64::try_from(old.log_length.unwrap_or_default()) {
            Ok(0) | Err(_) => Ok(()),
            Ok(length) => {
                let is_new = self.log(old, length, id).await?.unwrap_or(is_new);
                report.count(Kind::Log, is_new);
                Ok(())
            }
        }
    }

    /// Writes the missing part of a job's log. Returns true if something was missing; none on a trial run.
    async fn log(&self, old: &OldJob, length: u64, job: JobId) -> Result<Option<bool>> {
        let Some(logs) = self.logs else { return Ok(None) };
        let reader = logs.reader(first_attempt(job));
        match reader.len().await?.cmp(&length) {
            Ordering::Equal => return Ok(Some(false)),
            // The log was a different one when it was taken over.
            Ordering::Greater => logs.remove(first_attempt(job)).await?,
            Ordering::Less => {}
        }
        let mut writer = logs.writer(first_attempt(job)).await?;
        // An interrupted import may have torn the end of the log; opening it cut that off.
        let mut offset = reader.len().await?;
        let at = Timestamp(old.finished_at.or(old.started_at).unwrap_or(self.now.0));
        loop {
            let piece = self.old.log(old.id, offset).await.context("read a log to take over")?;
            if piece.is_empty() {
                return Ok(Some(true));
            }
            offset = writer.append(Source::Output, Bytes::from(piece), at).await?;
        }
    }
}

fn remark_build(build: &OldBuild, id: BuildId, number: i64, project: &str, report: &mut Report) {
    let what = || format!("build #{} (build {}) of {project}", build.number, build.id);
    report.renumber(what(), build.id, id.0, Kind::Build);
    if number != build.number {
        report.mend(what(), format!("another build has its number: it is #{number} now"));
    }
}

fn leave_out_build(build: &OldBuild, jobs: &[OldJob], project: &str, why: String, report: &mut Report) {
    for job in jobs {
        leave_out_job(job, &of_build(job, build, project), "its build is left out", report);
    }
    report.leave_out(Kind::Build, format!("build #{} (build {}) of {project}", build.number, build.id), why);
}

fn leave_out_job(job: &OldJob, what: &str, why: &str, report: &mut Report) {
    report.leave_out(Kind::Job, what.to_owned(), why.to_owned());
    if job.log_length.is_some_and(|length| length > 0) {
        report.leave_out(Kind::Log, format!("log of {what}"), "its job is left out".to_owned());
    }
}

fn of_build(job: &OldJob, build: &OldBuild, project: &str) -> String {
    format!("job {} of build #{} of {project}", job.id, build.number)
}
