//! The way in: deliveries become jobs, or a reason why not; those that got lost are found.

pub(crate) mod missed;
pub(crate) mod receive;
mod plan;

pub use receive::{delivery, unfit};
