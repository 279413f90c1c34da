//! The steps, on an engine that does what scripts say and a coordinator that takes notes: every end of an attempt, and a
//! crash at each call that a runner makes.

mod crashes;
mod ends;
mod faults;
mod installs;
mod ledger;
mod programs;
mod port;
mod stage;
