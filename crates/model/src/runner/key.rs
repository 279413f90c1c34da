//! The key of a claim: a runner that repeats a claim with the same key gets the same job.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The length of a key in bytes. As text, it has twice as many digits.
const BYTES: usize = 16;

/// A random key of a runner's claim, as 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimKey(String);

/// The text is not a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key of a claim has 32 hexadecimal digits in lower case")]
pub struct NotAKey;

impl ClaimKey {
    /// The key of these random bytes.
    pub fn of(random: [u8; BYTES]) -> Self {
        Self(hex::encode(random))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClaimKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match text.len() == 2 * BYTES && text.bytes().all(is_digit) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotAKey),
        }
    }
}

impl TryFrom<String> for ClaimKey {
    type Error = NotAKey;

    fn try_from(text: String) -> Result<Self, NotAKey> {
        text.parse()
    }
}

impl From<ClaimKey> for String {
    fn from(key: ClaimKey) -> Self {
        key.0
    }
}

impl fmt::Display for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_nothing_else_is_a_key() {
        let key = ClaimKey::of([0xa5; BYTES]);
        assert_eq!(key.as_str(), "a5".repeat(16));
        assert_eq!(key.as_str().parse(), Ok(key.clone()));
        assert_eq!(serde_json::from_str::<ClaimKey>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
        for bad in [String::new(), "a5".repeat(15), "A5".repeat(16), "a5".repeat(17), "ü".repeat(16)] {
            assert_eq!(bad.parse::<ClaimKey>(), Err(NotAKey), "{bad}");
        }
    }
}
