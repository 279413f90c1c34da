//! Handles a push that comes in by the Auto Builder's address: makes jobs of recipes and kernel rules, and readings of
//! the configuration.

use super::{Seen, doubt, ignore, order, pass_over, skipped};
use crate::{AutobuildSettings, Flow, configuration, intake::plan, ring};
use anyhow::Result;
use kozmic_edges::{
    clock,
    store::{Endpoint, Heard, Planned, ProjectChange, WaitingDelivery},
};
use kozmic_model::{
    event::Change, ids::ProjectId, project::Repository, recipe::Configuration, spec::JobSpec,
};

/// Plans a push for the Auto Builder: to the configuration repository, or to one that it builds.
pub(super) async fn plan_push(flow: &Flow, waiting: &WaitingDelivery, change: &Change) -> Result<Seen> {
    let Some(settings) = &flow.settings.autobuild else {
        return ignore(flow, waiting, "the Auto Builder is switched off").await.map(|()| Seen::Settled);
    };
    let told = match flow.edges.forge.pushed_repository(&waiting.delivery.payload) {
        Ok(told) => told,
        Err(fault) => {
            let failed = flow.edges.store.deliveries().fail_delivery(waiting.id, &fault.to_string()).await;
            return failed.map(|()| Seen::Settled);
        }
    };
    let known = flow.edges.store.auto_builder().project_about(told.id).await?;
    if let Some(project) = &known
        && !doubt::is_settled(flow, waiting.id, Endpoint::AutoBuilder, project, &told).await?
    {
        return Ok(Seen::Waits);
    }
    let configuration = configuration(flow).await?;
    let specs_of = |repository: &Repository| specs(settings, configuration.as_ref(), repository, change);
    // Recipes are found by the name that the forge gives. The forge is asked about an unknown repository only if the
    // name in the payload leads to something to build.
    let project = match known {
        None if !specs_of(&told).is_empty() => match configuration::look_up(flow, told.id).await? {
            None => {
                let why = format!("the Auto Builder's token may not see {}", told.full_name());
                return ignore(flow, waiting, &why).await.map(|()| Seen::Settled);
            }
            found => found,
        },
        known => known,
    };
    let skip = change.skip_word();
    let waits = configuration.is_none() && skip.is_none();
    let specs = project.as_ref().map(|project| specs_of(&project.repository)).unwrap_or_default();
    match project {
        Some(project) if !specs.is_empty() => {
            let heard = if waits { Heard::Unsettled(waiting.id) } else { Heard::Delivery(waiting.id) };
            plan_jobs(flow, heard, project.id, change, &specs).await?;
            order::look(flow, project.id, &change.git_ref).await?;
        }
        _ if waits => {}
        project => {
            let name = project.as_ref().map_or(&told, |project| &project.repository).full_name();
            let nothing = || format!("nothing is built of {} of {name}", change.git_ref);
            let why = skip.map_or_else(nothing, skipped);
            match project {
                Some(project) => pass_over(flow, waiting, project.id, change, &why).await?,
                None => ignore(flow, waiting, &why).await?,
            }
        }
    }
    Ok(if waits { Seen::Waits } else { Seen::Settled })
}

/// Specs of the jobs for a push. The configuration is read even if a commit asks to skip it, and even if none was read
/// before: a push repairs a first configuration that cannot be read.
fn specs(
    settings: &AutobuildSettings,
    configuration: Option<&Configuration>,
    repository: &Repository,
    change: &Change,
) -> Vec<JobSpec> {
    let reading = configuration::job_of(settings, repository, change);
    let built = match (configuration, change.skip_word()) {
        (Some(configuration), None) => plan::jobs(settings, configuration, repository, change),
        _ => Vec::new(),
    };
    reading.into_iter().chain(built).collect()
}

/// Plans jobs. Settles the delivery that they come from, unless the delivery has to wait.
async fn plan_jobs(
    flow: &Flow,
    heard: Heard,
    project: ProjectId,
    change: &Change,
    specs: &[JobSpec],
) -> Result<()> {
    let store = &flow.edges.store;
    let change = ProjectChange { project, change };
    let planned = store.queue().enqueue_planned(heard, change, specs, clock::now()).await?;
    if let Heard::Delivery(_) = heard {
        configuration::read_again(flow, &planned).await?;
    }
    let Planned { build, jobs } = planned;
    if !jobs.is_empty() {
        tracing::info!(build.id = build.id.0, jobs = jobs.len(), %build.sha, "a push was planned");
    }
    ring::step(&flow.edges, build.project);
    jobs.iter().for_each(|job| ring::change(&flow.edges, build.project, *job));
    Ok(())
}

/// The configuration to judge pushes by; none if none was ever read: then the push waits for it.
async fn configuration(flow: &Flow) -> Result<Option<Configuration>> {
    let is_set = flow.settings.autobuild.as_ref().is_some_and(|settings| settings.configuration.is_some());
    match is_set {
        true => {
            Ok(flow.edges.store.configuration().configuration().await?.map(|loaded| loaded.configuration))
        }
        false => Ok(Some(Configuration::default())),
    }
}
