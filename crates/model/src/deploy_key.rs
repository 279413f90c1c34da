//! Deploy keys: such a key gives access to one private repository, for fetching only.

use crate::ids::DeployKeyId;

/// A project's deploy key. The store keeps the private part encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployKey {
    /// The public part as in `authorized_keys`, without a comment: `ssh-ed25519 AAAA…`.
    pub public_key: String,
    /// The forge's number of the key; none if it is not registered there yet.
    pub at_forge: Option<DeployKeyId>,
}

/// The kinds of keys that Kozmic makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A short and fast key, which every current server accepts.
    Ed25519,
    /// A key of 4096 bits, for servers that refuse Ed25519.
    Rsa,
}
