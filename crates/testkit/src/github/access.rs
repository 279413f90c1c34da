//! Rights of people on a repository: as its owner, as a collaborator, or through an organization.

use super::GitHub;
use super::delivery::Occasion;
use super::people::Account;
use super::repository::{Permission, Repository};
use super::world::World;

impl Permission {
    /// GitHub's name for the role of a person who has it.
    pub fn role_name(self) -> &'static str {
        match self {
            Self::Pull => "read",
            Self::Triage => "triage",
            Self::Push => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }
}

impl World {
    /// Permission of this person, `None` if they may not even see it.
    pub(super) fn permission_of(&self, repository: &Repository, login: Option<&str>) -> Option<Permission> {
        let granted = login.and_then(|login| self.granted(repository, login));
        granted.or((!repository.private).then_some(Permission::Pull))
    }

    /// Permission of this person beyond everybody's: the highest of all ways to it.
    pub(super) fn granted(&self, repository: &Repository, login: &str) -> Option<Permission> {
        if repository.owner.eq_ignore_ascii_case(login) {
            return Some(Permission::Admin);
        }
        let organization = self.account(&repository.owner).and_then(|owner| owner.organization.as_ref());
        let through = organization.and_then(|organization| organization.grants(repository.id, login));
        through.max(repository.collaborator(login))
    }

    /// Relation of the person to it, in GitHub's words; `None` for a stranger.
    pub(super) fn affiliation(&self, repository: &Repository, login: &str) -> Option<&'static str> {
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

    /// Whether the repository belongs to an organization and this person does, too.
    pub(super) fn is_member(&self, repository: &Repository, login: &str) -> bool {
        let organization = self.account(&repository.owner).and_then(|owner| owner.organization.as_ref());
        organization.is_some_and(|organization| organization.has_member(login))
    }

    /// Everybody who may do more than everybody may.
    pub(super) fn collaborators(&self, repository: &Repository) -> Vec<(&Account, Permission)> {
        let people = self.accounts.iter().filter(|account| account.is_person());
        people.filter_map(|one| Some((one, self.granted(repository, &one.login)?))).collect()
    }
}

impl Repository {
    /// Permission of this person as a collaborator by name.
    pub(super) fn collaborator(&self, login: &str) -> Option<Permission> {
        let named = self.permissions.iter().find(|(one, _)| one.eq_ignore_ascii_case(login));
        named.map(|(_, permission)| *permission)
    }

    /// Sets what this person may do as a collaborator; the answer is what it was before.
    pub(super) fn set_collaborator(
        &mut self,
        login: &str,
        permission: Option<Permission>,
    ) -> Option<Permission> {
        let before = self.collaborator(login);
        self.permissions.retain(|one, _| !one.eq_ignore_ascii_case(login));
        if let Some(permission) = permission {
            self.permissions.insert(login.to_owned(), permission);
        }
        before
    }
}

impl GitHub {
    /// Permission of a person on a repository, in whichever way; `None` if they may not even see it.
    pub fn permission_of(&self, repository: &str, login: &str) -> Option<Permission> {
        self.double.read(|world| world.permission_of(world.repository(repository)?, Some(login)))
    }

    /// Makes a person a collaborator with this permission, or takes it away with `None`. Webhooks hear of a
    /// change by `member`, beside this call.
    pub fn set_permission(&self, repository: &str, login: &str, permission: Option<Permission>) {
        let before = self
            .double
            .change(|world| Some(world.repository_mut(repository)?.set_collaborator(login, permission)));
        let Some(before) = before.filter(|before| *before != permission) else { return };
        let payload = self.double.shapes(|shapes| shapes.member_event(repository, login, before, permission));
        if let Some(payload) = payload {
            let (repository, event) = (repository.to_owned(), "member".to_owned());
            self.double.deliver_beside(Occasion { repository, event, payload });
        }
    }
}
