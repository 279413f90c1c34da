//! Accounts: people and organizations, their tokens, and approvals under way.

use std::time::Instant;

use super::World;
use super::organization::Organization;
use crate::github::random;

/// A person or an organization.
#[derive(Debug, Clone)]
pub(in crate::github) struct Account {
    pub(in crate::github) id: u64,
    pub(in crate::github) login: String,
    pub(in crate::github) name: String,
    pub(in crate::github) email: String,
    pub(in crate::github) created_at: String,
    /// Parts that an organization has and a person has not.
    pub(in crate::github) organization: Option<Organization>,
}

/// Person and scopes that a bearer token stands for.
#[derive(Debug, Clone)]
pub(in crate::github) struct Token {
    pub(in crate::github) login: String,
    pub(in crate::github) scopes: Vec<String>,
    /// Time when it ends, if it does.
    pub(in crate::github) ends: Option<Instant>,
}

/// A person's approval, waiting to be exchanged for a token.
#[derive(Debug, Clone)]
pub(in crate::github) struct Grant {
    pub(in crate::github) login: String,
    pub(in crate::github) scopes: Vec<String>,
    pub(in crate::github) redirect_uri: Option<String>,
    pub(in crate::github) code_challenge: Option<String>,
}

impl Account {
    /// True if this is a person, not an organization.
    pub(in crate::github) fn is_person(&self) -> bool {
        self.organization.is_none()
    }

    /// GitHub's word for the kind of account.
    pub(in crate::github) fn kind(&self) -> &'static str {
        if self.is_person() { "User" } else { "Organization" }
    }
}

impl World {
    /// Makes a token; the prefix tells its kind, as at GitHub.
    pub(in crate::github) fn issue_token(
        &mut self,
        prefix: &str,
        login: &str,
        scopes: Vec<String>,
    ) -> String {
        let secret = format!("{prefix}{}", random::hex(18));
        self.tokens.insert(secret.clone(), Token { login: login.to_owned(), scopes, ends: None });
        secret
    }

    /// The token of these letters, if there is one that has not ended.
    pub(in crate::github) fn token(&self, secret: &str) -> Option<&Token> {
        self.tokens.get(secret).filter(|token| token.ends.is_none_or(|end| Instant::now() < end))
    }
}
