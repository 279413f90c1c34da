//! The keys that GitHub's SSH servers prove themselves by, as its API publishes them.

use super::{Client, ForgeError};
use secrecy::SecretString;
use serde::Deserialize;

#[derive(Deserialize)]
struct MetaAnswer {
    ssh_keys: Option<Vec<String>>,
}

/// Enterprise servers publish them only if their administrator lets them.
pub(super) async fn host_keys(client: &Client, token: &SecretString) -> Result<Vec<String>, ForgeError> {
    match client.get::<MetaAnswer>(client.path(&["meta"])?, token).await {
        Ok(meta) => Ok(meta.ssh_keys.unwrap_or_default()),
        Err(fault) if fault.is_missing() => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}
