//! Seals tokens and secrets at rest: XChaCha20-Poly1305 under a key drawn from the installation's secret key.

use anyhow::{Context, Result, anyhow, ensure};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

const NONCE_LENGTH: usize = 24;

/// The first byte of each sealed secret, so that a later format can be told apart.
const VERSION: u8 = 1;

/// Seals and opens secrets.
pub(in crate::store) struct Vault {
    cipher: XChaCha20Poly1305,
}

impl Vault {
    pub(in crate::store) fn new(secret_key: &SecretString) -> Self {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, secret_key.expose_secret().as_bytes())
            .expand(b"kozmic seal v1", &mut key)
            .expect("32 bytes are a valid length for HKDF-SHA-256");
        Self { cipher: XChaCha20Poly1305::new(&key.into()) }
    }

    /// Seals a secret. `place` names the place where it is kept (`user.token`); it opens only for the same place.
    pub(in crate::store) fn seal(&self, place: &str, secret: &SecretString) -> Vec<u8> {
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).expect("the operating system gives random bytes");
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: place.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).expect("a secret fits into memory");
        [&[VERSION], nonce.as_slice(), &sealed].concat()
    }

    /// Opens a secret that [`Vault::seal`] sealed.
    ///
    /// # Errors
    /// The secret was sealed with another secret key, for another place, or is damaged.
    pub(in crate::store) fn open(&self, place: &str, sealed: &[u8]) -> Result<SecretString> {
        ensure!(
            sealed.first() == Some(&VERSION) && sealed.len() > NONCE_LENGTH,
            "{place} is not sealed as expected"
        );
        let (nonce, body) = sealed[1..].split_at(NONCE_LENGTH);
        let nonce = <[u8; NONCE_LENGTH]>::try_from(nonce).context("take the nonce apart")?;
        let payload = Payload { msg: body, aad: place.as_bytes() };
        let opened = self.cipher.decrypt(&XNonce::from(nonce), payload);
        let opened = opened
            .map_err(|_| anyhow!("{place} was sealed with another KOZMIC_SECRET_KEY, or is damaged"))?;
        Ok(String::from_utf8(opened).context("read an opened secret")?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_with_its_key_and_in_its_place() {
        let vault = Vault::new(&"one".into());
        let sealed = vault.seal("user.token", &"gho_x".into());
        assert!(!sealed.windows(5).any(|bytes| bytes == b"gho_x"));
        assert_eq!(vault.open("user.token", &sealed).unwrap().expose_secret(), "gho_x");
        assert!(vault.open("hook.secret", &sealed).is_err());
        let fault = Vault::new(&"two".into()).open("user.token", &sealed).unwrap_err();
        assert!(fault.to_string().contains("KOZMIC_SECRET_KEY"));
        assert!(vault.open("user.token", &[]).is_err());
    }
}
