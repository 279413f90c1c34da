//! The outside world of Kozmic's tests: GitHub doubled by a server, people, browsers, and the real
//! `kozmic` binary as a child process. Nothing of it is in the binary, and it knows Kozmic only by its
//! addresses, as GitHub and a browser do.
//!
//! In the order of a push: a commit appears at [`github`], a [`server`] runs it, a [`person`] or a
//! [`browser`] watches it [`live`], [`docker`] shows what is left behind, and the status is back at
//! [`github`].

mod http;
mod program;
pub mod html;

pub mod github;
pub mod server;
pub mod person;
pub mod live;
pub mod browser;
pub mod docker;
