//! Looks of `kozmic check` at the walls around jobs: those that the engine has, and a firewall, which is advised.

use super::Advice;
use crate::{data_dir::DataDir, settings::Settings};
use kozmic_edges::engine::docker::{DockerEngine, JobNetwork, Walls};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::{
    net::{TcpListener, UdpSocket},
    process::Command,
};

/// The address at which clouds tell a machine its secrets.
const METADATA: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 80);

/// The places that a job's container gets to, and the rules against that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct WayOut {
    metadata: bool,
    /// Whether this machine was tried. It is not if the engine is on another one.
    tries_machine: bool,
    /// This machine's address, if jobs get to it.
    machine: Option<IpAddr>,
    /// Whether jobs reach one another on the network that is to keep them apart.
    other_jobs: bool,
    /// Whether the firewall has a rule for jobs; none: it could not be read.
    has_rule: Option<bool>,
}

/// The walls that the engine itself has, in a part of a sentence about jobs.
pub(super) fn of_engine(walls: &Walls) -> String {
    let Walls { runtime, is_remapped, has_seccomp, memory } = walls;
    let users = if *is_remapped { "others on the machine" } else { "the machine's own" };
    let filter = if *has_seccomp { "a filter" } else { "no filter" };
    let memory = memory.map_or_else(|| "no limit".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    format!(
        "run by {runtime}, with users that are {users}, {filter} of system calls, and {memory} of memory for each hook"
    )
}

/// Advice about a firewall; none if jobs have no network to go out by.
pub(super) async fn way_out(settings: &Settings) -> Option<Advice> {
    if let JobNetwork::Named(name) = &settings.docker.network
        && (matches!(name.as_str(), "host" | "none") || name.starts_with("container:"))
    {
        return None;
    }
    Some(match explore(settings).await {
        Ok(Some(found)) => found.in_words(),
        Ok(None) => Advice::Mind("not tried: no image on the engine has bash or nc".to_owned()),
        Err(fault) => Advice::Mind(format!("not tried: {fault:#}")),
    })
}

async fn explore(settings: &Settings) -> anyhow::Result<Option<WayOut>> {
    let dir = DataDir::share(&settings.server.data_dir).map_err(|fault| anyhow::anyhow!("{fault}"))?;
    let engine = DockerEngine::new(settings.docker.clone());
    let listener = if engine.is_here() { listener().await } else { None };
    let machine = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let targets = [Some(METADATA), machine].into_iter().flatten().collect::<Vec<_>>();
    let Some(reach) = engine.reach(&dir.runner()?, &targets).await? else { return Ok(None) };
    let is_machine = |target: &&SocketAddr| Some(**target) == machine;
    Ok(Some(WayOut {
        metadata: reach.addresses.contains(&METADATA),
        tries_machine: machine.is_some(),
        machine: reach.addresses.iter().find(is_machine).map(SocketAddr::ip),
        other_jobs: settings.docker.network == JobNetwork::Own && reach.other_jobs == Some(true),
        has_rule: if engine.is_here() { has_rule(settings).await } else { None },
    }))
}

/// A port of this machine's own address towards the outside, for the time of the look. No packet is sent to find it.
async fn listener() -> Option<TcpListener> {
    let socket = UdpSocket::bind("0.0.0.0:0").await.ok()?;
    socket.connect("192.0.2.1:9").await.ok()?;
    let own = socket.local_addr().ok()?.ip();
    TcpListener::bind((own, 0)).await.ok().filter(|_| !own.is_loopback())
}

/// Whether the chain for rules about containers names the network of jobs. Only root may read it.
async fn has_rule(settings: &Settings) -> Option<bool> {
    let what = match &settings.docker.network {
        JobNetwork::Own => JobNetwork::OWN.to_owned(),
        JobNetwork::Each(range) => range.to_string(),
        JobNetwork::Named(_) => return None,
    };
    let read = Command::new("iptables").args(["-w", "2", "-S", "DOCKER-USER"]).output().await.ok()?;
    let rules = String::from_utf8_lossy(&read.stdout);
    read.status.success().then(|| rules.contains(&what))
}

impl WayOut {
    fn in_words(self) -> Advice {
        let others = self.other_jobs.then(|| {
            "other jobs, since the machine's firewall does not keep containers apart (an engine without iptables, or \
             net.bridge.bridge-nf-call-iptables = 0)"
                .to_owned()
        });
        let metadata = self.metadata.then(|| format!("{}, where clouds keep secrets", METADATA.ip()));
        let machine = self.machine.map(|address| format!("this machine at {address}"));
        let places = [others, metadata, machine].into_iter().flatten().collect::<Vec<_>>();
        let rule = match self.has_rule {
            Some(true) => "the chain DOCKER-USER has a rule for jobs",
            Some(false) => "the chain DOCKER-USER has no rule for jobs",
            None => "the chain DOCKER-USER was not read, which takes root and iptables",
        };
        let reached = match &places[..] {
            [] if self.tries_machine => {
                "a job's container does not get to 169.254.169.254 or this machine".to_owned()
            }
            [] => "a job's container does not get to 169.254.169.254".to_owned(),
            places => format!("a job's container gets to {}", places.join(", and to ")),
        };
        match places.is_empty() && self.has_rule != Some(false) {
            true => Advice::Well(format!("{reached}; {rule}")),
            false => Advice::Mind(format!("{reached}; {rule} (docs/security.md has rules that end it)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jobs_get_to_is_said_with_advice_only_where_there_is_something_to_do() {
        let well = WayOut { has_rule: Some(true), ..WayOut::default() };
        for found in [well, WayOut { has_rule: None, ..well }] {
            let Advice::Well(said) = found.in_words() else { panic!("{found:?}") };
            assert!(!said.contains("docs/security.md"), "{said}");
        }
        for (tries_machine, end) in [(true, "169.254.169.254 or this machine"), (false, "169.254.169.254")] {
            let Advice::Well(said) = (WayOut { tries_machine, ..well }).in_words() else {
                panic!("it is well")
            };
            assert!(said.starts_with(&format!("a job's container does not get to {end}; ")), "{said}");
        }
        let machine = Some("192.0.2.7".parse().unwrap());
        for (found, words) in [
            (
                WayOut { metadata: true, machine, ..well },
                "where clouds keep secrets, and to this machine at 192.0.2.7; ",
            ),
            (
                WayOut { other_jobs: true, ..well },
                "gets to other jobs, since the machine's firewall does not keep containers apart",
            ),
            (WayOut { has_rule: Some(false), ..well }, "DOCKER-USER has no rule for jobs (docs/security.md"),
        ] {
            let Advice::Mind(said) = found.in_words() else { panic!("{found:?}") };
            assert!(said.contains(words) && said.contains("docs/security.md"), "{said}");
        }
    }
}
