//! Deploy keys in GitHub's JSON, and the host keys that GitHub publishes.

use serde_json::{Value, json};

use super::Shapes;
use crate::github::world::{DeployKey, fingerprint};

impl Shapes<'_> {
    /// A deploy key.
    pub(in crate::github) fn deploy_key(&self, repository: &str, key: &DeployKey) -> Value {
        json!({
            "id": key.id,
            "key": key.key,
            "url": self.api(&format!("/repos/{repository}/keys/{}", key.id)),
            "title": key.title,
            "verified": true,
            "created_at": key.created_at,
            "read_only": key.read_only,
            "added_by": key.added_by,
            "last_used": null,
            "enabled": true,
        })
    }

    /// Answer of `GET /meta`.
    pub(in crate::github) fn meta(&self) -> Value {
        let host_key = self.world.ssh.as_ref().map(|ssh| ssh.host_key.as_str());
        let print = |key| fingerprint(key).trim_start_matches("SHA256:").to_owned();
        json!({
            "verifiable_password_authentication": false,
            "ssh_key_fingerprints": match host_key {
                Some(key) => json!({"SHA256_ED25519": print(key)}),
                None => json!({}),
            },
            "ssh_keys": Vec::from_iter(host_key),
            "hooks": ["127.0.0.0/8"],
            "web": ["127.0.0.0/8"],
            "api": ["127.0.0.0/8"],
            "git": ["127.0.0.0/8"],
        })
    }
}
