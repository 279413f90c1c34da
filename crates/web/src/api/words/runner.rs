//! A runner in the answers of the API.

use super::time;
use kozmic_model::{
    label::Labels,
    runner::{Runner, RunnerRules},
    time::Timestamp,
};
use serde::Serialize;

/// A runner.
#[derive(Serialize)]
pub(in crate::api) struct RunnerWord {
    name: String,
    title: String,
    remote: bool,
    state: &'static str,
    trouble: Option<String>,
    draining: bool,
    slots: i32,
    busy: i32,
    labels: Labels,
    architecture: Option<String>,
    engine: Option<String>,
    version: Option<String>,
    disk: Option<DiskWord>,
    seen_at: Option<String>,
    /// None for all but administrators: the rules name projects.
    rules: Option<RulesWord>,
}

/// The disk of a runner's data, in bytes.
#[derive(Serialize)]
pub(in crate::api) struct DiskWord {
    free: u64,
    total: u64,
}

/// The jobs that a runner may get.
#[derive(Serialize)]
pub(in crate::api) struct RulesWord {
    labels: Labels,
    projects: Vec<String>,
    forks: &'static str,
}

impl RunnerWord {
    /// A runner as it is at a time.
    pub(in crate::api) fn of(runner: Runner, now: Timestamp, shows_rules: bool) -> Self {
        let (state, labels) = (runner.state(now), runner.labels());
        let seen_at = (!runner.is_new()).then(|| time(runner.seen_at));
        let architecture = runner.facts.architecture().map(str::to_owned);
        let facts = runner.facts;
        let disk = facts.disk_free.zip(facts.disk_total).map(|(free, total)| DiskWord { free, total });
        Self {
            name: runner.name,
            title: runner.title,
            remote: runner.is_remote,
            state: state.word(),
            trouble: runner.trouble,
            draining: runner.is_draining,
            slots: runner.slots,
            busy: runner.busy,
            labels,
            architecture,
            engine: facts.engine,
            version: facts.version,
            disk,
            seen_at,
            rules: shows_rules.then(|| RulesWord::of(runner.rules)),
        }
    }
}

impl RulesWord {
    fn of(RunnerRules { labels, projects, forks }: RunnerRules) -> Self {
        Self { labels, projects: projects.into(), forks: forks.word() }
    }
}
