//! Accounts at the double, and their tokens.

use std::time::Duration;

use super::world::{Account, Organization};
use super::{GitHub, stamp};

impl GitHub {
    /// Adds a person; the answer is their id.
    pub fn add_user(&self, login: &str, name: &str, email: &str) -> u64 {
        self.add_account(login, name, email, None)
    }

    /// Adds an organization with these members; the answer is its id.
    pub fn add_organization(&self, login: &str, members: &[&str]) -> u64 {
        self.add_account(login, login, "", Some(Organization::with_members(members)))
    }

    /// A token of this person with all scopes that Kozmic might want, for git and REST.
    pub fn token(&self, login: &str) -> String {
        self.token_with_scopes(login, &["repo", "user", "admin:repo_hook", "read:org"])
    }

    /// A new token of this person with just these scopes.
    pub fn token_with_scopes(&self, login: &str, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.double.change(|world| world.issue_token("ghp_", login, scopes))
    }

    /// A new token that a person made by hand at GitHub's pages, for a program that works in their name: it may use
    /// and administer what they may, webhooks included, and tells nothing else of them.
    pub fn personal_token(&self, login: &str) -> String {
        self.token_with_scopes(login, &["repo", "admin:repo_hook"])
    }

    /// Lets the tokens of all later sign-ins end after so long, as a GitHub App's do. Each brings a secret to renew it.
    pub fn expire_tokens(&self, after: Duration) {
        self.double.change(|world| world.token_lifetime = Some(after));
    }

    /// Takes back one token, as its person can at GitHub's pages; their others stay.
    pub fn revoke_token(&self, token: &str) {
        self.double.change(|world| world.tokens.remove(token));
    }

    /// Takes back all tokens of this person, as when they revoke the application.
    pub fn revoke_tokens(&self, login: &str) {
        self.double.change(|world| world.tokens.retain(|_, token| token.login != login));
    }

    /// Sets how many calls in an hour a person may make (5000 at GitHub).
    pub fn set_rate_limit(&self, limit: u32) {
        self.double.change(|world| world.rate.limit = limit);
    }

    fn add_account(&self, login: &str, name: &str, email: &str, organization: Option<Organization>) -> u64 {
        self.double.change(|world| {
            let id = world.fresh_id();
            world.accounts.push(Account {
                id,
                login: login.to_owned(),
                name: name.to_owned(),
                email: email.to_owned(),
                created_at: stamp::now(),
                organization,
            });
            id
        })
    }
}
