//! A scripted engine for tests, in memory: it answers at once, and executes a job's script. Beside it there is a
//! scripted notifier, [`ScriptedChannel`], and [`edges_to_nowhere`] gives edges without any server.
//!
//! [`ScriptedEngine`] satisfies the contract of [`Engine`](kozmic_edges::engine::Engine) as Docker does; one suite in
//! `tests/contract` tests both. With it, the steps of a runner are tested in milliseconds: every end of an attempt, and
//! a crash or a lost connection at each of its calls.
//!
//! # Scripts
//! A container runs a small part of sh, so that the same script also runs on Docker: see [`shell`]. A line that is not
//! understood ends the script with 127 and a message on standard error. The engine then panics when it is dropped,
//! unless the test took the complaint by [`ScriptedEngine::complaints`]. Some comments are remarks to the engine:
//!
//! | remark | the engine |
//! |---|---|
//! | `# engine: vanish` | loses the container, as if somebody had removed it |
//! | `# engine: cut` | loses all connections to the container, which continues |
//! | `# engine: blind` | misses everything that follows in the container: its output and its end |
//! | `# engine: away` | answers nobody until [`ScriptedEngine::come_back`]; containers continue |
//! | `# engine: restart` | restarts; containers continue |
//! | `# engine: stop` | stops, which ends all containers by SIGTERM, and restarts |
//! | `# engine: kill` | is killed, and ends all containers by SIGKILL when it restarts |
//!
//! # Faults from outside
//! Calls are numbered from 0 and recorded ([`ScriptedEngine::calls`]). A test plans a fault for a call by its number,
//! or for the next call of a [`Verb`]: [`ScriptedEngine::fail`], [`ScriptedEngine::hold`].
//!
//! So a test can loop over all calls of an attempt, and lose the answer to one of them each time:
//!
//! ```
//! use kozmic_edges::engine::{Engine, EngineError};
//! use kozmic_scripted::{At, Fault, Sample, ScriptedEngine};
//! # use kozmic_model::image::ImageName;
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//!
//! async fn step(engine: &ScriptedEngine, name: &ImageName) -> Result<bool, EngineError> {
//!     engine.ping().await?;
//!     Ok(engine.image(name).await?.is_some())
//! }
//!
//! let name: ImageName = "debian:bookworm".parse()?;
//! let whole = ScriptedEngine::new();
//! whole.add_image(&name, Sample::debian());
//! assert!(step(&whole, &name).await?);
//! for number in 0..whole.calls().len() {
//!     let engine = ScriptedEngine::new();
//!     engine.add_image(&name, Sample::debian());
//!     engine.fail(At::Call(number), Fault::Lost);
//!     assert!(step(&engine, &name).await.is_err_and(|fault| fault.is_unreachable()));
//!     assert!(step(&engine, &name).await?, "it is tried again");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Differences
//! No time passes here: a container that ignores SIGTERM gets SIGKILL at once, whatever its grace period is. A
//! container does not wait for a reader that does not read. No call reads the clock, except to record the time of
//! output.
// A future that works with the store holds those of the layers below it.
#![recursion_limit = "256"]

mod engine;
mod answers;
mod steering;
mod plans;
mod verb;
mod streams;
mod sample;
mod world;
pub mod shell;
mod input;
mod printed;
mod files;
mod channel;
mod edges;
#[cfg(test)]
mod tests;

pub use answers::{ARCHITECTURE, MEMORY};
pub use channel::{Behaviour, ScriptedChannel};
pub use edges::edges_to_nowhere;
pub use engine::ScriptedEngine;
pub use plans::{At, Fault, Held, Restart, Side};
pub use sample::Sample;
pub use verb::Verb;
