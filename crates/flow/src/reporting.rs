//! The last step: reports results to the forge and to people.

pub(crate) mod report;
mod notify;
