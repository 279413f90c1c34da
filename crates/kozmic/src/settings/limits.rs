//! Settings of limits for strangers, for all together and for each client.

use super::{SettingsFault, source::Source, values};
use kozmic_edges::engine::Subnet;
use kozmic_web::TrustedProxies;
use std::net::IpAddr;

/// Limits of connections, and of the memory for what they send.
#[derive(Clone)]
pub(crate) struct LimitSettings {
    /// `KOZMIC_TRUSTED_PROXIES`
    pub(crate) proxies: TrustedProxies,
    /// `KOZMIC_CONNECTIONS_LIMIT`
    pub(crate) connections: usize,
    /// `KOZMIC_CONNECTIONS_PER_CLIENT`
    pub(crate) of_one_client: usize,
    /// `KOZMIC_WEBHOOK_MEMORY`, in bytes.
    pub(crate) webhook_memory: usize,
}

pub(super) fn limits(source: &Source) -> Result<LimitSettings, SettingsFault> {
    Ok(LimitSettings {
        proxies: source.required("trusted_proxies", proxies)?,
        connections: source.required("connections_limit", connections)?,
        of_one_client: source.required("connections_per_client", connections)?,
        webhook_memory: source.required("webhook_memory", webhook_memory)?,
    })
}

fn proxies(text: &str) -> Result<TrustedProxies, &'static str> {
    const RIGHT: &str = "addresses and ranges of your own proxies, such as 127.0.0.0/8, ::1, 10.0.0.5, or none; in a wider \
                         range than a private network has, each client could pretend to have any address";
    if text.trim() == "none" {
        return Ok(TrustedProxies::default());
    }
    let ranges = values::list(text)?.iter().map(|item| range(item)).collect::<Option<Vec<_>>>();
    // The widest private ranges are 10.0.0.0/8 and fc00::/7.
    let is_narrow = |range: &Subnet| range.prefix() >= if range.is_ipv4() { 8 } else { 7 };
    let is_right = |ranges: &Vec<Subnet>| !ranges.is_empty() && ranges.iter().all(is_narrow);
    ranges.filter(is_right).map(TrustedProxies::new).ok_or(RIGHT)
}

fn range(text: &str) -> Option<Subnet> {
    let address = text.parse::<IpAddr>().ok();
    address.map(|address| Subnet::around(address, 128)).or_else(|| text.parse().ok())
}

fn connections(text: &str) -> Result<usize, &'static str> {
    const RIGHT: &str = "a number of connections from 10 to 1000000";
    text.parse().ok().filter(|count| (10..=1_000_000).contains(count)).ok_or(RIGHT)
}

fn webhook_memory(text: &str) -> Result<usize, &'static str> {
    const RIGHT: &str = "a number of bytes, with k, m or g behind it if you like, such as 128m; at least 32m";
    let bytes = values::reserve(text).ok().filter(|bytes| *bytes >= 32 << 20);
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or(RIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_addresses_and_ranges() {
        let ranges = ["127.0.0.0/8", "::1/128", "10.0.0.5/32"].map(|range| range.parse().unwrap());
        assert_eq!(proxies("127.0.0.0/8, ::1,10.0.0.5"), Ok(TrustedProxies::new(ranges.into())));
        assert_eq!(proxies("none"), Ok(TrustedProxies::default()));
        for wrong in [
            "",
            "proxy.internal",
            "10.0.0.0/33",
            "10.0.0.5 10.0.0.6",
            "0.0.0.0/0",
            "0.0.0.0/1, 128.0.0.0/1",
            "10.0.0.5, ::/0",
        ] {
            assert!(proxies(wrong).is_err(), "{wrong}");
        }
    }
}
