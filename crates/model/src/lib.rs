//! Kozmic's nouns: pushes, builds and jobs, and every decision about them that needs nothing from outside.
//!
//! Everything here is pure: no I/O, no clock, no randomness. The time and new ids are arguments, so each rule can be
//! tested by calling it. The order of the modules is the order in which a push meets them.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | user | a person who signed in with the forge, or may see a project there |
//! | project | a repository that Kozmic builds |
//! | member | a user of a project, with a role: owner, manager or member |
//! | admission | the organization by which the forge says that a user may sign in |
//! | audit trail | an entry for each change that somebody made, with who made it: the actor, and the deed |
//! | scope | the deeds that an API token allows: read, restart or all |
//! | deploy key | the key that gives access to a private repository, for fetching only |
//! | hook | an image and a script to run for a project's pushes |
//! | install script | a script that a hook runs before its own, whose result is kept as a cached image |
//! | tracked file | a file or directory whose change makes the install script run again |
//! | recipe | the configuration repository's entry for one branch: its scripts and the artifacts that they build |
//! | kernel rule | an image and a script to run for pushes to a repository that kernels are made of |
//! | name | the name of an artifact or a kernel's image: made from repository and branch, with one owner |
//! | artifact | a file or directory that a job made and published, under a versioned name and behind a stable link |
//! | delivery | one request of the forge to an address of Kozmic |
//! | event | the meaning of a delivery, once it is understood |
//! | move | one step of a ref from commit to commit, as a delivery tells of it |
//! | position | the place of a build in the order of its ref's pushes, set again when the ref is back at its commit |
//! | build | everything that one commit on one ref causes to run |
//! | job | one script of a build, in one container |
//! | attempt | one execution of a job |
//! | interrupted | of an attempt: it ended because its engine, its machine or Kozmic went away |
//! | held | of a job: it waits until a person approves it, because it comes from a stranger |
//! | spec | the snapshot of everything a job needs to run |
//! | task | the part of a spec that tells what to run: a hook's script, a program, or a reading of the configuration |
//! | program | a script of a recipe or kernel rule, which is a file in the container and makes an artifact |
//! | news | that a build just broke, works again, or waits for approval |
//! | notifier | a way to tell people news; those of an installation are a list |
//! | notice | a message about news to a channel: a place that many people read |
//! | lane | a queue with a task of its own, so that a slow lane delays no other: of jobs, or of messages that wait to be sent |
//! | mail | a message to one member about a build's news, or a confirmation |
//! | confirmation | a mail with a link by which a person shows that they read the mail of an address |
//! | runner | the part that takes orders and runs them, on the machine of its engine |
//! | coordinator | the part that gives runners their orders, and stores their reports |
//! | order | one attempt at a job, with everything that a runner needs for it |
//! | instance | a Kozmic installation, identified by its data directory |
//! | gate | the wait inside of a container until the checkout is there |
//! | side door | a helper container through which files get into a job's volume |
//! | turn | a lock with a name, which one job at a time holds |
//! | bell | a wake-up for waiting tasks, without content |

pub mod ids;
pub mod time;
pub mod user;
pub mod invited;
pub mod fork;
pub mod sudo;
pub mod project;
pub mod token;
pub mod audit;
pub mod git;
pub mod deploy_key;
pub mod form;
pub mod registry;
pub mod image;
pub mod address;
pub mod install;
pub mod cache;
pub mod interruption;
pub mod hook;
pub mod event;
pub mod status;
pub mod order;
pub mod spent;
pub mod names;
pub mod artifact;
pub mod place;
pub mod kernel_image;
pub mod spec;
pub mod recipe;
pub mod kernel;
pub mod ending;
pub mod job;
pub mod environment;
pub mod verdict;
pub mod sequel;
pub mod build;
pub mod commit_status;
pub mod terminal;
mod clean;
pub mod news;
pub mod notice;
pub mod mail;
pub mod missed;
pub mod runner;
pub mod monitor;
pub mod phase;
#[cfg(test)]
mod samples;
