//! Registries to which the engine may connect. The registry in an image name leads the engine to any address that it
//! can reach, and the author of the name can read the answer. So registries at private addresses must be allowed in the
//! settings.

use anyhow::{Result, bail};
use kozmic_model::{
    address::is_public,
    registry::{DEFAULT_REGISTRY, host_of},
};
use std::{collections::BTreeSet, time::Duration};
use tokio::{net::lookup_host, time::timeout};

/// The longest wait for the addresses of a registry.
const PATIENCE: Duration = Duration::from_secs(10);

/// The port of a registry whose name has no port.
const PORT: u16 = 443;

/// The word for all registries.
const ALL: &str = "*";

/// Registries at private addresses from which images may come.
#[derive(Clone, Debug, Default)]
pub struct PrivateRegistries(BTreeSet<String>);

impl PrivateRegistries {
    /// The registries with these names, as in image names; `*` means all.
    pub fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| host_of(name)).collect())
    }

    /// Refuses a registry with a private address that is not one of these. A name without an address is left to the
    /// engine, which may have another way to reach it.
    pub(crate) async fn admit(&self, registry: &str) -> Result<()> {
        let host = host_of(registry);
        if host == DEFAULT_REGISTRY || self.0.contains(&host) || self.0.contains(ALL) {
            return Ok(());
        }
        let address = if host.contains(':') { host.clone() } else { format!("{host}:{PORT}") };
        let Ok(found) = timeout(PATIENCE, lookup_host(address)).await else {
            bail!("the addresses of {host} could not be looked up within {} s", PATIENCE.as_secs());
        };
        if found.into_iter().flatten().any(|address| !is_public(address.ip())) {
            bail!("{host} is in the server's own network, and docker_private_registries does not name it");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_registry_of_ones_own_network_is_refused_however_it_is_written() {
        let none = PrivateRegistries::default();
        for registry in [
            "127.0.0.1:5000",
            "localhost:5000",
            "localhost",
            "LOCALHOST:5000",
            "169.254.169.254",
            "10.0.0.1:80",
            "127.1:22",
            "2130706433:22",
            "0.0.0.0:1",
        ] {
            let fault = none.admit(registry).await.unwrap_err().to_string();
            assert!(fault.ends_with("docker_private_registries does not name it"), "{registry}: {fault}");
        }
        none.admit("docker.io").await.unwrap();
        none.admit("1.1.1.1:443").await.unwrap();
        none.admit("no-such-registry.invalid:5000").await.unwrap();
    }

    #[tokio::test]
    async fn one_that_the_setting_names_is_not() {
        let named = PrivateRegistries::new(&["LocalHost:5000".to_owned(), "10.0.0.1".to_owned()]);
        named.admit("localhost:5000").await.unwrap();
        named.admit("10.0.0.1").await.unwrap();
        for other in ["localhost:5001", "10.0.0.1:5000", "10.0.0.2"] {
            assert!(named.admit(other).await.is_err(), "{other}");
        }
        PrivateRegistries::new(&["*".to_owned()]).admit("127.0.0.1:9").await.unwrap();
    }
}
