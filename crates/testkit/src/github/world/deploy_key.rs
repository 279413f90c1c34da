//! A deploy key: an SSH key that opens one repository.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// The types of keys that GitHub knows.
const TYPES: [&str; 5] =
    ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
/// Bytes of an Ed25519 key on the wire: its type and its point, each after a length.
const ED25519_LENGTH: usize = 4 + 11 + 4 + 32;

/// A deploy key of a repository.
#[derive(Debug, Clone)]
pub struct DeployKey {
    /// GitHub's number for it.
    pub id: u64,
    /// Its name on GitHub's pages.
    pub title: String,
    /// Type and key, without the comment.
    pub key: String,
    /// True if it may only fetch.
    pub read_only: bool,
    /// Login of the person whose token added it.
    pub added_by: String,
    pub(in crate::github) created_at: String,
}

/// A type of key that is not taken: of one repository, or of all.
pub(in crate::github) struct RefusedType {
    pub(in crate::github) repository: Option<u64>,
    pub(in crate::github) key_type: String,
}

impl DeployKey {
    /// Its fingerprint, as `ssh-keygen -l` writes it: `SHA256:` and so on.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.key)
    }
}

impl RefusedType {
    /// True if this is about such a key of this repository.
    pub(in crate::github) fn is_about(&self, repository: u64, key: &str) -> bool {
        self.repository.is_none_or(|one| one == repository) && key.split(' ').next() == Some(&self.key_type)
    }
}

/// A public key without its comment; `None` if it is none.
pub(in crate::github) fn public_key(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (key_type, text) = (words.next()?, words.next()?);
    let bytes = STANDARD.decode(text).ok()?;
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let inner = rest.get(..u32::from_be_bytes(*length) as usize)?;
    let whole = key_type != "ssh-ed25519" || bytes.len() == ED25519_LENGTH;
    (TYPES.contains(&key_type) && inner == key_type.as_bytes() && whole).then(|| format!("{key_type} {text}"))
}

/// The fingerprint of a public key; of nothing if it is none.
pub(in crate::github) fn fingerprint(key: &str) -> String {
    let bytes = STANDARD.decode(key.split(' ').nth(1).unwrap_or_default()).unwrap_or_default();
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::{fingerprint, public_key};

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn githubs_own_key_has_its_published_fingerprint() {
        assert_eq!(public_key(&format!("{KEY} somebody@somewhere")).as_deref(), Some(KEY));
        assert_eq!(fingerprint(KEY), "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
    }

    #[test]
    fn what_is_cut_short_or_misnamed_is_no_key() {
        assert_eq!(public_key("ssh-ed25519"), None);
        assert_eq!(public_key(&KEY[..KEY.len() - 4]), None);
        assert_eq!(public_key(&KEY.replace("ssh-ed25519", "ssh-rsa")), None);
        assert_eq!(public_key("-----BEGIN OPENSSH PRIVATE KEY-----"), None);
    }
}
