//! The outside world for Kozmic's tests: a double of GitHub, people, browsers, and the real `kozmic` binary as a child
//! process. Nothing of it is in the binary. It knows Kozmic only by its addresses, as GitHub and a browser do.
//!
//! In the order of a push: a commit appears at [`github`], a [`server`] runs it, a [`person`] or a
//! [`browser`] watches it [`live`], [`docker`] shows what is left behind, and the status is back at
//! [`github`]. Beside them stand real servers that a story may need: a [`registry`] of images, a
//! [`mail`] server, a [`postgres`] with a [`pgbouncer`] before it, a [`mariadb`], an [`authority`] of certificates, an
//! [`engine_on_tls`], a [`tls_door`] before a server, a network of its own for a runner ([`netns`]), a second
//! [`engine`] that may be stopped and killed; and a second double, the [`hub`] of artifacts. A story reads so:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use kozmic_testkit::github::{Commit, GitHub, NewRepository, State};
//! use kozmic_testkit::person::{NewHook, Person};
//! use kozmic_testkit::server::{Server, ServerOptions};
//!
//! # async fn story() -> anyhow::Result<()> {
//! let limit = Duration::from_secs(60);
//! let github = GitHub::start().await?;
//! github.add_user("anna", "Anna Orbit", "anna@example.com");
//! github.add_repository(NewRepository::public("anna/hello"))?;
//!
//! let server = Server::start(ServerOptions::new("target/debug/kozmic", &github)).await?;
//! let anna = Person::sign_in(&server, &github, "anna").await?;
//! let project = anna.add_project("anna/hello").await?;
//! let hook = NewHook { title: "Tests", image: "kozmic/debian:bookworm", script: "#!/bin/bash\necho hi" };
//! anna.add_hook(project, hook).await?;
//!
//! let pushed = github.push_commit("anna/hello", "main", Commit::new("Begin").file("a", "1")).await?;
//! let build = anna.wait_for_build(project, limit, |build| build.job.is_some()).await?;
//! anna.live(project, build.job()?, 0).await?.read_until("hi", limit).await?;
//! github.wait_for_status("anna/hello", &pushed.sha, State::Success, limit).await?;
//! github.assert_no_wrong_calls();
//! # Ok(())
//! # }
//! ```

mod http;
mod program;

pub mod port;
pub mod github;
pub mod server;
pub mod runner;
pub mod cable;
pub mod html;
pub mod person;
pub mod live;
pub mod browser;
pub mod docker;
pub mod engine;
mod shared_engine;
pub mod registry;
pub mod authority;
pub mod engine_on_tls;
pub mod tls_door;
pub mod netns;
pub mod held_engine;
pub mod mail;
pub mod database;
pub mod mariadb;
pub mod postgres;
pub mod pgbouncer;
pub mod disk;
pub mod hub;
pub mod demo;
pub mod bench;
