//! Subnets: the address ranges of container networks.

use std::{fmt, net::IpAddr, str::FromStr};

/// A range of addresses, such as `10.213.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    first: IpAddr,
    prefix: u8,
}

impl Subnet {
    /// True if the address is in the subnet.
    pub fn contains(&self, address: IpAddr) -> bool {
        let is_of_kind = address.is_ipv4() == self.first.is_ipv4();
        is_of_kind && head(address, self.prefix) == head(self.first, self.prefix)
    }

    /// True if the two have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        match self.prefix <= other.prefix {
            true => self.contains(other.first),
            false => other.contains(self.first),
        }
    }

    /// The equal parts with such a prefix, in order; none if they would be larger than the subnet.
    pub fn parts(self, prefix: u8) -> impl Iterator<Item = Self> {
        let step = 1_u128.checked_shl(u32::from(width(self.first).saturating_sub(prefix))).unwrap_or(0);
        let count = match prefix.checked_sub(self.prefix) {
            Some(bits) if prefix <= width(self.first) => 1_u128.checked_shl(bits.into()).unwrap_or(u128::MAX),
            _ => 0,
        };
        (0..count)
            .map(move |number| Self { first: address(self.first, bits(self.first) + number * step), prefix })
    }

    /// The range with such a prefix around an address.
    pub fn around(member: IpAddr, prefix: u8) -> Self {
        let prefix = prefix.min(width(member));
        let kept = head(member, prefix).checked_shl(u32::from(width(member) - prefix)).unwrap_or(0);
        Self { first: address(member, kept), prefix }
    }

    /// The first usable address, which a network's gateway gets.
    pub fn gateway(&self) -> IpAddr {
        address(self.first, bits(self.first).saturating_add(1))
    }

    /// The number of leading bits that all its addresses share.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// True if its addresses have four bytes.
    pub fn is_ipv4(&self) -> bool {
        self.first.is_ipv4()
    }
}

impl FromStr for Subnet {
    type Err = NotASubnet;
    fn from_str(text: &str) -> Result<Self, NotASubnet> {
        let wrong = || NotASubnet(text.to_owned());
        let (first, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let first = first.parse::<IpAddr>().map_err(|_| wrong())?;
        let prefix = prefix.parse().ok().filter(|prefix| *prefix <= width(first)).ok_or_else(wrong)?;
        Ok(Self::around(first, prefix))
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// The text is not a subnet.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no subnet")]
pub struct NotASubnet(String);

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The leading bits.
fn head(address: IpAddr, prefix: u8) -> u128 {
    bits(address).checked_shr(u32::from(width(address) - prefix)).unwrap_or(0)
}

/// The address of the same kind with these bits.
fn address(kind: IpAddr, bits: u128) -> IpAddr {
    match kind {
        IpAddr::V4(_) => IpAddr::V4(u32::try_from(bits).unwrap_or(u32::MAX).into()),
        IpAddr::V6(_) => IpAddr::V6(bits.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_in_the_range_or_not() {
        for (range, inside, outside) in [
            ("172.18.0.0/16", ["172.18.0.0", "172.18.255.255"], ["172.17.255.255", "172.19.0.0"]),
            ("172.18.7.9/16", ["172.18.0.1", "172.18.7.9"], ["10.0.0.1", "::ffff:172.18.0.1"]),
            ("fd00:1::/64", ["fd00:1::1", "fd00:1::ffff:0:0:1"], ["fd00:2::1", "1.2.3.4"]),
            ("0.0.0.0/0", ["1.2.3.4", "255.255.255.255"], ["::", "::1"]),
        ] {
            let range = subnet(range);
            assert!(inside.iter().all(|address| range.contains(address.parse().unwrap())), "{range}");
            assert!(!outside.iter().any(|address| range.contains(address.parse().unwrap())), "{range}");
        }
        assert!(subnet("::/0").contains("::1".parse().unwrap()));
    }

    #[test]
    fn two_overlap_whichever_is_the_larger() {
        let (large, small) = (subnet("10.213.0.0/16"), subnet("10.213.4.8/29"));
        assert!(large.overlaps(&small) && small.overlaps(&large) && large.overlaps(&large));
        let other = subnet("10.214.0.0/29");
        assert!(!large.overlaps(&other) && !other.overlaps(&large) && !large.overlaps(&subnet("fd00::/8")));
    }

    #[test]
    fn parts_fill_the_range() {
        let parts = subnet("10.0.0.16/28").parts(29).collect::<Vec<_>>();
        assert_eq!(parts, [subnet("10.0.0.16/29"), subnet("10.0.0.24/29")]);
        assert_eq!(parts[1].gateway().to_string(), "10.0.0.25");
        assert_eq!(subnet("10.0.0.0/16").parts(29).count(), 8192);
        assert_eq!(subnet("0.0.0.0/0").parts(32).nth(5), Some(subnet("0.0.0.5/32")));
        assert_eq!((subnet("10.0.0.0/30").parts(29).count(), subnet("10.0.0.0/8").parts(40).count()), (0, 0));
    }

    #[test]
    fn other_texts_are_none() {
        for text in
            ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "/8", "fd00::/129", "host/8", "10.0.0.0/8/8", ""]
        {
            assert!(text.parse::<Subnet>().is_err(), "{text}");
        }
        assert_eq!(subnet("10.1.2.3/8").to_string(), "10.0.0.0/8");
    }
}
