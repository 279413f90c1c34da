//! Organizations: their members, owners, and teams, through which people reach repositories.

use std::collections::BTreeMap;

use super::World;
use super::repository::Permission;

/// Parts that an organization has and a person has not.
#[derive(Debug, Clone, Default)]
pub(in crate::github) struct Organization {
    members: Vec<String>,
    owners: Vec<String>,
    teams: Vec<Team>,
}

/// A team of an organization.
#[derive(Debug, Clone)]
pub(in crate::github) struct Team {
    pub(in crate::github) id: u64,
    pub(in crate::github) name: String,
    members: Vec<String>,
    /// Permissions of its members, by the repository's id.
    repositories: BTreeMap<u64, Permission>,
}

impl Organization {
    /// An organization of these people, none of whom owns it.
    pub(in crate::github) fn with_members(members: &[&str]) -> Self {
        Self { members: logins(members), ..Self::default() }
    }

    /// True if this person belongs to it, in any way.
    pub(in crate::github) fn has_member(&self, login: &str) -> bool {
        let teams = self.teams.iter().any(|team| knows(&team.members, login));
        knows(&self.members, login) || knows(&self.owners, login) || teams
    }

    /// The person who became its owner first.
    pub(in crate::github) fn first_owner(&self) -> Option<&str> {
        self.owners.first().map(String::as_str)
    }

    /// Permission that it gives this person on a repository of its own.
    pub(in crate::github) fn grants(&self, repository: u64, login: &str) -> Option<Permission> {
        if knows(&self.owners, login) {
            return Some(Permission::Admin);
        }
        let teams = self.teams.iter().filter(|team| knows(&team.members, login));
        teams.filter_map(|team| team.repositories.get(&repository).copied()).max()
    }

    /// Forgets a repository that is not its own any more.
    pub(in crate::github) fn forget(&mut self, repository: u64) {
        for team in &mut self.teams {
            team.repositories.remove(&repository);
        }
    }

    /// Makes a person one of its owners.
    pub(in crate::github) fn add_owner(&mut self, login: &str) {
        if !knows(&self.owners, login) {
            self.owners.push(login.to_owned());
        }
    }

    /// Forgets a person, in its teams too.
    pub(in crate::github) fn dismiss(&mut self, login: &str) {
        let of_teams = self.teams.iter_mut().map(|team| &mut team.members);
        for list in [&mut self.members, &mut self.owners].into_iter().chain(of_teams) {
            list.retain(|one| !one.eq_ignore_ascii_case(login));
        }
    }

    /// The team of this name, which has just been made if need be.
    pub(in crate::github) fn team(&mut self, name: &str, id: u64) -> &mut Team {
        let place = self.teams.iter().position(|team| team.name == name);
        let place = place.unwrap_or_else(|| {
            let (name, members, repositories) = (name.to_owned(), Vec::new(), BTreeMap::new());
            self.teams.push(Team { id, name, members, repositories });
            self.teams.len() - 1
        });
        &mut self.teams[place]
    }
}

impl Team {
    /// Sets the people who are in it.
    pub(in crate::github) fn set_members(&mut self, members: &[&str]) {
        self.members = logins(members);
    }

    /// Sets the permission of its members on a repository; the answer is the permission that they had before.
    pub(in crate::github) fn set_permission(
        &mut self,
        repository: u64,
        permission: Option<Permission>,
    ) -> Option<Permission> {
        match permission {
            Some(permission) => self.repositories.insert(repository, permission),
            None => self.repositories.remove(&repository),
        }
    }
}

impl World {
    pub(in crate::github) fn organization_mut(&mut self, login: &str) -> Option<&mut Organization> {
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
