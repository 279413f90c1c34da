//! Distances of hosts by their addresses. A forge elsewhere cannot call an address of this machine or of a private
//! network.

use std::{net::IpAddr, time::Duration};
use tokio::{net::lookup_host, time::timeout};
use url::{Host, Url};

/// Longest wait for the lookup of a name.
const PATIENCE: Duration = Duration::from_secs(10);

/// True if an address leads to this machine alone.
pub(crate) async fn is_this_machine(url: &Url) -> bool {
    nearness(url).await == Near::Machine
}

/// Distance of a host, as far as its address shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Near {
    /// This machine alone.
    Machine,
    /// A private network.
    Network,
    /// Any other place, or unknown.
    Far,
}

/// The distance of an address's host. If its name has several addresses, the farthest one counts.
pub(crate) async fn nearness(url: &Url) -> Near {
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses = match url.host() {
        Some(Host::Ipv4(address)) => vec![IpAddr::from(address)],
        Some(Host::Ipv6(address)) => vec![IpAddr::from(address)],
        Some(Host::Domain(name)) => match timeout(PATIENCE, lookup_host((name, port))).await {
            Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
            _ => return Near::Far,
        },
        None => return Near::Far,
    };
    if addresses.iter().all(|address| address.is_loopback() || address.is_unspecified()) {
        Near::Machine
    } else if addresses.iter().all(is_private) {
        Near::Network
    } else {
        Near::Far
    }
}

/// True if an address belongs to this machine or a private network (RFC 1918, RFC 4193, link-local, RFC 6598).
fn is_private(address: &IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => {
            let [first, second, ..] = four.octets();
            let is_of_carrier = first == 100 && (64..128).contains(&second);
            four.is_loopback() || four.is_private() || four.is_link_local() || is_of_carrier
        }
        IpAddr::V6(six) => six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_is_as_far_as_its_address() {
        let near = async |url: &str| nearness(&url.parse().unwrap()).await;
        for own in ["http://127.0.0.1:8080", "http://[::1]", "http://0.0.0.0:80"] {
            assert_eq!(near(own).await, Near::Machine, "{own}");
        }
        for inside in [
            "http://10.1.2.3",
            "http://192.168.1.5",
            "http://[fd00::1]",
            "http://100.64.0.1",
            "http://169.254.1.1",
        ] {
            assert_eq!(near(inside).await, Near::Network, "{inside}");
        }
        for far in [
            "https://192.0.2.1",
            "http://[2001:db8::1]",
            "https://no-such-host.invalid",
            "http://100.128.0.1",
        ] {
            assert_eq!(near(far).await, Near::Far, "{far}");
        }
    }
}
