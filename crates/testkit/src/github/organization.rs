//! Organizations: their members, owners, and teams, through which people reach repositories.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::GitHub;
use super::delivery::Occasion;
use super::repository::Permission;
use super::world::World;

/// Parts that an organization has and a person has not.
#[derive(Debug, Clone, Default)]
pub(super) struct Organization {
    members: Vec<String>,
    owners: Vec<String>,
    teams: Vec<Team>,
}

/// A team of an organization.
#[derive(Debug, Clone)]
pub(super) struct Team {
    pub(super) id: u64,
    pub(super) name: String,
    members: Vec<String>,
    /// Permissions of its members, by the repository's id.
    repositories: BTreeMap<u64, Permission>,
}

impl Organization {
    /// An organization of these people, none of whom owns it.
    pub(super) fn with_members(members: &[&str]) -> Self {
        Self { members: logins(members), ..Self::default() }
    }

    /// Whether this person belongs to it, in any way.
    pub(super) fn has_member(&self, login: &str) -> bool {
        let teams = self.teams.iter().any(|team| knows(&team.members, login));
        knows(&self.members, login) || knows(&self.owners, login) || teams
    }

    /// The person who became its owner first.
    pub(super) fn first_owner(&self) -> Option<&str> {
        self.owners.first().map(String::as_str)
    }

    /// Permission that it gives this person on a repository of its own.
    pub(super) fn grants(&self, repository: u64, login: &str) -> Option<Permission> {
        if knows(&self.owners, login) {
            return Some(Permission::Admin);
        }
        let teams = self.teams.iter().filter(|team| knows(&team.members, login));
        teams.filter_map(|team| team.repositories.get(&repository).copied()).max()
    }

    /// Forgets a repository that is not its own any more.
    pub(super) fn forget(&mut self, repository: u64) {
        for team in &mut self.teams {
            team.repositories.remove(&repository);
        }
    }

    /// The team of this name, which has just been made if need be.
    fn team(&mut self, name: &str, id: u64) -> &mut Team {
        let place = self.teams.iter().position(|team| team.name == name);
        let place = place.unwrap_or_else(|| {
            let (name, members, repositories) = (name.to_owned(), Vec::new(), BTreeMap::new());
            self.teams.push(Team { id, name, members, repositories });
            self.teams.len() - 1
        });
        &mut self.teams[place]
    }
}

impl GitHub {
    /// Makes a person an owner of an organization, who is an admin of all its repositories.
    pub fn set_organization_owner(&self, organization: &str, login: &str) {
        self.double.change(|world| {
            if let Some(organization) = world.organization_mut(organization)
                && !knows(&organization.owners, login)
            {
                organization.owners.push(login.to_owned());
            }
        });
    }

    /// Has a person leave an organization, who is then in none of its teams either.
    pub fn leave_organization(&self, organization: &str, login: &str) -> Result<()> {
        self.double.change(|world| {
            let organization =
                world.organization_mut(organization).context("there is no such organization")?;
            let Organization { members, owners, teams } = organization;
            let of_teams = teams.iter_mut().map(|team| &mut team.members);
            for list in [members, owners].into_iter().chain(of_teams) {
                list.retain(|one| !one.eq_ignore_ascii_case(login));
            }
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
            team.members = logins(members);
            let before = match permission {
                Some(permission) => team.repositories.insert(id, permission),
                None => team.repositories.remove(&id),
            };
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

impl World {
    pub(super) fn organization_mut(&mut self, login: &str) -> Option<&mut Organization> {
        let account = self.accounts.iter_mut().find(|account| account.login.eq_ignore_ascii_case(login));
        account.and_then(|account| account.organization.as_mut())
    }
}

fn logins(list: &[&str]) -> Vec<String> {
    list.iter().map(|&login| login.to_owned()).collect()
}

fn knows(list: &[String], login: &str) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(login))
}
