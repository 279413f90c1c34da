//! Looks of `kozmic check` at the isolation of jobs: that of the engine, and the recommended firewall.

use crate::commands::{finding::Finding, looks};
use crate::settings::Settings;
use kozmic_edges::engine::docker::{DockerEngine, JobNetwork, Reach};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::{
    net::{TcpListener, UdpSocket},
    process::Command,
};

/// The address at which clouds give a machine its secrets.
const METADATA: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 80);

/// The finding if jobs use the machine's own network.
const HOST: &str = "jobs share the machine's network, and get to all that it gets to: where clouds keep secrets, its own \
                    ports, its neighbours (docker_network = \"host\")";

/// The places that a job's container reaches, and the rules against that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct WayOut {
    metadata: bool,
    /// True if the engine's machine was tried. It is not tried if it is another machine than this server's.
    tries_machine: bool,
    /// That machine's address, if jobs reach it.
    machine: Option<IpAddr>,
    /// True if jobs reach one another on the network that should keep them apart.
    other_jobs: bool,
    rule: Rule,
}

/// State of the firewall's chain `DOCKER-USER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rule {
    /// The chain names the network of jobs.
    There,
    /// The chain does not name it.
    Absent,
    /// Only root may read the chain.
    #[default]
    NotRead,
    /// The interface of the jobs' network is not known.
    NotKnown,
}

/// The places to try from a job's container. A port of this machine stays open until they are dropped.
pub(super) struct Places {
    listener: Option<TcpListener>,
    pub(super) targets: Vec<SocketAddr>,
    is_here: bool,
}

impl Places {
    /// The places for an engine. It may be on another machine, whose addresses are not known here.
    pub(super) async fn of(engine: &DockerEngine) -> Self {
        let is_here = engine.is_here() && !looks::is_in_container();
        let listener = if is_here { listener().await } else { None };
        let machine = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        Self { listener, targets: [Some(METADATA), machine].into_iter().flatten().collect(), is_here }
    }

    /// Judges the places that a job's container reached.
    pub(super) async fn judge(&self, settings: &Settings, reach: &Reach) -> Finding {
        if settings.docker.network == JobNetwork::Named("host".to_owned()) {
            return Finding::Mind(HOST.to_owned());
        }
        let machine = self.listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let is_machine = |target: &&SocketAddr| Some(**target) == machine;
        let found = WayOut {
            metadata: reach.addresses.contains(&METADATA),
            tries_machine: machine.is_some(),
            machine: reach.addresses.iter().find(is_machine).map(SocketAddr::ip),
            other_jobs: settings.docker.network == JobNetwork::Own && reach.other_jobs == Some(true),
            rule: if self.is_here { rule(settings).await } else { Rule::NotRead },
        };
        found.in_words()
    }
}

/// A port on this machine's address towards the outside, for the time of the look. No packet is sent to find that
/// address.
async fn listener() -> Option<TcpListener> {
    let socket = UdpSocket::bind("0.0.0.0:0").await.ok()?;
    socket.connect("192.0.2.1:9").await.ok()?;
    let own = socket.local_addr().ok()?.ip();
    TcpListener::bind((own, 0)).await.ok().filter(|_| !own.is_loopback())
}

/// Reads if the chain for rules about containers names the network of jobs.
async fn rule(settings: &Settings) -> Rule {
    let what = match &settings.docker.network {
        JobNetwork::Own => JobNetwork::OWN.to_owned(),
        JobNetwork::Each(range) => range.to_string(),
        JobNetwork::Named(name) if name == JobNetwork::OWN => name.clone(),
        JobNetwork::Named(_) => return Rule::NotKnown,
    };
    match Command::new("iptables").args(["-w", "2", "-S", "DOCKER-USER"]).output().await {
        Ok(read) if read.status.success() => match String::from_utf8_lossy(&read.stdout).contains(&what) {
            true => Rule::There,
            false => Rule::Absent,
        },
        _ => Rule::NotRead,
    }
}

impl WayOut {
    fn in_words(self) -> Finding {
        let others = self.other_jobs.then(|| {
            "other jobs, since the machine's firewall does not keep containers apart (an engine without iptables, or \
             net.bridge.bridge-nf-call-iptables = 0)"
                .to_owned()
        });
        let metadata = self.metadata.then(|| format!("{}, where clouds keep secrets", METADATA.ip()));
        let machine = self.machine.map(|address| format!("this machine at {address}"));
        let places = [others, metadata, machine].into_iter().flatten().collect::<Vec<_>>();
        let rule = match self.rule {
            Rule::There => "the chain DOCKER-USER has a rule for jobs",
            Rule::Absent => "the chain DOCKER-USER has no rule for jobs",
            Rule::NotRead => "the chain DOCKER-USER was not read, which takes root and iptables",
            Rule::NotKnown => "the chain DOCKER-USER was not read, since the network is not Kozmic's own",
        };
        let reached = match &places[..] {
            [] if self.tries_machine => {
                "a job's container does not get to 169.254.169.254 or this machine".to_owned()
            }
            [] => "a job's container does not get to 169.254.169.254; the engine's machine was not tried from here"
                .to_owned(),
            places => format!("a job's container gets to {}", places.join(", and to ")),
        };
        let is_open = self.metadata || self.machine.is_some() || self.rule == Rule::Absent;
        match (is_open, self.other_jobs) {
            (true, _) => Finding::Mind(format!("{reached}; {rule} (docs/security.md has rules that end it)")),
            (false, true) => Finding::Mind(format!("{reached}; {rule}")),
            (false, false) => Finding::Well(format!("{reached}; {rule}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jobs_get_to_is_said_with_advice_only_where_there_is_something_to_do() {
        let well = WayOut { rule: Rule::There, ..WayOut::default() };
        for found in [well, WayOut { rule: Rule::NotRead, ..well }, WayOut { rule: Rule::NotKnown, ..well }] {
            let Finding::Well(said) = found.in_words() else { panic!("{found:?}") };
            assert!(!said.contains("docs/security.md"), "{said}");
        }
        for (tries_machine, end) in [
            (true, "169.254.169.254 or this machine"),
            (false, "169.254.169.254; the engine's machine was not tried from here"),
        ] {
            let Finding::Well(said) = (WayOut { tries_machine, ..well }).in_words() else {
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
            (WayOut { rule: Rule::Absent, ..well }, "DOCKER-USER has no rule for jobs (docs/security.md"),
        ] {
            let Finding::Mind(said) = found.in_words() else { panic!("{found:?}") };
            assert!(said.contains(words) && said.contains("docs/security.md"), "{said}");
        }
        let Finding::Mind(said) = (WayOut { other_jobs: true, ..well }).in_words() else {
            panic!("it is open")
        };
        let words = "gets to other jobs, since the machine's firewall does not keep containers apart";
        assert!(said.contains(words) && !said.contains("docs/security.md"), "rules do not end that: {said}");
    }
}
