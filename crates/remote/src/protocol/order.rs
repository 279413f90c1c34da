//! An order on its way to a runner. Points in time are sent as the time that is left or has passed, because both
//! machines have clocks of their own.

use super::{At, outcome::millis};
use anyhow::{Context, Result};
use kozmic_edges::engine::RegistryLogin;
use kozmic_model::{
    git::{GitRef, Sha},
    ids::{BuildId, ProjectId},
    phase::Phase,
    spec::JobSpec,
    time::Timestamp,
};
use kozmic_runner::order::{Limits, Order, ProgramLimits};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The longest time that is read. Clocks overflow with much longer times.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// An order.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sent {
    of: At,
    build: i64,
    project: i64,
    spec: JobSpec,
    git_ref: GitRef,
    remote_ref: String,
    sha: Sha,
    environment: Vec<(String, String)>,
    installation: String,
    interruptions: i32,
    phases: Vec<Part>,
    cache_key: Option<String>,
    limits: SentLimits,
    /// The time since somebody requested the attempt.
    asked_ms: Option<u64>,
    login: Login,
    bases: BTreeMap<String, String>,
    hindrance: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct SentLimits {
    time_ms: u64,
    /// The time until the limit is reached.
    left_ms: u64,
    silence_ms: u64,
    log: u64,
    grace_ms: u64,
    program: Option<SentProgram>,
    no_new_privileges: bool,
}

#[derive(Clone, Serialize, Deserialize)]
struct SentProgram {
    memory: Option<i64>,
    extra_hosts: Vec<String>,
    capabilities: Vec<String>,
}

/// The login for the registry of the order's image.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "login", rename_all = "snake_case")]
enum Login {
    /// There is none.
    None,
    /// It is this one.
    Known { registry: String, username: String, password: String },
    /// It is not available, for this reason.
    Unavailable { reason: String },
}

/// A phase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    kind: kozmic_model::phase::PhaseKind,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl From<&Phase> for Part {
    fn from(phase: &Phase) -> Self {
        Self { kind: phase.kind, started_at: phase.started_at, finished_at: phase.finished_at }
    }
}

impl From<Part> for Phase {
    fn from(part: Part) -> Self {
        Self { kind: part.kind, started_at: part.started_at, finished_at: part.finished_at }
    }
}

/// Phases on their way.
pub(crate) fn parts(phases: &[Phase]) -> Vec<Part> {
    phases.iter().map(Part::from).collect()
}

/// Phases that arrived.
pub(crate) fn phases(parts: Vec<Part>) -> Vec<Phase> {
    parts.into_iter().map(Phase::from).collect()
}

impl From<&Order> for Sent {
    fn from(order: &Order) -> Self {
        Self {
            of: order.attempt.into(),
            build: order.build.0,
            project: order.project.0,
            spec: order.spec.clone(),
            git_ref: order.git_ref.clone(),
            remote_ref: order.remote_ref.clone(),
            sha: order.sha.clone(),
            environment: order.environment.clone(),
            installation: order.installation.clone(),
            interruptions: order.interruptions,
            phases: parts(&order.phases),
            cache_key: order.cache_key.clone(),
            limits: (&order.limits).into(),
            asked_ms: order.asked.map(|asked| millis(asked.elapsed())),
            login: (&order.login).into(),
            bases: order.bases.clone(),
            hindrance: order.hindrance.clone(),
        }
    }
}

impl TryFrom<Sent> for Order {
    type Error = anyhow::Error;
    fn try_from(sent: Sent) -> Result<Self> {
        // Git gets this name as an argument, and a name that begins with a dash would be an option.
        let is_ref = sent.remote_ref.starts_with("refs/");
        let remote_ref = Some(sent.remote_ref).filter(|_| is_ref).context("an order has no ref to fetch")?;
        Ok(Self {
            attempt: sent.of.into(),
            build: BuildId(sent.build),
            project: ProjectId(sent.project),
            spec: sent.spec,
            git_ref: sent.git_ref,
            remote_ref,
            sha: sent.sha,
            environment: sent.environment,
            installation: sent.installation,
            interruptions: sent.interruptions,
            phases: phases(sent.phases),
            cache_key: sent.cache_key,
            limits: sent.limits.into(),
            asked: sent.asked_ms.and_then(|passed| Instant::now().checked_sub(time(passed))),
            login: sent.login.into(),
            bases: sent.bases,
            hindrance: sent.hindrance,
        })
    }
}

impl From<&Limits> for SentLimits {
    fn from(limits: &Limits) -> Self {
        let left = limits.deadline.saturating_duration_since(tokio::time::Instant::now());
        let program = limits.program.clone().map(|program| {
            let ProgramLimits { memory, extra_hosts, capabilities } = program;
            SentProgram { memory, extra_hosts, capabilities }
        });
        Self {
            time_ms: millis(limits.time),
            left_ms: millis(left),
            silence_ms: millis(limits.silence),
            log: limits.log,
            grace_ms: millis(limits.grace),
            program,
            no_new_privileges: limits.no_new_privileges,
        }
    }
}

impl From<SentLimits> for Limits {
    fn from(sent: SentLimits) -> Self {
        let program = sent.program.map(|program| {
            let SentProgram { memory, extra_hosts, capabilities } = program;
            ProgramLimits { memory, extra_hosts, capabilities }
        });
        Self {
            time: time(sent.time_ms),
            deadline: tokio::time::Instant::now() + time(sent.left_ms),
            silence: time(sent.silence_ms),
            log: sent.log,
            grace: time(sent.grace_ms),
            program,
            no_new_privileges: sent.no_new_privileges,
        }
    }
}

impl From<&Result<Option<RegistryLogin>, String>> for Login {
    fn from(login: &Result<Option<RegistryLogin>, String>) -> Self {
        match login {
            Ok(None) => Self::None,
            Err(reason) => Self::Unavailable { reason: reason.clone() },
            Ok(Some(RegistryLogin { registry, username, password })) => Self::Known {
                registry: registry.clone(),
                username: username.clone(),
                password: password.expose_secret().to_owned(),
            },
        }
    }
}

impl From<Login> for Result<Option<RegistryLogin>, String> {
    fn from(login: Login) -> Self {
        match login {
            Login::None => Ok(None),
            Login::Unavailable { reason } => Err(reason),
            Login::Known { registry, username, password } => {
                Ok(Some(RegistryLogin { registry, username, password: password.into() }))
            }
        }
    }
}

fn time(ms: u64) -> Duration {
    Duration::from_millis(ms).min(FOREVER)
}
