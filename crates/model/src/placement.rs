//! Placement: the runner for each waiting job.

use crate::{
    ids::{JobId, ProjectId},
    label::Labels,
    runner::{JobClass, RunnerRules},
};
use std::{cmp::Reverse, collections::BTreeSet};

/// A job that waits for a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingJob {
    /// The job.
    pub id: JobId,
    /// Its project.
    pub project: ProjectId,
    /// The facts that decide which runner may have it.
    pub class: JobClass,
}

/// A runner with free slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeRunner {
    /// Its name.
    pub name: String,
    /// Number of jobs that it can take now.
    pub slots: usize,
    /// The jobs that it may get.
    pub rules: RunnerRules,
    /// All of its labels.
    pub labels: Labels,
    /// The projects that it built before: it has their repositories and images.
    pub projects: BTreeSet<ProjectId>,
}

impl FreeRunner {
    /// True if the rules let it have a job.
    pub fn may_have(&self, job: &WaitingJob) -> bool {
        self.rules.refuses(&self.labels, &job.class).is_none()
    }
}

/// Gives each job a runner, in the order of the jobs, as long as there are slots. Among the runners that may have the
/// job, one that built its project before comes first, then the one with most free slots, then the first by name. A job
/// that no runner may have is left out.
pub fn place<'a>(waiting: &[WaitingJob], free: &'a [FreeRunner]) -> Vec<(JobId, &'a str)> {
    let mut slots = free.iter().map(|runner| runner.slots).collect::<Vec<_>>();
    let mut left = slots.iter().sum::<usize>();
    let mut placed = Vec::new();
    for job in waiting {
        if left == 0 {
            break;
        }
        let able = free.iter().zip(&slots).enumerate();
        let able = able.filter(|(_, (runner, slots))| **slots > 0 && runner.may_have(job));
        let best = able.min_by_key(|(_, (runner, slots))| {
            (!runner.projects.contains(&job.project), Reverse(**slots), &runner.name)
        });
        let Some((index, (runner, _))) = best else { continue };
        slots[index] -= 1;
        left -= 1;
        placed.push((job.id, runner.name.as_str()));
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Forks;

    fn job(id: i64, project: i64, labels: &str) -> WaitingJob {
        let class = JobClass {
            project: format!("anna/{project}"),
            labels: labels.parse().unwrap(),
            is_from_fork: false,
        };
        WaitingJob { id: JobId(id), project: ProjectId(project), class }
    }

    fn runner(name: &str, slots: usize, labels: &str, projects: &[i64]) -> FreeRunner {
        FreeRunner {
            name: name.into(),
            slots,
            rules: RunnerRules::default(),
            labels: labels.parse().unwrap(),
            projects: projects.iter().copied().map(ProjectId).collect(),
        }
    }

    fn placed(waiting: &[WaitingJob], free: &[FreeRunner]) -> Vec<(i64, String)> {
        place(waiting, free).into_iter().map(|(job, runner)| (job.0, runner.to_owned())).collect()
    }

    fn to(pairs: &[(i64, &str)]) -> Vec<(i64, String)> {
        pairs.iter().map(|(job, runner)| (*job, (*runner).to_owned())).collect()
    }

    #[test]
    fn the_oldest_job_goes_to_a_runner_that_knows_its_project_or_has_most_room() {
        let free = [runner("a", 1, "", &[]), runner("b", 2, "", &[]), runner("c", 1, "", &[7])];
        let jobs = [job(1, 7, ""), job(2, 7, ""), job(3, 7, ""), job(4, 7, ""), job(5, 7, "")];
        assert_eq!(placed(&jobs, &free), to(&[(1, "c"), (2, "b"), (3, "a"), (4, "b")]));
    }

    #[test]
    fn a_job_that_nobody_can_take_holds_up_no_other() {
        let free = [runner("a", 1, "amd64", &[])];
        assert_eq!(placed(&[job(1, 7, "gpu"), job(2, 7, "amd64")], &free), to(&[(2, "a")]));
        assert_eq!(placed(&[job(1, 7, "")], &[]), to(&[]));
        assert_eq!(placed(&[job(1, 7, "")], &[runner("a", 0, "", &[7])]), to(&[]));
    }

    #[test]
    fn rules_outweigh_what_a_runner_knows() {
        let rules = RunnerRules { forks: Forks::Only, ..RunnerRules::default() };
        let strict = FreeRunner { rules, ..runner("a", 9, "", &[7]) };
        assert_eq!(placed(&[job(1, 7, "")], &[strict, runner("b", 1, "", &[])]), to(&[(1, "b")]));
    }
}
