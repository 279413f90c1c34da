//! A sentence for each thing that can be wrong with a kernel rule.

/// The fault of a kernel rule.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KernelRuleFault {
    /// No rule has such a key.
    #[error("there is no key \"{key}\"; did you mean \"{nearest}\"?")]
    Unknown {
        /// As written.
        key: String,
        /// The known one that is most like it.
        nearest: &'static str,
    },
    /// A setting of the whole installation stands among the rules, where it is taken for a part of one.
    #[error("\"{0}\" is a setting of its own: write it above the first line [[kernel]]")]
    Setting(String),
    /// All that rules say is text.
    #[error("\"{key}\" is {found}: it needs to be text in quotes")]
    NotText {
        /// The key.
        key: &'static str,
        /// The kind of value that stands there.
        found: &'static str,
    },
    /// The rule does not say what it has to.
    #[error("\"{key}\" is missing: it needs to be {right}")]
    Missing {
        /// The key.
        key: &'static str,
        /// The right kind of value.
        right: &'static str,
    },
    /// The value cannot be used.
    #[error("\"{key}\" is \"{value}\": it needs to be {right}")]
    Wrong {
        /// The key.
        key: &'static str,
        /// As written, with control characters made visible.
        value: String,
        /// The right kind of value.
        right: &'static str,
    },
    /// The key belongs to rules of the other kind.
    #[error("\"{key}\" has no place in a {kind} rule, which {start}")]
    Misplaced {
        /// The key.
        key: &'static str,
        /// The rule's kind.
        kind: &'static str,
        /// The words for the place where such a rule starts.
        start: &'static str,
    },
    /// A push would wake two rules.
    #[error("{repository} has rule {first} already: write one rule for each repository")]
    Twice {
        /// The repository, as this rule spells it.
        repository: String,
        /// The rule that it has, counted from 1.
        first: usize,
    },
    /// There is no rule that makes the images that this one starts from.
    #[error("\"base\" is \"{0}\": it needs to be the repository of a generic rule, and none has it")]
    NoBase(String),
}
