//! The program's version, with the commit that it is made from.

/// As `--version` and the server's log show it: `0.1.0 (19eeddb 2026-11-28)`.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILT_FROM"), ")");
