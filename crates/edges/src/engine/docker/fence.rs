//! Peers that are job containers, by their addresses: the server does not talk to them.

use super::{
    DockerEngine, EngineError,
    containers::{INSTANCE, JOB},
    network::{JobNetwork, configs},
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

/// Time for which the engine is not asked again which subnets its networks have.
const KEPT: Duration = Duration::from_secs(2);

/// Longest time that somebody waits for the engine before a request goes on.
const PATIENCE: Duration = Duration::from_secs(2);

/// Number of leading bits of the subnet that an attempt with a network of its own gets: five addresses for containers.
pub(super) const PART: u8 = 29;

/// The part of the engine's networks that counts.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Networks that have nothing but jobs.
    of_jobs: Vec<Place>,
    /// A network that the settings name, which may have others, too.
    shared: Vec<Place>,
    /// Addresses of jobs there that were seen.
    seen: HashSet<IpAddr>,
    /// Addresses there that were asked about and are no job's, such as a proxy's.
    others: HashSet<IpAddr>,
}

/// The addresses of a network. The gateway's is the machine's own.
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

/// The networks as they are known, and since when.
#[derive(Default)]
pub(super) struct Fence(Mutex<Option<(Instant, Known)>>);

impl DockerEngine {
    /// Whether a peer is a job's container. An engine that does not answer in time is believed as of its last answer.
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

    /// Has the engine asked anew when the next peer comes.
    pub(super) fn forget_networks(&self) {
        *self.fence.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The networks as the engine told them lately. While one caller asks, others take what was known before.
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

    /// Whether a job's container has this address now. The answer is kept in mind until the networks are looked at anew, so
    /// that nobody there keeps the engine busy with questions.
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

    /// The addresses of all jobs that run on the engine, of other installations, too.
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
