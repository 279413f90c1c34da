//! The files of containers and images.

mod archive;
mod disk;
mod tree;

pub(crate) use archive::{pack, unpack};
pub(crate) use disk::{Disk, Found, Volumes};
pub(crate) use tree::{Node, Tree};
