//! Addresses that mean the machine on which they are used.

use std::net::IpAddr;
use url::Url;

/// True if no other machine reaches this address. A name other than `localhost` is not looked up.
pub fn is_loopback(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_machine_itself_is_told_from_names_that_begin_alike() {
        let of = |address: &str| is_loopback(&address.parse().unwrap());
        for own in
            ["http://127.0.0.1:8080/", "http://localhost/", "https://[::1]:8080/", "tcp://127.9.9.9:2375"]
        {
            assert!(of(own), "{own}");
        }
        for other in ["http://128.0.0.1/", "http://127.example.com/", "http://localhost.example.com/"] {
            assert!(!of(other), "{other}");
        }
    }
}
