//! Keeps Kozmic and the forge in line: who signs in, who may see what, webhooks, deploy keys, commit messages.

mod describe;
mod hooks;
mod members;
mod message;
mod people;

pub use hooks::{delete_hook, delete_project, restore, webhook};
pub use members::members;
pub use people::{NotInvited, SESSION, SignedIn, add_project, repositories, sign_in};

pub(crate) use describe::description;
pub(crate) use members::forever;
pub(crate) use message::{Message, Messages, message};
