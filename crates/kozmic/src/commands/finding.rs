//! Findings: the results of single looks in `kozmic check` and `kozmic setup`.

/// Result of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The thing is all right.
    Well(String),
    /// The thing works, but the person should consider something.
    Mind(String),
    /// The thing does not work.
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
    /// The word at the beginning of the finding's line.
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

    /// True if the thing does not work.
    pub(crate) fn is_bad(&self) -> bool {
        matches!(self, Self::Bad(_))
    }
}
