//! Looks at parts that a server needs, for `kozmic check` and `kozmic setup` alike. Nothing is made or changed.

pub(super) mod near;

use super::finding::Finding;
use crate::{settings::Settings, wire};
use kozmic_edges::{
    engine::{
        Engine,
        docker::{DockerEngine, JobNetwork, Walls},
    },
    forge::{ForgeError, github::GitHubSettings},
    git::Mirrors,
};
use std::path::Path;
use url::Url;

/// Files that engines put into containers.
const OF_CONTAINERS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// True if this command runs in a container, so that its addresses and files are not the machine's.
pub(super) fn is_in_container() -> bool {
    OF_CONTAINERS.iter().any(|file| Path::new(file).exists())
}

/// The git of this machine.
pub(super) async fn git() -> Finding {
    Mirrors::version().await.map_err(|fault| fault.to_string()).into()
}

/// The SSH client of this machine.
pub(super) async fn ssh() -> Finding {
    Mirrors::ssh_version().await.map_err(|fault| fault.to_string()).into()
}

/// The findings about the forge.
pub(super) struct AtForge {
    /// The forge's API.
    pub(super) api: Finding,
    /// The application for signing in; none if the forge cannot be asked.
    pub(super) sign_in: Option<Finding>,
}

/// Looks at the forge's API and at the application. If the forge cannot be reached, the application is not at fault.
pub(super) async fn at_forge(settings: &GitHubSettings, public_url: &Url) -> AtForge {
    let forge = match wire::forge(settings) {
        Ok(forge) => forge,
        Err(fault) => return AtForge { api: Finding::Bad(format!("{fault:#}")), sign_in: None },
    };
    let greeting = forge.greet().await.map_err(|fault| with_hint(&fault));
    let callback = public_url.join(kozmic_web::CALLBACK).unwrap_or_else(|_| public_url.clone());
    let sign_in = match forge.try_client(&callback).await {
        Ok(()) => Some(Finding::Well(format!("the OAuth application {} is known there", settings.client_id))),
        Err(fault) if greeting.is_err() && fault.try_again().is_some() => None,
        Err(fault) => Some(Finding::Bad(fault.to_string())),
    };
    AtForge { api: greeting.into(), sign_in }
}

fn with_hint(fault: &ForgeError) -> String {
    match fault.try_again() {
        Some(_) => fault.to_string(),
        None => format!(
            "{fault}: github_api_url has to name its API, which is https://api.github.com, https://HOST/api/v3 of an \
             Enterprise server, or https://api.NAME.ghe.com"
        ),
    }
}

/// The engine, with the networks and the isolation of jobs.
pub(super) async fn engine(settings: &Settings) -> Finding {
    jobs_on(settings).await.into()
}

async fn jobs_on(settings: &Settings) -> Result<String, String> {
    let engine = DockerEngine::new(settings.docker.clone());
    let version = engine.version().await.map_err(|fault| fault.to_string())?.number;
    let url = &settings.docker.url;
    let networks = match &settings.docker.network {
        JobNetwork::Own => {
            let is_there = engine.has_own_network().await.map_err(|fault| fault.to_string())?;
            let when = if is_there { "" } else { ", made as the server starts" };
            format!("on a network of Kozmic's own, which is to keep them apart{when}")
        }
        JobNetwork::Each(range) => format!("on networks of their own in {range}"),
        JobNetwork::Named(name) => {
            if !engine.has_network().await.map_err(|fault| fault.to_string())? {
                return Err(format!(
                    "{version} at {url} has no network {name}: make it with docker network create, or set docker_network"
                ));
            }
            format!("on the network {name}")
        }
    };
    let walls = engine.walls().await.map_err(|fault| fault.to_string())?;
    Ok(format!("{version} at {url}; jobs are {networks}, {}", of_engine(&walls)))
}

/// The engine's own isolation, as a part of a sentence about jobs.
fn of_engine(walls: &Walls) -> String {
    let Walls { runtime, is_remapped, has_seccomp, memory } = walls;
    let users = if *is_remapped { "others on the machine" } else { "the machine's own" };
    let filter = if *has_seccomp { "a filter" } else { "no filter" };
    let memory = memory.map_or_else(|| "no limit".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    format!(
        "run by {runtime}, with users that are {users}, {filter} of system calls, and {memory} of memory for each hook"
    )
}
