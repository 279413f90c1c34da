//! An order: one attempt at a job, with everything that a runner needs for it.

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
    /// The build of the job.
    pub build: BuildId,
    /// The project of the job.
    pub project: ProjectId,
    /// The job's task.
    pub spec: JobSpec,
    /// The branch, tag or pull request of the push.
    pub git_ref: GitRef,
    /// The name of that at the forge, to fetch it.
    pub remote_ref: String,
    /// The commit.
    pub sha: Sha,
    /// The variables of its scripts, as names and values, without `HOME`.
    pub environment: Vec<(String, String)>,
    /// The id of the installation. It is part of the keys of cached images, among others.
    pub installation: String,
    /// The number of the job's interrupted attempts in a row before this one.
    pub interruptions: i32,
    /// The attempt's phases so far.
    pub phases: Vec<Phase>,
    /// The key of the image that its install script makes, if an earlier process was running that script.
    pub cache_key: Option<String>,
    /// The limits of the attempt.
    pub limits: Limits,
    /// The time at which somebody requested the attempt, if it is known. Tags and default branch must not be older.
    pub asked: Option<Instant>,
    /// The login for the registry of its image, if there is one; or the reason why the login is not available.
    pub login: Result<Option<RegistryLogin>, String>,
    /// The owners of image names, by name, for a kernel's job that looks for its base image.
    pub bases: BTreeMap<String, String>,
    /// The reason why the job cannot succeed, in a sentence, if it is known from the start.
    pub hindrance: Option<String>,
}

/// The limits of an attempt.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest total time of an attempt.
    pub time: Duration,
    /// The time at which the limit is reached. Time that was spent under an earlier process is already subtracted.
    pub deadline: tokio::time::Instant,
    /// The longest time without output.
    pub silence: Duration,
    /// The longest log, in bytes.
    pub log: u64,
    /// The time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// The limits of a recipe's or kernel rule's container; none: the engine's own.
    pub program: Option<ProgramLimits>,
    /// True if its scripts cannot gain more rights than they started with.
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
