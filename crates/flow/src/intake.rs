//! The way in: deliveries become jobs or get a reason why not, and lost deliveries are found.

pub(crate) mod missed;
pub(crate) mod receive;
mod plan;

pub use receive::{delivery, unfit};
