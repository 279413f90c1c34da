//! Findings: results of looks at single things, in `kozmic check` and in `kozmic setup`.

/// Result of a look at one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// All is well.
    Well(String),
    /// It is worth a thought.
    Mind(String),
    /// It does not work.
    Bad(String),
}

impl From<Result<String, String>> for Finding {
    fn from(look: Result<String, String>) -> Self {
        match look {
            Ok(found) => Self::Well(found),
            Err(fault) => Self::Bad(fault),
        }
    }
}

impl Finding {
    /// The word at the beginning of its line.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Well(_) => "ok",
            Self::Mind(_) => "note",
            Self::Bad(_) => "FAIL",
        }
    }

    /// The words for people.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Well(words) | Self::Mind(words) | Self::Bad(words) => words,
        }
    }

    /// Whether it does not work.
    pub(crate) fn is_bad(&self) -> bool {
        matches!(self, Self::Bad(_))
    }
}
