//! The steps, on an engine that does what scripts say and a coordinator that takes notes: every end of an attempt, and a
//! crash at each call that a runner makes.

mod clearing;
mod crashes;
mod bases;
mod fetching;
mod orders;
mod telling;
mod networks;
mod faults;
mod ends;
mod installs;
mod programs;
mod port;
mod stage;
mod ledger;
