//! `kozmic check`: what is reachable and what is not, a line each. It changes nothing: no file is made or written, and of
//! a container that it tries nothing stays.

mod address;
mod at_rest;
mod autobuild;
mod container;
mod data_dir;
mod report;
mod walls;

use crate::{
    settings::{Settings, kept_in_words},
    version::VERSION,
    wire,
};
use clap::Args;
use kozmic_edges::{
    engine::{
        Engine,
        docker::{DockerEngine, JobNetwork},
    },
    forge::{Forge, github::GitHub},
    git::Mirrors,
    notifier::Notifier,
};
use kozmic_flow::Retention;
use kozmic_model::image::ImageName;
use report::{Finding, Report};
use std::process::ExitCode;
use url::Url;

/// Result of a look at one thing.
type Look = Result<String, String>;

/// The path to which the forge sends people back, below the public address.
const CALLBACK: &str = "_auth/auth-callback/";

/// Names of the looks that others depend on.
const ENGINE: &str = "Docker engine";
const FORGE: &str = "GitHub";

/// Ways to look.
#[derive(Args)]
pub(crate) struct CheckArguments {
    /// Pulls an image to try a container of; without it, one that is there is used.
    #[arg(long, value_name = "IMAGE", num_args = 0..=1, default_missing_value = "debian:bookworm-slim")]
    pull: Option<ImageName>,
    /// Says all in JSON at the end: {"ok": …, "looks": [{"what": …, "result": "ok", "note" or "fail", "words": …}]}.
    #[arg(long)]
    json: bool,
}

/// Looks at everything; exit code 0 only if nothing is bad.
pub(crate) async fn check(settings: Settings, arguments: &CheckArguments) -> ExitCode {
    let mut report = Report::new(arguments.json);
    report.add("program", Ok(format!("kozmic {VERSION}")));
    let found = data_dir::look(&settings).await;
    report.add("data directory", found.directory);
    report.add("database", found.database);
    let addresses = address::look(&settings, found.is_served).await;
    report.add("listens on", addresses.own);
    report.add("public address", addresses.public);
    report.add("connections", Ok(connections(&settings)));
    report.add("kept", Ok(kept(&settings)));
    report.add("people", people(&settings));
    report.add("git", Mirrors::version().await.map_err(|fault| fault.to_string()));
    report.add("ssh", Mirrors::ssh_version().await.map_err(|fault| fault.to_string()));
    report.add(ENGINE, docker(&settings).await);
    at_github(&settings, &mut report).await;
    report.add("mail", mail(&settings).await);
    for (what, look) in autobuild::looks(&settings).await {
        report.add(what, look);
    }
    if report.is_well(ENGINE) {
        try_container(&settings, arguments, &mut report).await;
    }
    report.add("at rest", at_rest::look(&settings));
    report.end()
}

/// GitHub's API, and the application by which people sign in.
async fn at_github(settings: &Settings, report: &mut Report) {
    let forge = match GitHub::new(settings.github.clone()) {
        Ok(forge) => forge,
        Err(fault) => return report.add(FORGE, Err(format!("{fault:#}"))),
    };
    let greeting = forge.greet().await.map_err(|fault| {
        let hint = if fault.try_again().is_some() { "" } else { ": github_api_url has to name its API, which is https://api.github.com, or https://HOST/api/v3 of an Enterprise server" };
        format!("{fault}{hint}")
    });
    let answers = greeting.is_ok();
    report.add(FORGE, greeting);
    let callback = callback(&settings.server.public_url);
    match forge.try_client(&callback).await {
        Ok(()) => report.add(
            "sign-in",
            Ok(format!("the OAuth application {} is known there", settings.github.client_id)),
        ),
        Err(fault) if !answers && fault.try_again().is_some() => {}
        Err(fault) => report.add("sign-in", Err(fault.to_string())),
    }
}

/// The address to which the forge sends people back.
fn callback(public_url: &Url) -> Url {
    public_url.join(CALLBACK).unwrap_or_else(|_| public_url.clone())
}

/// Tries a job's container, which gets to the forge if this machine does, and does so over a network.
async fn try_container(settings: &Settings, arguments: &CheckArguments, report: &mut Report) {
    let url = &settings.github.url;
    let outside = url.host_str().zip(url.port_or_known_default());
    let is_tried = report.is_well(FORGE) && !address::is_this_machine(url).await;
    let tried = container::look(settings, arguments.pull.as_ref(), outside.filter(|_| is_tried)).await;
    report.add("container", tried.container);
    if let Some(way_out) = tried.way_out {
        report.add("jobs' way out", way_out);
    }
}

fn kept(settings: &Settings) -> String {
    let Retention { failed_deliveries, logs, attempts } = settings.retention;
    let [failed, logs, attempts] = [failed_deliveries, logs, attempts].map(kept_in_words);
    format!("failed deliveries {failed}, logs {logs}, earlier runs of jobs {attempts}")
}

/// The people whom the settings let in, by name: one that is misspelt is seen.
fn people(settings: &Settings) -> Finding {
    let server = &settings.server;
    let admins = match server.admins.as_slice() {
        [] => "nobody".to_owned(),
        admins => admins.join(", "),
    };
    let admins = format!("see the whole audit trail: {admins}");
    match server.sign_in_allowed.to_string() {
        names if names.is_empty() => Finding::Mind(format!(
            "may sign in: everybody with an account at {}, and run jobs here for their repositories; set sign_in_allowed, \
             unless that is meant; {admins}",
            settings.github.url
        )),
        names => Finding::Well(format!("may sign in: {names}; {admins}")),
    }
}

fn connections(settings: &Settings) -> String {
    let (all, wanted) = (wire::limits(settings), settings.limits.connections);
    let short = if all.connections < wanted {
        format!(", because the limit of open files leaves no more; connections_limit is {wanted}")
    } else {
        String::new()
    };
    format!("{} at most{short}, and {} of one client", all.connections, all.of_one_address)
}

async fn docker(settings: &Settings) -> Look {
    let engine = DockerEngine::new(settings.docker.clone());
    let version = engine.version().await.map_err(|fault| fault.to_string())?;
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
    Ok(format!("{version} at {url}; jobs are {networks}, {}", walls::of_engine(&walls)))
}

async fn mail(settings: &Settings) -> Look {
    match wire::notifier(settings).map_err(|fault| format!("{fault:#}"))? {
        Notifier::None => Ok("switched off".to_owned()),
        Notifier::Mail(sender) => {
            sender.check().await.map_err(|fault| fault.to_string())?;
            Ok(format!("{} takes mails", sender.server()))
        }
    }
}
