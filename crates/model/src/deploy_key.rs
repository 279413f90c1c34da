//! Deploy keys: by them a private repository is fetched, and nothing else.

use crate::ids::DeployKeyId;

/// A project's deploy key; its private part stays sealed in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployKey {
    /// The public part as in `authorized_keys`, without a comment: `ssh-ed25519 AAAA…`.
    pub public_key: String,
    /// Its number at the forge; none where it could not be registered yet.
    pub at_forge: Option<DeployKeyId>,
}

/// The kinds of keys that Kozmic makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Short and fast: what every current server takes.
    Ed25519,
    /// 4096 bits, for servers that refuse the other.
    Rsa,
}
