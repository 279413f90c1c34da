//! The payloads that tell of a repository itself: its name, its owner, who may do what with it.

use serde_json::{Value, json};

use super::Shapes;
use super::user::merge;
use crate::github::world::{Permission, Repository, Team};

impl Shapes<'_> {
    /// The payload of `repository`; `None` if the repository is gone.
    pub(in crate::github) fn repository_event(
        &self,
        name: &str,
        action: &str,
        changes: Option<Value>,
    ) -> Option<Value> {
        let mut payload = self.about(self.world.repository(name)?);
        merge(&mut payload, json!({"action": action}));
        if let Some(changes) = changes {
            merge(&mut payload, json!({"changes": changes}));
        }
        Some(payload)
    }

    /// The payload of `member`; `None` if the repository is gone.
    pub(in crate::github) fn member_event(
        &self,
        name: &str,
        login: &str,
        before: Option<Permission>,
        after: Option<Permission>,
    ) -> Option<Value> {
        let mut payload = self.about(self.world.repository(name)?);
        let role = |permission: Permission| permission.role_name();
        let (action, changes) = match (before, after) {
            (_, None) => ("removed", Value::Null),
            (None, Some(after)) => {
                let to = json!({"to": role(after)});
                ("added", json!({"permission": to, "role_name": to}))
            }
            (Some(before), Some(after)) => {
                let permission = json!({"from": role(before), "to": role(after)});
                ("edited", json!({"old_permission": {"from": role(before)}, "permission": permission}))
            }
        };
        merge(&mut payload, json!({"action": action, "member": self.simple_user(login)}));
        if !changes.is_null() {
            merge(&mut payload, json!({"changes": changes}));
        }
        Some(payload)
    }

    /// The payload of `team_add`; `None` if the repository is gone.
    pub(in crate::github) fn team_added(
        &self,
        name: &str,
        team: &Team,
        permission: Permission,
    ) -> Option<Value> {
        let repository = self.world.repository(name)?;
        let slug = team.name.to_lowercase().replace(' ', "-");
        let organization = self.world.account(&repository.owner)?;
        let url = self.api(&format!("/organizations/{}/team/{}", organization.id, team.id));
        let team = json!({
            "name": team.name,
            "id": team.id,
            "node_id": format!("T_{}", team.id),
            "slug": slug,
            "description": null,
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "url": url,
            "html_url": format!("{}/orgs/{}/teams/{slug}", self.base, organization.login),
            "members_url": format!("{url}/members{{/member}}"),
            "repositories_url": format!("{url}/repos"),
            "permission": permission.role_name(),
            "parent": null,
        });
        let mut payload = self.about(repository);
        merge(&mut payload, json!({"team": team}));
        Some(payload)
    }

    /// Fields that all of them have.
    fn about(&self, repository: &Repository) -> Value {
        let owner = self.world.account(&repository.owner);
        let organization = owner.and_then(|owner| owner.organization.as_ref());
        let sender = organization.and_then(|one| one.first_owner()).unwrap_or(&repository.owner);
        let mut payload = json!({
            "repository": self.repository(repository, None),
            "sender": self.simple_user(sender),
        });
        if let (Some(owner), Some(_)) = (owner, organization) {
            merge(&mut payload, json!({"organization": self.organization(owner)}));
        }
        payload
    }
}
