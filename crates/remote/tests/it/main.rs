//! Both ends of the wire over real loopback connections, in front of a coordinator in memory.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod artifacts;
mod calls;
mod contract;
mod git;
mod hostile;
mod line;
mod logs;
mod proxy;
mod recorded;
mod registry;
mod restored;
mod stage;
