//! Finds peers that are job containers, by their addresses: the server does not talk to them.

use super::{
    DockerEngine, EngineError,
    containers::{INSTANCE, JOB},
    network::{JobNetwork, PART, configs},
};
use crate::engine::Subnet;
use bollard::{
    models::{EndpointSettings, Network},
    query_parameters::{ListContainersOptionsBuilder, ListNetworksOptions},
};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// The time for which the known subnets of the engine's networks are used without asking again.
const KEPT: Duration = Duration::from_secs(2);

/// The longest time for which a request waits for the engine.
const PATIENCE: Duration = Duration::from_secs(2);

/// The relevant part of the engine's networks.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Networks with nothing but jobs.
    of_jobs: Vec<Place>,
    /// A network from the settings, in which there may be other containers too.
    shared: Vec<Place>,
    /// Addresses in the shared network that were seen at jobs.
    seen: HashSet<IpAddr>,
    /// Addresses in the shared network that were checked and are not a job's, such as a proxy's.
    others: HashSet<IpAddr>,
}

/// The addresses of a network. The gateway's address is the machine's own.
#[derive(Clone, Debug)]
struct Place {
    subnet: Subnet,
    gateway: Option<IpAddr>,
}

impl Place {
    fn has(&self, peer: IpAddr) -> bool {
        self.subnet.contains(peer) && self.gateway != Some(peer)
    }
}

/// The known networks, with the time of the last question.
#[derive(Default)]
pub(super) struct Fence(Mutex<Option<(Instant, Known)>>);

impl DockerEngine {
    /// True if a peer is a job's container. If the engine does not answer in time, its last answer is used.
    pub(super) async fn is_jobs_address(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        if peer.is_loopback() || !self.is_here() {
            return false;
        }
        if let JobNetwork::Each(range) = self.settings.network
            && range.contains(peer)
        {
            return Subnet::around(peer, PART).gateway() != peer;
        }
        let known = self.known().await;
        let is_in = |places: &[Place]| places.iter().any(|place| place.has(peer));
        if is_in(&known.of_jobs) || known.seen.contains(&peer) {
            return true;
        }
        is_in(&known.shared) && !known.others.contains(&peer) && self.has_job_at(peer).await
    }

    /// Makes the next check ask the engine again.
    pub(super) fn forget_networks(&self) {
        *self.fence.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The networks from the engine's last answer. While one caller asks, others use the earlier answer.
    async fn known(&self) -> Known {
        let known = {
            let mut slot = self.fence.0.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *slot {
                Some((asked, known)) if asked.elapsed() < KEPT => return known.clone(),
                Some((asked, known)) => {
                    *asked = Instant::now();
                    known.clone()
                }
                None => Known::default(),
            }
        };
        let told = timeout(PATIENCE, self.look_at_networks()).await;
        let known = told.ok().and_then(Result::ok).unwrap_or(known);
        *self.fence.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), known.clone()));
        known
    }

    async fn look_at_networks(&self) -> Result<Known, EngineError> {
        let all = self.docker()?.list_networks(None::<ListNetworksOptions>).await;
        let all = all.map_err(|fault| self.fault(fault))?;
        let named = match &self.settings.network {
            JobNetwork::Named(name) => Some(if name == "default" { "bridge" } else { name }),
            JobNetwork::Own | JobNetwork::Each(_) => None,
        };
        let is_of_jobs = |network: &Network| {
            let labels = network.labels.as_ref();
            network.name.as_deref() == Some(self.own_network)
                || labels.is_some_and(|labels| labels.contains_key(INSTANCE))
        };
        let is_shared = |network: &Network| {
            let names = [network.name.as_deref(), network.id.as_deref()];
            named.is_some_and(|named| names.contains(&Some(named)))
        };
        let places =
            |is_it: &dyn Fn(&Network) -> bool| all.iter().filter(|one| is_it(one)).flat_map(places).collect();
        Ok(Known {
            of_jobs: places(&|network| is_of_jobs(network) && !is_shared(network)),
            shared: places(&is_shared),
            seen: HashSet::new(),
            others: HashSet::new(),
        })
    }

    /// True if a job's container has this address now. The answer is stored until the networks are read again, so that
    /// a peer cannot keep the engine busy with questions.
    async fn has_job_at(&self, peer: IpAddr) -> bool {
        let Ok(Ok(addresses)) = timeout(PATIENCE, self.addresses_of_jobs()).await else { return false };
        let is_job = addresses.contains(&peer);
        let mut slot = self.fence.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = &mut *slot {
            known.seen = addresses;
            if !is_job {
                known.others.insert(peer);
            }
        }
        is_job
    }

    /// The addresses of all running jobs on the engine, also of other installations.
    async fn addresses_of_jobs(&self) -> Result<HashSet<IpAddr>, EngineError> {
        let filters = HashMap::from([("label".to_owned(), vec![JOB.to_owned()])]);
        let options = ListContainersOptionsBuilder::default().filters(&filters).build();
        let all = self.docker()?.list_containers(Some(options)).await.map_err(|fault| self.fault(fault))?;
        let networks = all.into_iter().filter_map(|found| found.network_settings?.networks);
        Ok(networks.flat_map(HashMap::into_values).flat_map(addresses).collect())
    }
}

fn addresses(endpoint: EndpointSettings) -> impl Iterator<Item = IpAddr> {
    let both = [endpoint.ip_address, endpoint.global_ipv6_address];
    both.into_iter().filter_map(|address| address?.parse().ok())
}

fn places(network: &Network) -> Vec<Place> {
    let place = |config: &bollard::models::IpamConfig| {
        let gateway = config.gateway.as_ref().and_then(|text| text.split('/').next()?.parse().ok());
        Some(Place { subnet: config.subnet.as_ref()?.parse().ok()?, gateway })
    };
    configs(network).filter_map(place).collect()
}
