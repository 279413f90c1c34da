//! Images on runners' engines: images of install scripts and kernels, and pulled images.

mod cached;
mod kernels;
mod pulls;

pub use cached::NewCachedImage;
pub use pulls::Puller;

use super::database::Database;

/// Images on runners' engines: images of install scripts and kernels, and pulled images.
#[derive(Clone, Copy)]
pub struct Images<'a> {
    pub(super) db: &'a Database,
}
