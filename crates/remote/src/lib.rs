//! The wire between the server and a runner on another machine, with both of its ends.
//!
//! The runner's end is [`Away`], a coordinator that passes each call to the server. The server's end is a router over a
//! [`Registry`], which knows the runners and their coordinators. The runner opens all connections. Between a call of
//! the runner and the database, nothing is decided here.
//!
//! One connection, the *line*, stays open as long as the runner lives. It carries beats in both directions, and what the
//! server has to tell without being asked. Calls are single requests, which are repeated if their answers are lost. Each
//! attempt's log has a connection of its own.
//!
//! The modules are in the order of their use; each calls only modules below it.

mod away;
mod server;
mod protocol;
mod token;

pub use away::{Access, Away, Introduction};
pub use protocol::{BEAT, OLDEST, PROTOCOL};
pub use server::{Connection, Installation, KnownRunner, Push, Registry, RunnerHello, router};
pub use token::{NotAToken, RunnerToken};
