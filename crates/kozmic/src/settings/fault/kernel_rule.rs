//! A sentence for each possible fault of a kernel rule.

/// The fault of a kernel rule.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KernelRuleFault {
    /// Rules have no such key.
    #[error("there is no key \"{key}\"; did you mean \"{nearest}\"?")]
    Unknown {
        /// The key as written.
        key: String,
        /// The known key that is most similar.
        nearest: &'static str,
    },
    /// A setting of the whole installation stands below a line `[[kernel]]`, so it is read as a part of that rule.
    #[error("\"{0}\" is a setting of its own: write it above the first line [[kernel]]")]
    Setting(String),
    /// A value is not text, as all values of rules have to be.
    #[error("\"{key}\" is {found}: it needs to be text in quotes")]
    NotText {
        /// The key.
        key: &'static str,
        /// The kind of the value in the file.
        found: &'static str,
    },
    /// A value is neither text nor a list of texts.
    #[error("\"{key}\" is {found}: it needs to be text in quotes, or a list of such texts")]
    NotTexts {
        /// The key.
        key: &'static str,
        /// The kind of the value in the file.
        found: &'static str,
    },
    /// The rule lacks a necessary key.
    #[error("\"{key}\" is missing: it needs to be {right}")]
    Missing {
        /// The key.
        key: &'static str,
        /// Description of a right value.
        right: &'static str,
    },
    /// The value cannot be used.
    #[error("\"{key}\" is \"{value}\": it needs to be {right}")]
    Wrong {
        /// The key.
        key: &'static str,
        /// The value as written, with control characters made visible.
        value: String,
        /// Description of a right value.
        right: &'static str,
    },
    /// The key belongs to rules of the other kind.
    #[error("\"{key}\" has no place in a {kind} rule, which {start}")]
    Misplaced {
        /// The key.
        key: &'static str,
        /// The rule's kind.
        kind: &'static str,
        /// Words for the image from which such a rule starts.
        start: &'static str,
    },
    /// Two rules are for the same repository.
    #[error("{repository} has rule {first} already: write one rule for each repository")]
    Twice {
        /// The repository, as this rule spells it.
        repository: String,
        /// The number of its first rule, counted from 1.
        first: usize,
    },
    /// No rule makes the images from which this one starts.
    #[error("\"base\" is \"{0}\": it needs to be the repository of a generic rule, and none has it")]
    NoBase(String),
}
