//! The outside world of Kozmic's tests: GitHub doubled by a server, people, browsers, and the real
//! `kozmic` binary as a child process. Nothing of it is in the binary, and it knows Kozmic only by its
//! addresses, as GitHub and a browser do.

mod http;

pub mod github;
