//! The people who may sign in: everybody, or the people and organizations in the settings.

use std::fmt;

/// Logins of people and names of organizations from the settings; empty: everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invited(Vec<String>);

/// The forge's last answer about a person's membership in the named organizations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// The forge was not asked: everybody might sign in, or the settings named the person by login.
    #[default]
    Unasked,
    /// The person belongs to this organization.
    Organization(String),
    /// The person belongs to none of them.
    Nobody,
}

/// The standing of a person who signed in before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They may stay signed in.
    In,
    /// They may not stay signed in.
    Out,
    /// It is unknown until the forge is asked.
    Unknown,
}

/// The names with commas between; empty: everybody.
impl fmt::Display for Invited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl Invited {
    /// The people and organizations with these names.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// True if the person with this login may sign in, whatever organizations they belong to.
    pub fn admits(&self, login: &str) -> bool {
        self.0.is_empty() || self.names(login)
    }

    /// The admission of a person who belongs to these organizations.
    pub fn admission(&self, organizations: &[String]) -> Admission {
        let named = organizations.iter().find(|organization| self.names(organization));
        named.cloned().map_or(Admission::Nobody, Admission::Organization)
    }

    /// The standing of the person with this login, as far as it is known. If the organization of their last admission is
    /// no longer named, they may still belong to another one that is.
    pub fn standing(&self, login: &str, last: &Admission) -> Standing {
        match last {
            _ if self.admits(login) => Standing::In,
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

    fn invited(names: &[&str]) -> Invited {
        Invited::new(names.iter().map(|name| (*name).to_owned()).collect())
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
            let judged = invited(names).standing("anna", &admission);
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
