//! The clients of this server: their addresses, also behind a proxy, and how much each may have open at once.

mod crowd;
mod proxies;

pub use crowd::Crowd;
pub use proxies::TrustedProxies;

pub(crate) use crowd::{OpenRequest, admit};

use std::net::{IpAddr, Ipv6Addr};

/// A client, as limits count it: its IPv4 address or its IPv6 network. It has no address if its proxy does not name
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client(Option<IpAddr>);

impl Client {
    /// A client whose address is unknown.
    pub(crate) const UNKNOWN: Self = Self(None);

    /// The client at an address.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            // A machine can use as many addresses of its network as it wants.
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address => address,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_or_a_network_of_one() {
        let at = |text: &str| Client::at(text.parse().unwrap());
        assert_eq!(at("::ffff:192.0.2.7"), at("192.0.2.7"));
        assert_ne!(at("192.0.2.7"), at("192.0.2.8"));
        assert_eq!(at("2001:db8:1:2:3:4:5:6"), at("2001:db8:1:2::1"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
    }
}
