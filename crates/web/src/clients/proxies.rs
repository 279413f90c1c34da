//! The trusted proxies in front of this server. A proxy appends the address that its request came from to
//! `X-Forwarded-For`. Anybody else can write this header, too, and is not believed.

use super::Client;
use axum::http::HeaderMap;
use kozmic_edges::engine::Subnet;
use std::net::IpAddr;

/// The header to which proxies add addresses.
const FORWARDED_FOR: &str = "X-Forwarded-For";

/// The addresses of the installation's own proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Subnet>);

impl TrustedProxies {
    /// Proxies at any of these addresses.
    pub fn new(ranges: Vec<Subnet>) -> Self {
        Self(ranges)
    }

    /// True if this address is one of a proxy.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(address))
    }

    /// The client behind a peer: the last address that belongs to no trusted proxy. It is unknown if a proxy names
    /// none.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        if !self.contain(peer) {
            return Client::at(peer);
        }
        let told = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let told = told.collect::<Vec<_>>().join(",");
        for word in told.rsplit(',') {
            match address(word.trim()) {
                Some(address) if self.contain(address) => {}
                Some(address) => return Client::at(address),
                None => break,
            }
        }
        Client::UNKNOWN
    }
}

/// The address in an entry. Some proxies add the port, or write brackets around it.
fn address(word: &str) -> Option<IpAddr> {
    if let Ok(address) = word.parse() {
        return Some(address);
    }
    match word.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse().ok(),
        None => word.split_once(':')?.0.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> Client {
        let ranges = ["127.0.0.0/8", "::1/128", "10.1.0.0/16"].map(|range| range.parse().unwrap());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        TrustedProxies::new(ranges.into()).client(peer.parse().unwrap(), &headers)
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let stranger = Client::at("192.0.2.9".parse().unwrap());
        assert_eq!(client("192.0.2.9", &["203.0.113.7"]), stranger);
        assert_eq!(client("192.0.2.9", &[]), stranger);
    }

    #[test]
    fn the_last_address_that_is_no_proxy_of_ours_is_the_clients() {
        let told = Client::at("203.0.113.7".parse().unwrap());
        for forwarded in [
            &["203.0.113.7"][..],
            &["198.51.100.1, 203.0.113.7"],
            &["198.51.100.1", "203.0.113.7"],
            &["evil, 203.0.113.7, 10.1.2.3"],
            &["203.0.113.7, 10.1.2.3, 127.0.0.1"],
            &["203.0.113.7:50123"],
            &["::ffff:203.0.113.7"],
        ] {
            assert_eq!(client("127.0.0.1", forwarded), told, "{forwarded:?}");
        }
        assert_eq!(client("::1", &["[2001:db8::7]:443"]), Client::at("2001:db8::7".parse().unwrap()));
        assert_eq!(client("::ffff:127.0.0.1", &["203.0.113.7"]), told);
    }

    #[test]
    fn a_proxy_that_tells_nothing_of_use_leaves_its_clients_unknown() {
        for forwarded in [&[][..], &[""], &["unknown"], &["203.0.113.7, hidden"], &["10.1.0.1"]] {
            assert_eq!(client("127.0.0.1", forwarded), Client::UNKNOWN, "{forwarded:?}");
        }
    }
}
