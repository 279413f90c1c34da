//! Randomness for what nobody may guess: tokens, codes, delivery ids.

/// That number of random bytes, in hexadecimal.
pub(super) fn hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).expect("the system gives randomness");
    hex::encode(buffer)
}

/// A random UUID (version 4), as GitHub names its deliveries.
pub(super) fn uuid() -> String {
    let mut digits = hex(16);
    digits.replace_range(12..13, "4");
    digits.replace_range(16..17, "a");
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_uuid_has_its_version_and_shape() {
        let uuid = super::uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert_ne!(uuid, super::uuid());
    }
}
