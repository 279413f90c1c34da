//! Looks of `kozmic check` with a container as jobs have it: tries to start it, and which places it reaches. It runs
//! for a moment and is removed.

use super::walls::Places;
use crate::commands::finding::Finding;
use crate::{data_dir::DataDir, settings::Settings};
use kozmic_edges::engine::{
    Engine, EngineError,
    docker::{DockerEngine, DockerSettings, JobNetwork, Reach, Trial},
};
use kozmic_model::image::ImageName;
use tokio::sync::mpsc;

/// Label of containers if there is no installation yet.
const NOBODYS: &str = "check";

/// The name of the network setting under which jobs have no network.
const NONE: &str = "none";

/// The findings about a container's start and about the places that it reaches.
pub(super) struct Tried {
    pub(super) container: Finding,
    /// Finding about the places that it reaches. None if that could not be tried, or if jobs have no network.
    pub(super) way_out: Option<Finding>,
}

/// Tries a container of an image that is on the engine, or of one that is pulled. `outside` is a host that this machine
/// reaches.
pub(super) async fn look(
    settings: &Settings,
    pulled: Option<&ImageName>,
    outside: Option<(&str, u16)>,
) -> Tried {
    let only = |container| Tried { container, way_out: None };
    if let JobNetwork::Named(name) = &settings.docker.network
        && let Some(other) = name.strip_prefix("container:")
    {
        return only(Finding::Mind(format!("not tried: jobs share the network of the container {other}")));
    }
    let has_network = settings.docker.network != JobNetwork::Named(NONE.to_owned());
    let outside = outside.filter(|_| has_network);
    let tried = async {
        let (engine, is_stand_in) = engine(settings).await?;
        if let Some(name) = pulled {
            // The progress of the pull is not read.
            engine.pull(name, None, mpsc::channel(1).0).await?;
        }
        let places = Places::of(&engine).await;
        let instance = instance(settings);
        let trial = Trial { instance: &instance, image: pulled, targets: &places.targets, outside };
        let Some(reach) = engine.reach(&trial).await? else { return Ok(None) };
        let way_out = if has_network { Some(places.judge(settings, &reach).await) } else { None };
        Ok(Some(Tried { container: words(&reach, outside, is_stand_in), way_out }))
    };
    match tried.await {
        Ok(Some(tried)) => tried,
        Ok(None) => only(Finding::Mind(
            "not tried: no image on the engine has bash or nc; kozmic check --pull fetches one that has"
                .to_owned(),
        )),
        Err(fault @ (EngineError::Refused { .. } | EngineError::Unfit { .. })) => {
            only(Finding::Bad(format!("a job's container does not start: {fault}")))
        }
        Err(fault) if pulled.is_some() => only(Finding::Bad(fault.to_string())),
        Err(fault) => only(Finding::Mind(format!("not tried: {fault}"))),
    }
}

/// The engine for a try; true if the engine's own network is used instead of the network of jobs, which does not exist
/// yet. The try does not make it.
async fn engine(settings: &Settings) -> Result<(DockerEngine, bool), EngineError> {
    let engine = DockerEngine::new(settings.docker.clone());
    if settings.docker.network != JobNetwork::Own || engine.has_own_network().await? {
        return Ok((engine, false));
    }
    let bridge = JobNetwork::Named("bridge".to_owned());
    Ok((DockerEngine::new(DockerSettings { network: bridge, ..settings.docker.clone() }), true))
}

/// The name of the installation's runner. If this process ends early, the runner removes the container by this name.
fn instance(settings: &Settings) -> String {
    let dir = DataDir::look(&settings.server.data_dir).ok().flatten();
    let dir = dir.filter(|dir| dir.join("runner").exists());
    dir.and_then(|dir| dir.runner().ok()).unwrap_or_else(|| NOBODYS.to_owned())
}

fn words(reach: &Reach, outside: Option<(&str, u16)>, is_stand_in: bool) -> Finding {
    let network = match is_stand_in {
        true => ", on the engine's network bridge, since the server makes that of jobs as it starts",
        false => "",
    };
    let starts = format!("one of {} starts{network}", reach.image);
    match (reach.outside, outside) {
        (Some(true), Some((host, port))) => Finding::Well(format!("{starts}, and gets to {host}:{port}")),
        (Some(false), Some((host, port))) => Finding::Bad(format!(
            "{starts}, but does not get to {host}:{port}, which this machine reaches: a firewall keeps containers in, the \
             machine forwards nothing (net.ipv4.ip_forward), or names cannot be looked up there"
        )),
        _ => Finding::Well(starts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_does_not_get_out_is_bad_only_where_something_was_tried() {
        let reach = |outside| Reach { outside, image: "debian:12".to_owned(), ..Reach::default() };
        let host = Some(("github.com", 443));
        let well = words(&reach(Some(true)), host, false);
        assert_eq!(well, Finding::Well("one of debian:12 starts, and gets to github.com:443".to_owned()));
        assert!(words(&reach(Some(false)), host, false).is_bad());
        let Finding::Well(alone) = words(&reach(None), None, true) else { panic!("nothing was tried") };
        assert!(alone.starts_with("one of debian:12 starts, on the engine's network bridge"), "{alone}");
    }
}
