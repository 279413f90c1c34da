//! The last step: what happened is told, to the forge and to people.

pub(crate) mod report;
mod notify;
