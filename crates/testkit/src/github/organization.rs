//! Changes to organizations: their owners, their members, and their teams.

use anyhow::{Context, Result};

use super::GitHub;
use super::delivery::Occasion;
use super::world::Permission;

impl GitHub {
    /// Makes a person an owner of an organization, who is an admin of all its repositories.
    pub fn set_organization_owner(&self, organization: &str, login: &str) {
        self.double.change(|world| {
            if let Some(organization) = world.organization_mut(organization) {
                organization.add_owner(login);
            }
        });
    }

    /// Has a person leave an organization, who is then in none of its teams either.
    pub fn leave_organization(&self, organization: &str, login: &str) -> Result<()> {
        self.double.change(|world| {
            let organization = world.organization_mut(organization);
            organization.context("there is no such organization")?.dismiss(login);
            Ok(())
        })
    }

    /// Makes or changes a team: who is in it, and what they may do with a repository of the organization
    /// (nothing any more with `None`; other repositories stay as they are). Webhooks hear of a new one by
    /// `team_add`.
    #[expect(clippy::too_many_arguments, reason = "five facts make a team's permission; self is none")]
    pub fn set_team(
        &self,
        organization: &str,
        team: &str,
        members: &[&str],
        repository: &str,
        permission: Option<Permission>,
    ) {
        let added = self.double.change(|world| {
            let (id, fresh) = (world.repository(repository)?.id, world.fresh_id());
            let team = world.organization_mut(organization)?.team(team, fresh);
            team.set_members(members);
            let before = team.set_permission(id, permission);
            Some((team.clone(), permission?)).filter(|_| before.is_none())
        });
        let Some((team, permission)) = added else { return };
        let payload = self.double.shapes(|shapes| shapes.team_added(repository, &team, permission));
        if let Some(payload) = payload {
            let (repository, event) = (repository.to_owned(), "team_add".to_owned());
            self.double.deliver_beside(Occasion { repository, event, payload });
        }
    }
}
