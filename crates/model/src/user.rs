//! Users: people who signed in, or may see a project. A user comes from the forge, and is known to Kozmic before any
//! push.

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
    /// The person, as the forge last described them.
    pub profile: Profile,
    /// Their mail settings.
    pub mail: MailSettings,
    /// The organization that admitted them, as far as the forge was asked.
    pub admission: Admission,
}

/// A person's mail settings: on or off, the address, and the builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSettings {
    /// The address that they gave and confirmed; none: the forge's address for them.
    pub address: Option<String>,
    /// The address that they gave last, until they confirm it. Only a confirmation link is sent to it.
    pub unconfirmed: Option<String>,
    /// True if they want mail at all.
    pub is_on: bool,
    /// True if they want only mails about builds of their own commits.
    pub only_own_commits: bool,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self { address: None, unconfirmed: None, is_on: true, only_own_commits: false }
    }
}

/// The choice of a person in the form about mail, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailChoice {
    /// The address as typed; none: the forge's address for them.
    pub address: Option<String>,
    /// True if they want mail at all.
    pub is_on: bool,
    /// True if they want only mails about builds of their own commits.
    pub only_own_commits: bool,
}

impl MailSettings {
    /// The settings after a change. An address is used at once if the forge confirms it or it was confirmed before.
    /// Another address waits for its confirmation, and the one before stays in use.
    pub fn changed(&self, choice: MailChoice, of_forge: Option<&str>) -> Self {
        let MailChoice { address, is_on, only_own_commits } = choice;
        let is_known = |address: &str| {
            let mut known = [self.address.as_deref(), of_forge].into_iter().flatten();
            known.any(|known| is_same_address(known, address))
        };
        let (address, unconfirmed) = match address {
            Some(address) if !is_known(&address) => (self.address.clone(), Some(address)),
            address => (address, None),
        };
        Self { address, unconfirmed, is_on, only_own_commits }
    }
}

/// True if two addresses are the same, in any case of letters.
pub fn is_same_address(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

impl User {
    /// The address for mail to them, if they want mail and an address is known.
    pub fn mail_address(&self) -> Option<&str> {
        self.known_address().filter(|_| self.mail.is_on)
    }

    /// The address that is known to be theirs, if any.
    pub fn known_address(&self) -> Option<&str> {
        self.mail.address.as_deref().or(self.profile.email.as_deref())
    }

    /// Up to two letters that stand for a person without a picture.
    pub fn initials(&self) -> String {
        let letters = self.profile.name.split_whitespace().filter_map(|word| word.chars().next());
        letters.take(2).flat_map(char::to_uppercase).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(address: Option<&str>) -> MailChoice {
        MailChoice { address: address.map(str::to_owned), is_on: true, only_own_commits: false }
    }

    fn settings(address: Option<&str>, unconfirmed: Option<&str>) -> MailSettings {
        let [address, unconfirmed] = [address, unconfirmed].map(|text| text.map(str::to_owned));
        MailSettings { address, unconfirmed, ..MailSettings::default() }
    }

    #[test]
    fn initials_are_those_of_two_names_at_most() {
        for (name, initials) in [("anna Maria li", "AM"), ("Émile", "É"), ("ßtraße", "SS"), (" ", "")] {
            let profile = Profile {
                forge_id: ForgeUserId(7),
                login: "anna".into(),
                name: name.into(),
                avatar_url: String::new(),
                email: None,
            };
            let (mail, admission) = (MailSettings::default(), Admission::Unasked);
            assert_eq!(User { id: UserId(1), profile, mail, admission }.initials(), initials, "{name}");
        }
    }

    #[test]
    fn an_address_that_nobody_vouches_for_waits_and_the_one_before_stays() {
        let (work, forge) = (Some("anna@work.example"), Some("anna@example.com"));
        for (before, asked, after) in [
            ((None, None), work, (None, work)),
            ((work, None), Some("new@work.example"), (work, Some("new@work.example"))),
            ((work, Some("new@work.example")), Some("Anna@work.example"), (Some("Anna@work.example"), None)),
            ((work, None), Some("ANNA@example.com"), (Some("ANNA@example.com"), None)),
            ((work, Some("new@work.example")), None, (None, None)),
        ] {
            let changed = settings(before.0, before.1).changed(choice(asked), forge);
            assert_eq!(changed, settings(after.0, after.1), "{before:?} and {asked:?}");
        }
        assert_eq!(settings(None, None).changed(choice(forge), None), settings(None, forge));
    }
}
