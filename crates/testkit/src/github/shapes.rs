//! GitHub's JSON, as its documentation and its answers have it, for REST answers and deliveries alike.

mod user;
mod repository;
mod commit;
mod hook;
mod deploy_key;
mod status;
mod push;
mod pull;
mod event;

use super::double::Double;
use super::world::World;

/// Writes parts of the world in GitHub's JSON.
pub(super) struct Shapes<'a> {
    world: &'a World,
    base: &'a str,
}

impl Shapes<'_> {
    /// The REST address of a path that starts with `/`.
    fn api(&self, path: &str) -> String {
        format!("{}/api/v3{path}", self.base)
    }
}

impl Double {
    /// Writes something of the world in GitHub's JSON.
    pub(super) fn shapes<T>(&self, write: impl FnOnce(&Shapes<'_>) -> T) -> T {
        self.read(|world| write(&Shapes { world, base: &self.base }))
    }
}
