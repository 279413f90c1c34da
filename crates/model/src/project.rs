//! A project: a repository of the forge that Kozmic builds.

use crate::{
    fork::ForkRule,
    ids::{ProjectId, RepositoryId, UserId},
    sudo::SudoRule,
    time::Timestamp,
    user::{Profile, User},
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A repository as the forge describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// The forge's number of the repository; it stays when the repository is renamed or moved.
    pub id: RepositoryId,
    /// The login of the user or organization that owns it.
    pub owner: String,
    /// The name without its owner.
    pub name: String,
    /// True if only invited people see it.
    pub private: bool,
    /// The branch that is checked out by default, such as `main`.
    pub default_branch: String,
    /// The repository's page at the forge.
    pub html_url: String,
    /// The address at which git fetches it over HTTP.
    pub clone_url: String,
    /// The address at which git fetches it over SSH, with a deploy key.
    pub ssh_url: String,
}

impl Repository {
    /// True if `told` has the same facts that decide where commits come from, what they are built with, and who may see
    /// them. The addresses follow from these facts.
    pub fn is_as_told(&self, told: &Self) -> bool {
        let facts =
            |it: &Self| (it.id, it.owner.clone(), it.name.clone(), it.private, it.default_branch.clone());
        facts(self) == facts(told)
    }

    /// `owner/name`, as people write it.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// A repository that somebody made a project of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Kozmic's own id, as in addresses.
    pub id: ProjectId,
    /// The user who owns it; at first the user who created it.
    pub owner: UserId,
    /// The repository that its commits come from.
    pub repository: Repository,
    /// The settings that people chose.
    pub settings: ProjectSettings,
    /// The token by which anybody may see the badge of a private project.
    pub badge_token: String,
    /// True if everybody may see the badge without the token.
    pub open_badge: bool,
    /// Time at which members and repository were last brought in line with the forge.
    pub synced_at: Option<Timestamp>,
    /// The reason why the last update of members and repository failed, in a sentence.
    pub sync_fault: Option<String>,
}

/// The rules of a project for its builds. `cancel_waiting` and `cancel_running` concern older builds of a branch that
/// has a newer push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProjectSettings {
    /// True if waiting jobs of older builds are canceled.
    pub cancel_waiting: bool,
    /// True if running jobs of older builds are canceled.
    pub cancel_running: bool,
    /// The rule for pull requests from forks.
    pub forks: ForkRule,
    /// The rule for scripts that use `sudo`.
    pub sudo: SudoRule,
}

impl Default for ProjectSettings {
    fn default() -> Self {
        let (forks, sudo) = (ForkRule::default(), SudoRule::default());
        Self { cancel_waiting: true, cancel_running: false, forks, sudo }
    }
}

impl ProjectSettings {
    /// The settings that differ from earlier ones, in words for the audit trail; empty if there are none.
    pub fn differences(self, before: Self) -> String {
        let both = before.words().into_iter().zip(self.words()).filter(|(before, after)| before != after);
        let said = both.map(|((name, before), (_, after))| format!("{name}: {before} → {after}"));
        said.collect::<Vec<_>>().join(", ")
    }

    fn words(self) -> [(&'static str, &'static str); 4] {
        let Self { cancel_waiting, cancel_running, forks, sudo } = self;
        let [waiting, running] =
            [cancel_waiting, cancel_running].map(|is_on| if is_on { "yes" } else { "no" });
        [
            ("cancel what waits", waiting),
            ("cancel what runs", running),
            ("pull requests from forks", forks.word()),
            ("sudo", sudo.word()),
        ]
    }
}

/// The right that the forge gives a person to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// May read.
    Read,
    /// May push.
    Push,
    /// May change webhooks and deploy keys.
    Admin,
}

impl Permission {
    /// True if a person with this permission may push.
    pub fn may_push(self) -> bool {
        self >= Self::Push
    }

    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Push => "push",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Permission {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = [Self::Read, Self::Push, Self::Admin];
        known
            .into_iter()
            .find(|permission| permission.word() == text)
            .ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// A repository, and one person's right to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The repository.
    pub repository: Repository,
    /// The person's right to it.
    pub permission: Permission,
}

/// A person who may see a repository, as the forge reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collaborator {
    /// The person.
    pub profile: Profile,
    /// Their right to it.
    pub permission: Permission,
}

/// A user of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub user: User,
    /// Their role in the project.
    pub role: Role,
}

/// The rights of a person in a project; each role includes the rights of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May look.
    Member,
    /// May also configure.
    Manager,
    /// May also delete.
    Owner,
}

impl Role {
    /// The word in the database and on pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }
}

/// A person who may push or administer becomes a manager; a person who may only read becomes a member.
impl From<Permission> for Role {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::Read => Self::Member,
            Permission::Push | Permission::Admin => Self::Manager,
        }
    }
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = [Self::Member, Self::Manager, Self::Owner];
        known.into_iter().find(|role| role.word() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// The text is none of the words of its kind.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not a known word here")]
pub struct UnknownWord(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> Repository {
        Repository {
            id: RepositoryId(5),
            owner: "anna".into(),
            name: "hello".into(),
            private: false,
            default_branch: "main".into(),
            html_url: "h".into(),
            clone_url: "c".into(),
            ssh_url: "s".into(),
        }
    }

    #[test]
    fn a_repository_is_as_told_whatever_its_addresses() {
        let known = repository();
        assert!(
            known.is_as_told(&known)
                && known.is_as_told(&Repository { html_url: "x".into(), ..repository() })
        );
        for told in [
            Repository { id: RepositoryId(6), ..repository() },
            Repository { owner: "bob".into(), ..repository() },
            Repository { name: "hi".into(), ..repository() },
            Repository { private: true, ..repository() },
            Repository { default_branch: "trunk".into(), ..repository() },
        ] {
            assert!(!known.is_as_told(&told), "{told:?}");
        }
        assert_eq!(known.full_name(), "anna/hello");
    }

    #[test]
    fn settings_that_differ_are_said_with_both_values() {
        let before = ProjectSettings::default();
        assert_eq!(before.differences(before), "");
        let after = ProjectSettings { cancel_waiting: false, sudo: SudoRule::Never, ..before };
        assert_eq!(after.differences(before), "cancel what waits: yes → no, sudo: always → never");
    }

    #[test]
    fn rights_grow_and_their_words_are_read_back() {
        let rights = [Permission::Read, Permission::Push, Permission::Admin];
        assert_eq!(rights.map(Permission::word), ["read", "push", "admin"]);
        assert_eq!(rights.map(Permission::may_push), [false, true, true]);
        assert_eq!(rights.map(Role::from), [Role::Member, Role::Manager, Role::Manager]);
        let roles = [Role::Member, Role::Manager, Role::Owner];
        assert_eq!(roles.map(Role::word), ["member", "manager", "owner"]);
        assert!(roles.is_sorted() && rights.is_sorted());
        assert_eq!(roles.map(|role| role.word().parse::<Role>().unwrap()), roles);
        assert_eq!(rights.map(|right| right.word().parse::<Permission>().unwrap()), rights);
        assert!("boss".parse::<Role>().is_err() && "write".parse::<Permission>().is_err());
    }
}
