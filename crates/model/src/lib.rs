//! Kozmic's nouns: what a push, a build and a job *are*, and every decision about them that needs no outside.
//!
//! Everything here is pure: no I/O, no clock, no randomness. The time and new ids come in as arguments, so each
//! rule can be tested by calling it. The order of the modules is the order in which a push meets them.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | user | a person who signed in with the forge |
//! | project | a repository that Kozmic builds |
//! | hook | what to run for a project's pushes: an image and a script |
//! | delivery | one request that the forge made to a hook's address |
//! | event | what a delivery says, once it is understood |
//! | build | what one commit on one ref made run |
//! | job | one script of a build, in one container |
//! | attempt | one run of a job |
//! | spec | the snapshot of everything a job needs to run |
//! | runner | the part that takes jobs and runs them |
//! | instance | a Kozmic installation, told apart by its data directory |

pub mod ids;
pub mod time;
pub mod user;
pub mod project;
pub mod git;
pub mod image;
pub mod hook;
pub mod event;
pub mod status;
pub mod spec;
pub mod job;
pub mod build;
pub mod commit_status;
pub mod runner;
pub mod phase;
