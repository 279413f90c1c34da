//! Networks of single attempts: each has a small subnet, because the engine's own pools end at about thirty networks.

use super::{
    DockerEngine, EngineError,
    containers::{INSTANCE, attempt_of, marks},
    network::{JobNetwork, PART, configs},
};
use crate::engine::Subnet;
use bollard::{
    errors::Error,
    models::{Ipam, IpamConfig, Network, NetworkCreateRequest},
    query_parameters::ListNetworksOptionsBuilder,
};
use kozmic_model::job::Attempt;
use std::collections::HashMap;

/// The number of subnets that are tried, in case others take them at the same time.
const TRIES: usize = 32;

impl DockerEngine {
    /// The name of an attempt's network. The network is made if it does not exist.
    pub(super) async fn network_apart(
        &self,
        instance: &str,
        attempt: Attempt,
        range: Subnet,
    ) -> Result<String, EngineError> {
        let name = format!("{}-{instance}-{}-{}", JobNetwork::OWN, attempt.job, attempt.number);
        let all = self.networks_with(Vec::new()).await?;
        if all.iter().any(|network| network.name.as_deref() == Some(name.as_str())) {
            return Ok(name);
        }
        let taken = all.iter().flat_map(subnets).collect::<Vec<_>>();
        let free = range.parts(PART).filter(|part| !taken.iter().any(|taken| taken.overlaps(part)));
        for subnet in free.take(TRIES) {
            match self.docker()?.create_network(apart(&name, instance, attempt, subnet)).await {
                Ok(_) => return Ok(name),
                Err(Error::DockerResponseServerError { message, .. }) if message.contains("overlap") => {}
                Err(fault) => return Err(self.fault(fault)),
            }
        }
        let why = format!("has no subnet left for a job's network: docker_job_subnets, {range}, is used up");
        Err(EngineError::Unfit { why })
    }

    /// The attempts of an installation that have a network of their own.
    pub(super) async fn attempts_apart(&self, instance: &str) -> Result<Vec<Attempt>, EngineError> {
        let networks = self.networks_with(vec![format!("{INSTANCE}={instance}")]).await?;
        Ok(networks.iter().filter_map(|network| attempt_of(network.labels.as_ref()?)).collect())
    }

    /// Removes an attempt's networks. There may be two after a lost answer.
    pub(super) async fn remove_apart(&self, instance: &str, attempt: Attempt) -> Result<(), EngineError> {
        let labels = marks(instance, attempt).into_iter().map(|(name, value)| format!("{name}={value}"));
        for network in self.networks_with(labels.collect()).await? {
            let id = network.id.unwrap_or_default();
            match self.docker()?.remove_network(&id).await {
                Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
                removed => removed.map_err(|fault| self.fault(fault))?,
            }
        }
        Ok(())
    }

    /// The engine's networks with all these labels.
    async fn networks_with(&self, labels: Vec<String>) -> Result<Vec<Network>, EngineError> {
        let filters = HashMap::from([("label".to_owned(), labels)]);
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        self.docker()?.list_networks(Some(options)).await.map_err(|fault| self.fault(fault))
    }
}

fn apart(name: &str, instance: &str, attempt: Attempt, subnet: Subnet) -> NetworkCreateRequest {
    let config = IpamConfig { subnet: Some(subnet.to_string()), ..IpamConfig::default() };
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        ipam: Some(Ipam { config: Some(vec![config]), ..Ipam::default() }),
        labels: Some(marks(instance, attempt)),
        ..NetworkCreateRequest::default()
    }
}

fn subnets(network: &Network) -> Vec<Subnet> {
    configs(network).filter_map(|config| config.subnet.as_ref()?.parse().ok()).collect()
}
