//! An order: one attempt at a job, with all that a runner needs to know of it.

use kozmic_edges::engine::RegistryLogin;
use kozmic_model::{
    git::{GitRef, Sha},
    ids::{BuildId, ProjectId},
    job::Attempt,
    phase::Phase,
    spec::JobSpec,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// An attempt at a job that a runner holds.
#[derive(Clone)]
pub struct Order {
    /// The attempt.
    pub attempt: Attempt,
    /// The build that it is of.
    pub build: BuildId,
    /// The project that it is of.
    pub project: ProjectId,
    /// The job's task.
    pub spec: JobSpec,
    /// The branch, tag or pull request that was pushed to.
    pub git_ref: GitRef,
    /// The commit.
    pub sha: Sha,
    /// The variables of its scripts, as names and values, `HOME` apart.
    pub environment: Vec<(String, String)>,
    /// The installation that it is from: keys of cached images are made of it, among others.
    pub installation: String,
    /// The job's attempts that were interrupted, one after another, before this one.
    pub interruptions: i32,
    /// The parts of the attempt's time so far.
    pub phases: Vec<Phase>,
    /// The key of what its install script makes, if that was under way when an earlier process had the attempt.
    pub cache_key: Option<String>,
    /// The limits of the attempt.
    pub limits: Limits,
    /// The time at which somebody asked for it, where that is known: tags and default branch are wanted as of then.
    pub asked: Option<Instant>,
    /// The login for the registry of its image, if there is one; or the reason why it cannot be had.
    pub login: Result<Option<RegistryLogin>, String>,
    /// The owners of the names of images that the job may start from, by name; for a kernel's job that looks for one.
    pub bases: BTreeMap<String, String>,
    /// The reason why the job can come to nothing, in a sentence, if that is known from the start.
    pub hindrance: Option<String>,
}

/// The limits of an attempt.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest time that an attempt may take in all.
    pub time: Duration,
    /// The end of the time that is left of that; what was spent before this process had the attempt is gone.
    pub deadline: tokio::time::Instant,
    /// The longest time without output.
    pub silence: Duration,
    /// The longest log, in bytes.
    pub log: u64,
    /// The time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// The limits of a recipe's or kernel rule's container; none: the engine's own.
    pub program: Option<ProgramLimits>,
    /// Whether its scripts gain no rights that they did not start with.
    pub no_new_privileges: bool,
}

/// The limits and rights of a recipe's or kernel rule's container.
#[derive(Clone, Debug)]
pub struct ProgramLimits {
    /// Memory in bytes; none: 16 GiB, or the machine's less 1 GiB if that is less.
    pub memory: Option<i64>,
    /// Lines for its `/etc/hosts`, as `name:address`.
    pub extra_hosts: Vec<String>,
    /// Capabilities beyond the engine's default ones.
    pub capabilities: Vec<String>,
}
