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
//! | guest | a user who may sign in because of an organization |
//! | looker | a person or program that only looks; an onlooker looks at the monitor |
//! | sight | the part of the monitor that an onlooker may see |
//! | audit trail | an entry for each change that somebody made, with who made it: the actor, and the deed |
//! | scope | the deeds that an API token allows: read, restart or all |
//! | forge | the server with the repositories, the users and the webhooks: GitHub |
//! | deploy key | the key that gives access to a private repository, for fetching only |
//! | hook | an image and a script to run for a project's pushes |
//! | wake | the rules of a hook that say which events start it; other events let it rest |
//! | turn, of a pull request | a change that is no push: a draft becomes ready, or the target changes |
//! | install script | a script that a hook runs before its own, whose result is kept as a cached image |
//! | tracked file | a file or directory whose change makes the install script run again |
//! | recipe | the configuration repository's entry for one branch: its scripts and the artifacts that they build |
//! | kernel rule | an image and a script to run for pushes to a repository that kernels are made of |
//! | name | the name of an artifact or a kernel's image: made from repository and branch, with one owner |
//! | wish | a request for a name: the plain name and the name with a suffix |
//! | artifact | a file or directory that a job made and published, under a versioned name and behind a stable link |
//! | hub | a server outside of Kozmic to which artifacts are published |
//! | delivery | one request of the forge to an address of Kozmic |
//! | endpoint | the owner of the address that a delivery came to: a hook or the Auto Builder |
//! | subscription | a webhook by which Kozmic gets deliveries |
//! | hearing | the point up to which the deliveries of a subscription were checked at the forge, to find missed ones |
//! | doubt | a delivery that waits for the forge's answer, because it describes its repository in a new way |
//! | book | the forge's list of a webhook's deliveries |
//! | rounds | the times at which the book of each webhook is read |
//! | patience | the rule that says if and when the forge may be asked again after a fault |
//! | event | the meaning of a delivery, once it is understood |
//! | tip | a branch or pull request with its newest commit |
//! | move | one step of a ref from commit to commit; a delivery reported it, or the forge was asked for the ref |
//! | position | the number that orders a build among its ref's pushes; it changes if the ref returns to the commit |
//! | landed | the state of a change that has become a build, and a move of its ref |
//! | place, of a repository | the directory of the repository in the container of a recipe's or kernel rule's job |
//! | place, of an artifact | a destination of the artifact: a hub or a directory |
//! | build | everything that one commit on one ref causes to run |
//! | job | one script of a build, in one container |
//! | attempt | one execution of a job |
//! | course | the state that one pass over an attempt leaves for the next pass |
//! | interrupted | the state of an attempt that ended because its engine, its machine or Kozmic went away |
//! | sequel | the consequence of an attempt's end for its job: the job ends, or runs again |
//! | verdict | the result of a script, or of all hooks' jobs of a build |
//! | culprit | the job that decided a build's bad end |
//! | held, of a job | the state of a job that waits for a person's approval, because it comes from a stranger |
//! | spent | the time that something ran, and the time that it waited |
//! | phase | one part of an attempt's time, for people to see how it was spent |
//! | spec | the snapshot of everything a job needs to run |
//! | task | the part of a spec that tells what to run: a hook's script, a program, or a reading of the configuration |
//! | program | a script of a recipe or kernel rule, which is a file in the container and makes an artifact |
//! | news | the fact that a build just broke, works again, or waits for approval |
//! | notifier | a way to tell people news; those of an installation are a list |
//! | notice | a message about news to a channel: a place that many people read |
//! | mail | a message to one member about a build's news, or a confirmation |
//! | mail turn | the answer to a mail that is to be sent: granted, or one too many for its period |
//! | confirmation | a mail with a link by which a person shows that they read the mail of an address |
//! | outbox | the messages to the forge and to people that wait to be sent |
//! | lane | a queue of jobs or of messages with a task of its own; a slow lane delays no other |
//! | instance | a Kozmic installation, identified by its data directory |
//! | edge | a part of Kozmic that talks to the outside, such as the engine, the forge or the store |
//! | sweep | the removal of data, images and containers that nothing needs any more |
//! | steer | to cancel a job or run it again, as people do |
//! | bell | a wake-up for waiting tasks, without content; the broker has one for each topic |
//! | ring | to wake all tasks that wait at a bell |
//! | deleted project | a project that nobody sees any more, and whose data is about to be erased |
//! | runner | the part that takes orders and runs them, on the machine of its engine |
//! | coordinator | the part that gives runners their orders, and stores their reports |
//! | office | a coordinator together with people's actions, for the cases that each coordinator passes |
//! | order, of a runner | one attempt at a job, with everything that a runner needs for it |
//! | label | a word by which a job asks for a kind of machine, and by which a runner says what it is |
//! | class | the facts about a job that decide which runner may have it: project, labels, and if it is a fork's |
//! | placement | the choice of a runner for each waiting job |
//! | claim | a runner's request for a job; a claim that is repeated with its key gives the same job |
//! | wire | the connections between the server and a runner on another machine |
//! | line | the connection that a runner on another machine keeps open as long as it lives |
//! | uplink | the way of an attempt's log from a runner to the server |
//! | registry, of runners | the runners that a server knows, for the server's end of the wire |
//! | lease | the right of a runner to its jobs, until a time |
//! | beat | a runner's regular report that it is alive |
//! | desk | the state of a runner: free slots, trouble and its beat |
//! | slot | the capacity of a runner for one job |
//! | halt | the watch over a running attempt, which stops it when it is canceled or takes too long |
//! | shelf | the images that Kozmic made on a runner's engine |
//! | turn | a lock with a name, which one job at a time holds |
//! | puller | a project that pulls images of a repository onto a runner's engine |
//! | gate | the wait inside of a container until the checkout is there |
//! | side door | a helper container through which files get into a job's volume |
//! | walls | the protection of the machine from job containers |
//! | way out | the addresses that a job container reaches, and the rules against that |
//! | fence | the check that refuses requests to the server from job containers |
//! | mirror | a local copy of a forge's repository, from which commits are checked out |
//! | transport, of git | the connection for a fetch: HTTP or SSH |
//! | room | the free space of disks, of which a part is kept free |
//! | ballast | a file that only takes room; it is removed when the disk is full, so that the database can write |
//! | vault | the part that seals and opens tokens and secrets |
//! | pulse | the result of the last try to write to the database |
//! | crowd | the number of requests and live views that each client behind a proxy has open |
//! | visit | a person's request for a page |
//! | face | the settings of the installation that concern browsers |
//! | broadcaster | the task that looks at the store once for all live viewers of the monitor |
//! | seat | a viewer's connection to the broadcaster |
//! | tail | the last lines of a log |
//! | story | a test of the whole program |
//! | double | a server that stands in for GitHub or a hub in tests |
//! | stage | the set-up of a test |
//! | world | the whole state of a double, or of the scripted engine |
//! | ledger | a coordinator for tests |
//! | letterbox | an address in a test that takes deliveries |
//! | workshop | a Kozmic for measurements, which builds by recipes |
//! | hands | a person's input to a page in a browser |

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
pub mod event;
pub mod touched;
pub mod pattern;
pub mod wake;
pub mod hook;
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
pub mod label;
pub mod runner;
pub mod placement;
pub mod monitor;
pub mod phase;
#[cfg(test)]
mod samples;
