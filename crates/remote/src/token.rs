//! The token of a runner: its name and a secret. The server stores only a fingerprint of it.

use kozmic_edges::secret;
use secrecy::{ExposeSecret, SecretString};
use std::{fmt, str::FromStr};

/// The start of each token, so that people and scanners recognize one.
const START: &str = "kzr_";

/// The number of digits of a runner's name.
const NAME: usize = 12;

/// The number of digits of the secret.
const SECRET: usize = 64;

/// A runner's token: `kzr_<name>_<secret>`, both in hexadecimal digits. The name marks the runner's containers.
#[derive(Clone)]
pub struct RunnerToken {
    name: String,
    text: SecretString,
}

impl RunnerToken {
    /// The token of a new runner.
    pub fn random() -> Self {
        let (name, own) = (secret::random(), secret::random());
        let name = name.expose_secret()[..NAME].to_owned();
        let text = format!("{START}{name}_{}", own.expose_secret()).into();
        Self { name, text }
    }

    /// The runner's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole token. It opens the server to a runner.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// The fingerprint that the server stores.
    pub fn fingerprint(&self) -> String {
        secret::fingerprint(self.expose())
    }
}

impl FromStr for RunnerToken {
    type Err = NotAToken;
    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let (name, own) = text.strip_prefix(START).and_then(|rest| rest.split_once('_')).ok_or(NotAToken)?;
        let are_digits = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_token = name.len() == NAME && own.len() == SECRET && are_digits(name) && are_digits(own);
        is_token.then(|| Self { name: name.to_owned(), text: text.into() }).ok_or(NotAToken)
    }
}

impl fmt::Debug for RunnerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{START}{}_…", self.name)
    }
}

/// The text is no token of a runner.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a runner's token is kzr_, 12 hexadecimal digits, _ and 64 more digits, as \"kozmic runners add\" prints it"
)]
pub struct NotAToken;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_shown_without_its_secret() {
        let token = RunnerToken::random();
        let again = token.expose().parse::<RunnerToken>().unwrap();
        assert_eq!((again.name(), again.fingerprint()), (token.name(), token.fingerprint()));
        assert_ne!(RunnerToken::random().fingerprint(), token.fingerprint());
        let shown = format!("{token:?}");
        assert!(shown.contains(token.name()) && !shown.contains(&token.expose()[20..]), "{shown}");
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let token = RunnerToken::random();
        let whole = token.expose();
        let upper = whole.to_uppercase();
        for text in
            ["", "kzr_", "kzr__", &whole[..80], &format!("{whole}0"), &upper, &whole.replace('_', "-")]
        {
            assert!(text.parse::<RunnerToken>().is_err(), "{text}");
        }
    }
}
