//! Rights of people on a repository: as its owner, as a collaborator, or through an organization.

use super::World;
use super::account::Account;
use super::repository::{Permission, Repository};

impl World {
    /// Permission of this person, `None` if they may not even see it.
    pub(in crate::github) fn permission_of(
        &self,
        repository: &Repository,
        login: Option<&str>,
    ) -> Option<Permission> {
        let granted = login.and_then(|login| self.granted(repository, login));
        granted.or((!repository.private).then_some(Permission::Pull))
    }

    /// Permission of this person beyond everybody's: the highest of all ways to it.
    pub(in crate::github) fn granted(&self, repository: &Repository, login: &str) -> Option<Permission> {
        if repository.owner.eq_ignore_ascii_case(login) {
            return Some(Permission::Admin);
        }
        let organization = self.account(&repository.owner).and_then(|owner| owner.organization.as_ref());
        let through = organization.and_then(|organization| organization.grants(repository.id, login));
        through.max(repository.collaborator(login))
    }

    /// Relation of the person to it, in GitHub's words; `None` for a stranger.
    pub(in crate::github) fn affiliation(
        &self,
        repository: &Repository,
        login: &str,
    ) -> Option<&'static str> {
        if repository.owner.eq_ignore_ascii_case(login) {
            return Some("owner");
        }
        match (self.granted(repository, login).is_some(), self.is_member(repository, login)) {
            (true, true) => Some("organization_member"),
            (true, false) => Some("collaborator"),
            (false, true) if !repository.private => Some("organization_member"),
            (false, _) => None,
        }
    }

    /// True if the repository belongs to an organization and this person does, too.
    pub(in crate::github) fn is_member(&self, repository: &Repository, login: &str) -> bool {
        let organization = self.account(&repository.owner).and_then(|owner| owner.organization.as_ref());
        organization.is_some_and(|organization| organization.has_member(login))
    }

    /// Everybody who may do more than everybody may.
    pub(in crate::github) fn collaborators(&self, repository: &Repository) -> Vec<(&Account, Permission)> {
        let people = self.accounts.iter().filter(|account| account.is_person());
        people.filter_map(|one| Some((one, self.granted(repository, &one.login)?))).collect()
    }
}
