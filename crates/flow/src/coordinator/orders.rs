//! Makes orders: a claimed job, with all that its runner has to know.

use crate::{AutobuildSettings, Flow, FlowSettings, publish};
use anyhow::Result;
use kozmic_edges::{
    clock,
    engine::RegistryLogin,
    store::{ClaimedJob, IMAGES},
};
use kozmic_model::{
    environment::{BuildFacts, environment},
    phase::Phase,
    registry::host_of,
    spec::{Base, JobSpec, Task},
    time::Timestamp,
};
use kozmic_runner::{
    order::{Limits, Order, ProgramLimits},
    words::sentence,
};
use std::{collections::BTreeMap, time::Duration, time::Instant};

/// Longest time that an order may name. Clocks overflow with much longer times.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The order for a job that a runner holds. It is made even if something fails: the job is taken and has to come to an
/// end.
pub(crate) async fn order(flow: &Flow, claimed: ClaimedJob) -> Order {
    let (bases, trouble) = match bases(flow, &claimed).await {
        Ok(bases) => (bases, None),
        Err(fault) => (BTreeMap::new(), Some(sentence(&fault))),
    };
    let login = login(flow, &claimed).await.map_err(|fault| format!("{fault:#}"));
    let spec = &claimed.job.spec;
    let hindrance =
        trouble.or_else(|| publish::hindrance(flow, spec)).or_else(|| taken(&flow.settings, spec));
    let environment = environment_of(&flow.settings, &claimed);
    let limits = limits(&flow.settings, &claimed);
    let ClaimedJob { job, build, project, pushed_at } = claimed;
    let age = job.asked_at(pushed_at).map(|asked| clock::now().since(asked));
    Order {
        attempt: job.attempt(),
        build: build.id,
        project: project.id,
        spec: job.spec,
        remote_ref: flow.edges.forge.remote_ref(&build.git_ref),
        git_ref: build.git_ref,
        sha: build.sha,
        environment,
        installation: flow.settings.instance.clone(),
        interruptions: job.interruptions,
        phases: job.phases,
        cache_key: job.cache_key,
        limits,
        asked: age.and_then(|age| Instant::now().checked_sub(age)),
        login,
        bases,
        hindrance,
    }
}

/// Environment of a job's scripts, except `HOME`.
fn environment_of(settings: &FlowSettings, claimed: &ClaimedJob) -> Vec<(String, String)> {
    let ClaimedJob { job, build, project, .. } = claimed;
    let facts = BuildFacts {
        project: &project.repository.full_name(),
        build: build.id,
        number: build.number,
        url: &build.url(settings.public_url.as_str()),
        git_ref: &build.git_ref,
        sha: &build.sha,
        author: &build.author,
        message: &build.message,
        trigger: &build.trigger,
    };
    environment(&facts, job.attempt(), &job.spec.title)
}

fn limits(settings: &FlowSettings, claimed: &ClaimedJob) -> Limits {
    let job = &claimed.job;
    let time = settings.time_limit(&job.spec.origin);
    let left = left(time, job.started_at, &job.phases, clock::now());
    Limits {
        time,
        deadline: tokio::time::Instant::now() + left.min(FOREVER),
        silence: settings.stall_timeout,
        log: settings.log_limit,
        grace: settings.stop_grace,
        program: settings.autobuild.as_ref().map(program_limits),
        no_new_privileges: !claimed.project.settings.sudo.lets(&claimed.build.git_ref),
    }
}

fn program_limits(settings: &AutobuildSettings) -> ProgramLimits {
    let AutobuildSettings { memory, extra_hosts, capabilities, .. } = settings;
    ProgramLimits { memory: *memory, extra_hosts: extra_hosts.clone(), capabilities: capabilities.clone() }
}

/// Time that is left for an attempt. If it is taken up after its script ended, it gets the whole limit again for the
/// rest: nothing could be published while no process was there.
fn left(limit: Duration, started_at: Option<Timestamp>, phases: &[Phase], now: Timestamp) -> Duration {
    let spent = match phases.last() {
        Some(phase) if phase.kind.follows_a_script() => Duration::ZERO,
        _ => started_at.map(|start| now.since(start)).unwrap_or_default(),
    };
    limit.saturating_sub(spent)
}

async fn login(flow: &Flow, claimed: &ClaimedJob) -> Result<Option<RegistryLogin>> {
    let Some(image) = claimed.job.spec.task.image() else { return Ok(None) };
    let registry = image.registry();
    let known = flow.edges.store.keys().credential_for(claimed.project.id, &host_of(registry)).await?;
    let login = |(username, password)| RegistryLogin { registry: registry.to_owned(), username, password };
    Ok(known.map(login))
}

/// The owners of the images that a dependent kernel may start from.
async fn bases(flow: &Flow, claimed: &ClaimedJob) -> Result<BTreeMap<String, String>> {
    match &claimed.job.spec.task {
        Task::Program(program) if program.base == Base::LongestPrefix => {
            let start = format!("{}:", program.image.repository());
            flow.edges.store.artifacts().owners_of_names(IMAGES, &start).await
        }
        _ => Ok(BTreeMap::new()),
    }
}

/// The reason why a job may not start from the image that it names: kernel builds keep their images under such names.
fn taken(settings: &FlowSettings, spec: &JobSpec) -> Option<String> {
    if matches!(&spec.task, Task::Program(program) if program.base == Base::LongestPrefix) {
        return None;
    }
    let (image, autobuild) = (spec.task.image()?, settings.autobuild.as_ref()?);
    let is_taken = autobuild.kernels.iter().any(|rule| rule.keeps(image));
    is_taken.then(|| {
        format!(
            "{image} is a name for what kernel builds keep: only dependent kernel builds start from there."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_model::phase::PhaseKind;

    #[test]
    fn an_outage_costs_a_script_its_time_and_an_artifact_none() {
        let (limit, start) = (Duration::from_secs(60), Timestamp(0));
        let left_at = |kind, seconds| {
            let phases = [Phase::begin(PhaseKind::Checkout, start), Phase::begin(kind, start)];
            left(limit, Some(start), &phases, start.after(Duration::from_secs(seconds))).as_secs()
        };
        assert_eq!([0, 20, 3600].map(|seconds| left_at(PhaseKind::Build, seconds)), [60, 40, 0]);
        assert_eq!([20, 3600].map(|seconds| left_at(PhaseKind::Publish, seconds)), [60, 60]);
        assert_eq!(left(limit, None, &[], start), limit);
    }
}
