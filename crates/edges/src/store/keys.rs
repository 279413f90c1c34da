//! Deploy keys, and credentials of image registries.

mod credentials;
pub(super) mod deploy_keys;

use super::database::Database;

/// Deploy keys, and credentials of image registries.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    pub(super) db: &'a Database,
}
