//! Networks of job containers: the one that Kozmic makes for all of them, or the one from the settings.

use super::{DockerEngine, EngineError, UserNamespace};
use crate::engine::Subnet;
use bollard::{
    errors::Error,
    models::{IpamConfig, Network, NetworkCreateRequest, NetworkInspect},
};
use std::{collections::HashMap, sync::atomic::Ordering};

/// The option of a bridge that allows connections between its containers.
const REACH: &str = "com.docker.network.bridge.enable_icc";

/// The option that names a bridge's interface.
const INTERFACE: &str = "com.docker.network.bridge.name";

/// The prefix length of the subnet of an attempt's own network: five addresses for containers.
pub(super) const PART: u8 = 29;

/// The most networks that are counted: more than the number of jobs at once.
const MOST_PARTS: usize = 10_000;

/// The network of job containers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum JobNetwork {
    /// One that Kozmic makes for all jobs, in which jobs cannot connect to one another.
    #[default]
    Own,
    /// One for each attempt, with a small part of this range.
    Each(Subnet),
    /// An existing one, unchanged.
    Named(String),
}

impl JobNetwork {
    /// The name of the network that Kozmic makes, and of its interface on the engine's machine. Firewall rules can name
    /// it.
    pub const OWN: &str = "kozmic-jobs";

    /// The number of networks of single attempts that fit into a range.
    pub fn room(range: Subnet) -> usize {
        range.parts(PART).take(MOST_PARTS).count()
    }
}

/// The address ranges of a network.
pub(super) fn configs(network: &Network) -> impl Iterator<Item = &IpamConfig> {
    network.ipam.as_ref().and_then(|ipam| ipam.config.as_ref()).into_iter().flatten()
}

impl DockerEngine {
    /// Prepares the engine for jobs, unless that was done.
    pub(super) async fn be_ready(&self) -> Result<(), EngineError> {
        match self.is_ready.load(Ordering::Relaxed) {
            true => Ok(()),
            false => self.make_ready().await,
        }
    }

    /// Prepares the engine for jobs. The network is checked each time, because somebody may have replaced it by another
    /// one with its name. If two callers do this at once, one finds the other's network.
    pub(super) async fn make_ready(&self) -> Result<(), EngineError> {
        let was_ready = self.is_ready.swap(false, Ordering::Relaxed);
        let has_own_walls =
            self.settings.runtime.is_some() || self.settings.user_namespace == UserNamespace::Remapped;
        if has_own_walls && !was_ready {
            self.walls().await?;
        }
        if self.settings.network == JobNetwork::Own {
            self.make_own_network().await?;
        }
        self.is_ready.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// True if the network exists. Another network with its name is an error.
    pub(super) async fn own_network_fits(&self) -> Result<bool, EngineError> {
        match self.network(self.own_network).await? {
            Some(network) => fit(&network, self.own_network).map(|()| true),
            None => Ok(false),
        }
    }

    /// Makes the network if it does not exist. Another Kozmic on this engine may do the same at once: the engine gives
    /// the interface's name only once.
    async fn make_own_network(&self) -> Result<(), EngineError> {
        if self.own_network_fits().await? {
            return Ok(());
        }
        match self.docker()?.create_network(own_network(self.own_network)).await {
            Ok(_) => {
                tracing::info!(network = self.own_network, "the network of jobs is made");
                self.forget_networks();
                Ok(())
            }
            Err(fault) => match self.network(self.own_network).await? {
                Some(network) => fit(&network, self.own_network),
                None => Err(self.not_made(fault)),
            },
        }
    }

    fn not_made(&self, fault: Error) -> EngineError {
        match self.fault(fault) {
            EngineError::Refused { message, .. } => EngineError::Unfit {
                why: format!(
                    "cannot make the network {}, on which jobs do not reach one another: {message}. Once it can, jobs \
                     start; or set docker_network to the name of a network that is there, such as bridge",
                    self.own_network
                ),
            },
            fault => fault,
        }
    }

    /// The network with that name.
    pub(super) async fn network(&self, name: &str) -> Result<Option<NetworkInspect>, EngineError> {
        match self.docker()?.inspect_network(name, None).await {
            Ok(network) => Ok(Some(network)),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    /// True if a call failed because a network is gone, because somebody removed unused networks. Kozmic makes its own
    /// networks again.
    pub(super) fn lacks_network(&self, fault: &Error) -> bool {
        let Error::DockerResponseServerError { status_code: 404, message } = fault else { return false };
        let is_lacking = message.contains("network ") && message.contains("not found");
        is_lacking && !matches!(self.settings.network, JobNetwork::Named(_))
    }
}

fn own_network(name: &str) -> NetworkCreateRequest {
    let options = [(REACH, "false"), (INTERFACE, name)];
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        options: Some(options.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
        labels: Some(HashMap::from([("kozmic.network".to_owned(), "jobs".to_owned())])),
        ..NetworkCreateRequest::default()
    }
}

/// Checks that a network with the name keeps containers apart.
fn fit(network: &NetworkInspect, name: &str) -> Result<(), EngineError> {
    let option = network.options.as_ref().and_then(|options| options.get(REACH));
    let keeps_apart = option.is_some_and(|value| value.eq_ignore_ascii_case("false") || value == "0");
    if network.driver.as_deref() == Some("bridge") && keeps_apart {
        return Ok(());
    }
    let why = format!(
        "has a network {name} on which containers reach one another: remove it (docker network rm {name}), and Kozmic makes \
         it anew; or set docker_network to its name, if it is to be used as it is"
    );
    Err(EngineError::Unfit { why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(driver: &str, reach: Option<&str>) -> NetworkInspect {
        let options = reach.map(|value| HashMap::from([(REACH.to_owned(), value.to_owned())]));
        NetworkInspect { driver: Some(driver.to_owned()), options, ..NetworkInspect::default() }
    }

    #[test]
    fn a_network_of_that_name_is_used_only_if_it_keeps_jobs_apart() {
        assert!(
            ["false", "False", "0"]
                .iter()
                .all(|value| fit(&network("bridge", Some(value)), JobNetwork::OWN).is_ok())
        );
        for other in [
            network("bridge", Some("true")),
            network("bridge", None),
            network("overlay", Some("false")),
            NetworkInspect::default(),
        ] {
            let why = fit(&other, JobNetwork::OWN).unwrap_err().to_string();
            assert!(why.contains("docker network rm kozmic-jobs") && why.contains("docker_network"), "{why}");
        }
    }
}
