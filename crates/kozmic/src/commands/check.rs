//! `kozmic check`: what is reachable and what is not, a line each.

mod at_rest;
mod autobuild;
mod walls;

use crate::{
    data_dir::DataDir,
    failure::{Failure, said_once},
    settings::{Settings, kept_in_words},
    wire,
};
use kozmic_edges::{
    clock,
    engine::{
        Engine,
        docker::{DockerEngine, JobNetwork},
    },
    forge::{Forge, github::GitHub},
    git::Mirrors,
    notifier::Notifier,
};
use kozmic_flow::Retention;
use std::process::ExitCode;

/// Result of a look at one thing.
type Look = Result<String, String>;

/// Result of a look at something that nobody has to have.
#[derive(Debug, PartialEq, Eq)]
enum Advice {
    /// All is well.
    Well(String),
    /// It is worth a thought.
    Mind(String),
    /// No job can run so.
    Bad(String),
}

/// The looks without which no container is tried.
const WAY_OUT_NEEDS: [&str; 2] = ["data directory", "Docker engine"];

/// Looks at everything; exit code 0 only if all is well.
pub(crate) async fn check(settings: Settings) -> ExitCode {
    let mut looks = vec![
        ("settings", settings_line(&settings)),
        ("data directory", data_dir(&settings).await),
        ("connections", Ok(connections(&settings))),
        ("kept", Ok(kept(&settings))),
        ("people", Ok(people(&settings))),
        ("git", Mirrors::version().await.map_err(|fault| fault.to_string())),
        ("ssh", Mirrors::ssh_version().await.map_err(|fault| fault.to_string())),
        ("Docker engine", docker(&settings).await),
        ("GitHub", github(&settings).await),
        ("mail", mail(&settings).await),
    ];
    looks.extend(autobuild::looks(&settings).await);
    for (what, look) in &looks {
        tell(what, look);
    }
    let mut has_fault = looks.iter().any(|(_, look)| look.is_err());
    // A look that needs the engine and the data directory.
    if looks.iter().all(|(what, look)| look.is_ok() || !WAY_OUT_NEEDS.contains(what))
        && let Some(advice) = walls::way_out(&settings).await
    {
        has_fault |= matches!(advice, Advice::Bad(_));
        advise("jobs' way out", advice);
    }
    advise("at rest", at_rest::look(&settings));
    ExitCode::from(u8::from(has_fault))
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn tell(what: &str, look: &Look) {
    match look {
        Ok(found) => println!("ok    {what}: {found}"),
        Err(fault) => println!("FAIL  {what}: {fault}"),
    }
}

/// Says what is worth a thought and no fault.
#[expect(clippy::print_stdout, reason = "the command's answer")]
fn advise(what: &str, advice: Advice) {
    match advice {
        Advice::Well(found) => println!("ok    {what}: {found}"),
        Advice::Mind(found) => println!("note  {what}: {found}"),
        Advice::Bad(fault) => println!("FAIL  {what}: {fault}"),
    }
}

fn settings_line(settings: &Settings) -> Look {
    let server = &settings.server;
    Ok(format!("listens on {}, reached as {}", server.listen, server.public_url))
}

async fn data_dir(settings: &Settings) -> Look {
    let path = settings.server.data_dir.display();
    let dir = match DataDir::take(&settings.server.data_dir) {
        Ok(dir) => dir,
        Err(Failure::DataDirInUse { process, .. }) => {
            let shared = DataDir::share(&settings.server.data_dir).map_err(|fault| fault.to_string())?;
            return Ok(format!("{path}, used by process {process}; {}", room(settings, &shared)?));
        }
        Err(fault) => return Err(fault.to_string()),
    };
    let store = wire::server(settings, &dir).await.map_err(|fault| said_once(&fault))?.flow.edges.store;
    let tried = wire::closing(&store, store.try_writing(clock::now())).await;
    let file = wire::database_file(settings, &dir);
    tried.map_err(|fault| format!("{}: {}", file.display(), said_once(&fault)))?;
    Ok(format!("{path}, the database is up to date; {}", room(settings, &dir)?))
}

/// Room on the disks; too little is a fault.
fn room(settings: &Settings, dir: &DataDir) -> Look {
    let room = wire::room(settings, dir);
    match room.trouble() {
        Some(trouble) => Err(trouble.trim_end_matches('.').to_owned()),
        None => room.summary().map_err(|fault| fault.to_string()),
    }
}

fn kept(settings: &Settings) -> String {
    let Retention { failed_deliveries, logs, attempts } = settings.retention;
    let [failed, logs, attempts] = [failed_deliveries, logs, attempts].map(kept_in_words);
    format!("failed deliveries {failed}, logs {logs}, earlier runs of jobs {attempts}")
}

/// The people whom the settings let in, by name: one that is misspelt is seen.
fn people(settings: &Settings) -> String {
    let server = &settings.server;
    let invited = match server.sign_in_allowed.to_string() {
        names if names.is_empty() => format!("everybody with an account at {}", settings.github.url),
        names => names,
    };
    let admins = match server.admins.as_slice() {
        [] => "nobody".to_owned(),
        admins => admins.join(", "),
    };
    format!("may sign in: {invited}; see the whole audit trail: {admins}")
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
        JobNetwork::Own => "on a network of Kozmic's own, which is to keep them apart".to_owned(),
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
    engine.prepare().await.map_err(|fault| fault.to_string())?;
    let walls = engine.walls().await.map_err(|fault| fault.to_string())?;
    Ok(format!("{version} at {url}; jobs are {networks}, {}", walls::of_engine(&walls)))
}

async fn github(settings: &Settings) -> Look {
    let forge = GitHub::new(settings.github.clone()).map_err(|fault| format!("{fault:#}"))?;
    forge.greet().await.map_err(|fault| fault.to_string())
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
