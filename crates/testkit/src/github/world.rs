//! Everything that the double knows: people, repositories, tokens, and what has happened so far. The other modules read
//! and change it; it calls none of them.

mod account;
mod organization;
mod repository;
mod access;
mod hook;
mod delivery;
mod deploy_key;
mod pull;
mod status;
mod journal;
mod ssh_access;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use journal::Journal;

pub(super) use account::{Account, Grant, Token};
pub(super) use deploy_key::{RefusedType, fingerprint, public_key};
pub(super) use organization::{Organization, Team};
pub(super) use pull::{Pull, Side};
pub(super) use ssh_access::SshAccess;

pub use delivery::Delivery;
pub use deploy_key::DeployKey;
pub use hook::Hook;
pub use journal::{Area, Request};
pub use repository::{Permission, Repository};
pub use status::{State, Status};

/// Calls in an hour that GitHub grants to a person.
const RATE_LIMIT: u32 = 5000;

/// The state of the double, behind one lock.
pub(super) struct World {
    pub(super) accounts: Vec<Account>,
    pub(super) repositories: Vec<Repository>,
    /// Full names in small letters that are used no more, each with the id of the repository that it leads to.
    pub(super) moved: BTreeMap<String, u64>,
    pub(super) refused_types: Vec<RefusedType>,
    pub(super) ssh: Option<SshAccess>,
    /// True if nobody gets anything without credentials, public repositories included.
    pub(super) private_mode: bool,
    pub(super) tokens: BTreeMap<String, Token>,
    /// Lifetime of the tokens that sign-ins bring, if they end.
    pub(super) token_lifetime: Option<Duration>,
    pub(super) grants: BTreeMap<String, Grant>,
    pub(super) deliveries: Vec<Delivery>,
    /// Number of a webhook's deliveries that can be listed and sent again.
    pub(super) kept_deliveries: usize,
    /// Advance of the clock that deliveries are dated by.
    pub(super) ahead: Duration,
    pub(super) journal: Journal,
    pub(super) rate: Rate,
    last_id: u64,
}

/// The hour's limit of calls, and how many each person has used up.
pub(super) struct Rate {
    pub(super) limit: u32,
    pub(super) used: BTreeMap<String, u32>,
    pub(super) since: SystemTime,
}

impl Default for World {
    fn default() -> Self {
        Self {
            accounts: Vec::new(),
            repositories: Vec::new(),
            moved: BTreeMap::new(),
            refused_types: Vec::new(),
            ssh: None,
            private_mode: false,
            tokens: BTreeMap::new(),
            token_lifetime: None,
            grants: BTreeMap::new(),
            deliveries: Vec::new(),
            kept_deliveries: usize::MAX,
            ahead: Duration::ZERO,
            journal: Journal::default(),
            rate: Rate { limit: RATE_LIMIT, used: BTreeMap::new(), since: SystemTime::now() },
            last_id: 1000,
        }
    }
}

impl World {
    /// An id that nothing else has.
    pub(super) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The account of this login, in any case of letters.
    pub(super) fn account(&self, login: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.login.eq_ignore_ascii_case(login))
    }

    /// The repository of this full name, in any case of letters; also of one that it had before.
    pub(super) fn repository(&self, full_name: &str) -> Option<&Repository> {
        self.place(full_name).and_then(|place| self.repositories.get(place))
    }

    /// The repository of this full name, to be changed; also of one that it had before.
    pub(super) fn repository_mut(&mut self, full_name: &str) -> Option<&mut Repository> {
        self.place(full_name).and_then(|place| self.repositories.get_mut(place))
    }

    /// The repository of this id.
    pub(super) fn repository_by_id(&self, id: u64) -> Option<&Repository> {
        self.repositories.iter().find(|repository| repository.id == id)
    }

    /// Index of the repository. One that has the name now goes before one that had it once.
    fn place(&self, full_name: &str) -> Option<usize> {
        let named = |one: &Repository| one.full_name().eq_ignore_ascii_case(full_name);
        self.repositories.iter().position(named).or_else(|| {
            let id = self.moved.get(&full_name.to_lowercase())?;
            self.repositories.iter().position(|one| one.id == *id)
        })
    }

    /// The login whose address of mail this is.
    pub(super) fn login_of_email(&self, email: &str) -> Option<&str> {
        self.accounts.iter().find(|account| account.email == email).map(|account| account.login.as_str())
    }
}
