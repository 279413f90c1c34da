//! What is wrong with a file of the configuration repository, and where.

use std::fmt;

/// What is wrong with a file, and where: `path:line:column: sentence`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecipeFault {
    /// The file, below the configuration repository's root.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub sentence: String,
}

impl fmt::Display for RecipeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, column, sentence } = self;
        write!(f, "{path}:{line}:{column}: {sentence}")
    }
}
