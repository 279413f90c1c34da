//! Tests of the client for GitHub: the double as the contract's other side, cases of GitHub alone, and a server that
//! gives prepared answers.

mod alone;
pub(in crate::forge) mod double;
pub(in crate::forge::github) mod loopback;
