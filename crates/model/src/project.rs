//! A project: a repository of the forge that Kozmic builds.

use crate::ids::{ProjectId, RepositoryId, UserId};
use serde::{Deserialize, Serialize};

/// A repository as the forge describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// The forge's number; it stays when the repository is renamed or moved.
    pub id: RepositoryId,
    /// The login of the user or organization that owns it.
    pub owner: String,
    /// The name without its owner.
    pub name: String,
    /// Whether only invited people see it.
    pub private: bool,
    /// The branch that is checked out by default, such as `main`.
    pub default_branch: String,
    /// Its page at the forge.
    pub html_url: String,
    /// Where git fetches it over HTTP.
    pub clone_url: String,
}

impl Repository {
    /// `owner/name`, as people say it.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// A repository that somebody made a project of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Kozmic's own id, as in addresses.
    pub id: ProjectId,
    /// Who made it.
    pub owner: UserId,
    /// Where its commits come from.
    pub repository: Repository,
}

/// What a person may do with a project; each role may do all that the one before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May look.
    Member,
    /// May also configure.
    Manager,
    /// May also delete.
    Owner,
}

impl Project {
    /// The role of a user here; none for strangers.
    pub fn role_of(&self, user: UserId) -> Option<Role> {
        (self.owner == user).then_some(Role::Owner)
    }
}
