//! Images on runners' engines: those of install scripts and kernels, and those that were pulled.

mod cached;
mod kernels;
mod pulls;

pub use cached::NewCachedImage;
pub use pulls::Puller;

use super::database::Database;

/// Images on runners' engines: those of install scripts and kernels, and those that were pulled.
#[derive(Clone, Copy)]
pub struct Images<'a> {
    pub(super) db: &'a Database,
}
