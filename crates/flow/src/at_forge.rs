//! Keeps Kozmic and the forge in line: sign-in, members and their rights, webhooks, deploy keys, commit messages.

mod hooks;
mod people;
mod guests;
mod members;
mod message;
mod trust;
mod asked;
mod describe;
pub(crate) mod keys;
pub(crate) mod speak;
pub(crate) mod patience;

pub use guests::{may_stay, ring_out};
pub use hooks::{delete_hook, delete_project, restore, webhook};
pub use members::members;
pub use people::{NotInvited, Returned, SignedIn, add_project, repositories, sign_in};

pub(crate) use asked::{Answer, Asked};
pub(crate) use describe::description;
pub(crate) use guests::forever as look_after_guests;
pub(crate) use hooks::interest;
pub(crate) use members::forever;
pub(crate) use message::{Messages, message};
pub(crate) use trust::{Trusts, may_push};
