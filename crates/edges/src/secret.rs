//! Random secrets and their fingerprints.

use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// 256 random bits as hexadecimal digits.
///
/// # Panics
/// Without randomness from the operating system, nothing can be kept secret.
pub fn random() -> SecretString {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    hex::encode(bytes).into()
}

/// SHA-256 of a secret, as hexadecimal digits. It is stored instead of the secret if only comparing is needed.
pub fn fingerprint(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}
