//! A repository, and the permissions on it that people have by name.

use std::collections::BTreeMap;

use super::deploy_key::DeployKey;
use super::hook::Hook;
use super::pull::Pull;
use super::status::Status;

/// Permissions that a person may have on a repository, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// May read.
    Pull,
    /// May sort issues.
    Triage,
    /// May write.
    Push,
    /// May change some settings.
    Maintain,
    /// May do everything, webhooks included.
    Admin,
}

/// A repository at the double.
#[derive(Debug, Clone)]
pub struct Repository {
    /// GitHub's number for it.
    pub id: u64,
    /// Login of the person or organization that owns it.
    pub owner: String,
    /// Its name without the owner.
    pub name: String,
    /// True if only some may see it.
    pub private: bool,
    /// The full name of the repository that it was forked from.
    pub fork_of: Option<String>,
    /// The branch that a clone checks out.
    pub default_branch: String,
    pub(in crate::github) created_at: String,
    pub(in crate::github) permissions: BTreeMap<String, Permission>,
    pub(in crate::github) announced: BTreeMap<String, String>,
    pub(in crate::github) hooks: Vec<Hook>,
    pub(in crate::github) keys: Vec<DeployKey>,
    pub(in crate::github) pulls: Vec<Pull>,
    pub(in crate::github) statuses: Vec<Status>,
}

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

impl Repository {
    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Permission of this person as a collaborator by name.
    pub(in crate::github) fn collaborator(&self, login: &str) -> Option<Permission> {
        let named = self.permissions.iter().find(|(one, _)| one.eq_ignore_ascii_case(login));
        named.map(|(_, permission)| *permission)
    }

    /// Sets what this person may do as a collaborator; the answer is what it was before.
    pub(in crate::github) fn set_collaborator(
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
