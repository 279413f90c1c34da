//! The pages, one file for each subject. Their content is collected here, and their look is in `templates/`.

mod missed;
pub(crate) mod parts;
mod frame;
mod button;
mod tail;
pub(crate) mod sign_in;
pub(crate) mod avatars;
pub(crate) mod account;
pub(crate) mod mail_links;
pub(crate) mod repositories;
pub(crate) mod projects;
pub(crate) mod builds;
pub(crate) mod raw_log;
pub(crate) mod cancel;
pub(crate) mod approve;
pub(crate) mod restart;
pub(crate) mod history;
pub(crate) mod audit;
pub(crate) mod settings;
pub(crate) mod hooks;
pub(crate) mod runners;
pub(crate) mod monitor;

#[cfg(test)]
pub(crate) use frame::samples;
