//! Users, their sessions, tokens and settings.

mod accounts;
mod sessions;
mod tokens;
pub(super) mod users;

pub use accounts::LinkOutcome;
pub use sessions::{NewSession, SessionLine, SessionLook};
pub use tokens::TokenHolder;
pub use users::Avatar;

use super::database::Database;

/// Users, their sessions, tokens and settings.
#[derive(Clone, Copy)]
pub struct People<'a> {
    pub(super) db: &'a Database,
}
