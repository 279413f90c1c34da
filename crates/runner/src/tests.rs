//! Tests of the steps, with a scripted engine and a coordinator in memory: every end of an attempt, and a crash at each
//! call of a runner.

mod claims;
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

use crate::ledger;
