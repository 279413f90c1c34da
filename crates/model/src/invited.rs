//! The people who may sign in: everybody, or those whom the settings name, by themselves or by an organization.

use crate::user::User;
use std::fmt;

/// Logins of people and names of organizations, as the settings name them; none: everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invited(Vec<String>);

/// The last answer of the forge to the question which of the organizations that are named a person belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// Nobody asked: everybody might sign in, or the person was named by their login.
    #[default]
    Unasked,
    /// This one.
    Organization(String),
    /// None of them.
    Nobody,
}

/// The standing of a person who signed in once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They may stay.
    In,
    /// They may not.
    Out,
    /// Only the forge knows.
    Unknown,
}

/// The names with commas between; empty: everybody.
impl fmt::Display for Invited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl Invited {
    /// Those of these names.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Whether the person with this login may sign in, whatever organizations they belong to.
    pub fn admits(&self, login: &str) -> bool {
        self.0.is_empty() || self.names(login)
    }

    /// The admission of a person who belongs to these organizations.
    pub fn admission(&self, organizations: &[String]) -> Admission {
        let named = organizations.iter().find(|organization| self.names(organization));
        named.cloned().map_or(Admission::Nobody, Admission::Organization)
    }

    /// The standing of a person, by what is known of them. An organization that is named no more may not be the only one
    /// that they belong to.
    pub fn standing(&self, user: &User) -> Standing {
        match &user.admission {
            _ if self.admits(&user.profile.login) => Standing::In,
            Admission::Organization(name) if self.names(name) => Standing::In,
            Admission::Organization(_) | Admission::Unasked => Standing::Unknown,
            Admission::Nobody => Standing::Out,
        }
    }

    fn names(&self, name: &str) -> bool {
        self.0.iter().any(|named| named.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{ForgeUserId, UserId},
        user::{MailSettings, Profile},
    };

    fn invited(names: &[&str]) -> Invited {
        Invited::new(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn user(login: &str, admission: Admission) -> User {
        let profile = Profile {
            forge_id: ForgeUserId(1),
            login: login.into(),
            name: String::new(),
            avatar_url: String::new(),
            email: None,
        };
        User { id: UserId(1), profile, mail: MailSettings::default(), admission }
    }

    #[test]
    fn who_is_named_or_belongs_to_a_named_organization_stays() {
        let adlift = Admission::Organization("adlift".into());
        for (names, admission, standing) in [
            (&[][..], Admission::Nobody, Standing::In),
            (&["Anna"], Admission::Nobody, Standing::In),
            (&["bert", "AdLift"], adlift.clone(), Standing::In),
            (&["bert", "orbit"], adlift, Standing::Unknown),
            (&["bert"], Admission::Unasked, Standing::Unknown),
            (&["bert"], Admission::Nobody, Standing::Out),
        ] {
            let judged = invited(names).standing(&user("anna", admission.clone()));
            assert_eq!(judged, standing, "{names:?} {admission:?}");
        }
    }

    #[test]
    fn an_organization_admits_under_any_case_of_letters() {
        let of = |organizations: &[&str]| {
            let organizations = organizations.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            invited(&["anna", "AdLift"]).admission(&organizations)
        };
        assert_eq!(of(&["orbit", "adlift"]), Admission::Organization("adlift".into()));
        assert_eq!(of(&["orbit"]), Admission::Nobody);
        assert!(invited(&[]).admits("eve") && !invited(&["anna"]).admits("eve"));
    }
}
