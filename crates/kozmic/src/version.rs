//! The program's version, with the commit from which it is made.

/// The version as in `--version` and in the server's log: `0.1.0 (19eeddb 2026-11-28)`.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILT_FROM"), ")");
