//! API tokens: a program uses one in place of a person's sign-in. A token may have fewer rights than its person, and an
//! end.

use crate::{
    ids::{ApiTokenId, ProjectId},
    project::UnknownWord,
    time::Timestamp,
};
use std::str::FromStr;

/// The deeds that a token allows; each scope includes the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Reading everything that its person may read.
    Read,
    /// Restarting and stopping jobs.
    Restart,
    /// Everything that the API can do.
    All,
}

/// The rights of a token, within those of its person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRights {
    /// The deeds that it allows.
    pub scope: Scope,
    /// The only project that it reaches; none: all that its person reaches.
    pub project: Option<ProjectId>,
    /// The time from which it is invalid; none: it has no end.
    pub expires_at: Option<Timestamp>,
}

/// A token of the API. Only its user knows the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// The user's name for it.
    pub title: String,
    /// Its rights.
    pub rights: TokenRights,
    /// The time when it was made.
    pub created_at: Timestamp,
    /// The time when it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

impl Scope {
    /// All scopes, the smallest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Restart, Self::All];

    /// The word in the database, in forms and in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Restart => "restart",
            Self::All => "all",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|scope| scope.word() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

impl TokenRights {
    /// True if the token may reach the project, as far as the token decides it.
    pub fn reaches(&self, project: ProjectId) -> bool {
        self.project.is_none_or(|only| only == project)
    }

    /// True if the token has expired.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// True if the token may do everything that its person may, without an end. Tokens from before there were rights
    /// are like this.
    pub fn are_boundless(&self) -> bool {
        *self == Self { scope: Scope::All, project: None, expires_at: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_grow_and_their_words_are_read_back() {
        assert!(Scope::ALL.is_sorted());
        assert_eq!(Scope::ALL.map(|scope| scope.word().parse::<Scope>().unwrap()), Scope::ALL);
        assert!("write".parse::<Scope>().is_err());
    }

    #[test]
    fn a_token_ends_at_its_time_and_reaches_its_project_only() {
        let boundless = TokenRights { scope: Scope::All, project: None, expires_at: None };
        assert!(boundless.are_boundless() && boundless.reaches(ProjectId(7)));
        assert!(!boundless.has_ended(Timestamp(i64::MAX)));
        let bounded =
            TokenRights { project: Some(ProjectId(1)), expires_at: Some(Timestamp(10)), ..boundless };
        assert!(bounded.reaches(ProjectId(1)) && !bounded.reaches(ProjectId(7)));
        assert!(!bounded.has_ended(Timestamp(9)) && bounded.has_ended(Timestamp(10)));
        assert!(!bounded.are_boundless());
    }
}
