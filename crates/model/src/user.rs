//! Users: people who signed in, or may see a project. A user comes from the forge and is the first who meets Kozmic,
//! before any push.

use crate::{
    ids::{ForgeUserId, UserId},
    invited::Admission,
};
use serde::{Deserialize, Serialize};

/// A person as the forge describes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The forge's number of the person; logins can change, this does not.
    pub forge_id: ForgeUserId,
    /// The short name, as in an address.
    pub login: String,
    /// The full name; the login where the person gave none.
    pub name: String,
    /// The address where the forge keeps the person's picture.
    pub avatar_url: String,
    /// The primary, verified address, if the forge tells one.
    pub email: Option<String>,
}

/// A person who signed in, or may see a project at the forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Kozmic's own id.
    pub id: UserId,
    /// As the forge told it last.
    pub profile: Profile,
    /// Their wishes for mail.
    pub mail: MailSettings,
    /// The organization that let them in, as far as that was asked.
    pub admission: Admission,
}

/// The wishes of a person for mail: whether, where and of which builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSettings {
    /// The address that they gave; none: the one that the forge tells.
    pub address: Option<String>,
    /// Whether they want mail at all.
    pub is_on: bool,
    /// Only of builds of commits that they wrote.
    pub only_own_commits: bool,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self { address: None, is_on: true, only_own_commits: false }
    }
}

impl User {
    /// The address at which mail reaches them, if they want any and one is known.
    pub fn mail_address(&self) -> Option<&str> {
        let address = self.mail.address.as_deref().or(self.profile.email.as_deref());
        address.filter(|_| self.mail.is_on)
    }

    /// Up to two letters that stand for the person where there is no picture.
    pub fn initials(&self) -> String {
        let letters = self.profile.name.split_whitespace().filter_map(|word| word.chars().next());
        letters.take(2).flat_map(char::to_uppercase).collect()
    }
}
