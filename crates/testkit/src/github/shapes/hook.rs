//! Webhooks in GitHub's JSON, and the ping that greets a new one.

use serde_json::{Value, json};

use super::Shapes;
use crate::github::world::{Hook, Repository};

impl Shapes<'_> {
    /// A webhook; its secret stays hidden, as at GitHub.
    pub(in crate::github) fn hook(&self, repository: &str, hook: &Hook) -> Value {
        let url = self.api(&format!("/repos/{repository}/hooks/{}", hook.id));
        let mut config = json!({
            "content_type": hook.content_type,
            "insecure_ssl": hook.insecure_ssl,
            "url": hook.url,
        });
        if hook.secret.is_some() {
            config["secret"] = json!("********");
        }
        let (code, message) = &hook.last_response;
        let outcome = if code.is_some() { "active" } else { "unused" };
        json!({
            "type": "Repository",
            "id": hook.id,
            "name": "web",
            "active": hook.active,
            "events": hook.events,
            "config": config,
            "updated_at": hook.updated_at,
            "created_at": hook.created_at,
            "url": url,
            "test_url": format!("{url}/test"),
            "ping_url": format!("{url}/pings"),
            "deliveries_url": format!("{url}/deliveries"),
            "last_response": {"code": code, "status": outcome, "message": message},
        })
    }

    /// The payload of a ping.
    pub(in crate::github) fn ping(&self, repository: &Repository, hook: &Hook) -> Value {
        json!({
            "zen": "Keep it logically awesome.",
            "hook_id": hook.id,
            "hook": self.hook(&repository.full_name(), hook),
            "repository": self.repository(repository, None),
            "sender": self.simple_user(&repository.owner),
        })
    }
}
