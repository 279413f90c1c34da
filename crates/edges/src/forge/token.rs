//! A person's token, with all that the forge says of it.

use kozmic_model::time::Timestamp;
use secrecy::SecretString;

/// A token that the forge gave to a person.
pub struct Token {
    /// The secret for calls in the person's name.
    pub access: SecretString,
    /// The secret for a new token when this one ends. None if the forge gives none.
    pub refresh: Option<SecretString>,
    /// The time when the token ends. None if it does not end by itself.
    pub expires_at: Option<Timestamp>,
}
