//! The present installation: its settings file, its secret and its environment.

use super::{
    place::{Place, is_root},
    questions::{QUESTIONS, SECRET},
};
use crate::{
    failure::Failure,
    settings::{proposed, read_file},
};
use anyhow::anyhow;
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Value};

/// The present installation.
pub(super) struct Installation {
    pub(super) place: Place,
    /// The settings file with its comments; none if it does not exist.
    pub(super) document: Option<DocumentMut>,
    /// The OAuth application's secret, if it can be read.
    pub(super) secret: Option<SecretString>,
}

impl Installation {
    /// Reads the installation at a place.
    ///
    /// # Errors
    /// The settings file cannot be read, or is no TOML.
    pub(super) fn read(place: Place) -> Result<Self, Failure> {
        let document = match place.settings.exists() {
            true => Some(document(&place.settings)?),
            false => None,
        };
        let mut installation = Self { place, document, secret: None };
        if let Some(file) = installation.value(&format!("{SECRET}_file")) {
            installation.place.secret = PathBuf::from(file);
        }
        installation.secret = installation.known_secret();
        Ok(installation)
    }

    /// The value of a setting in the file.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let text = plain(self.document.as_ref()?.get(name)?)?;
        Some(text).filter(|text| !text.trim().is_empty())
    }

    /// The answer to propose: the present value, or the most likely one.
    pub(super) fn offered(&self, name: &str) -> String {
        let known = self.value(name).or_else(|| variable(&format!("KOZMIC_{}", name.to_uppercase())));
        let likely = || match name {
            "data_dir" if is_root() => Some("/var/lib/kozmic".to_owned()),
            "data_dir" => std::path::absolute("data").ok().map(|path| path.display().to_string()),
            "docker_url" => {
                variable("DOCKER_HOST").or_else(|| Some("unix:///var/run/docker.sock".to_owned()))
            }
            "docker_cert_path" if variable("DOCKER_TLS_VERIFY").is_some() => variable("DOCKER_CERT_PATH"),
            _ => proposed::default(name).map(str::to_owned),
        };
        known.or_else(likely).unwrap_or_default()
    }

    fn known_secret(&self) -> Option<SecretString> {
        let name = format!("KOZMIC_{}", SECRET.to_uppercase());
        let written = self.value(SECRET).or_else(|| variable(&name)).map(SecretString::from);
        let named = || in_file(Path::new(&variable(&format!("{name}_FILE"))?));
        written.or_else(named).or_else(|| self.place.known_secret())
    }
}

impl Place {
    /// The secret in its file.
    pub(super) fn known_secret(&self) -> Option<SecretString> {
        in_file(&self.secret)
    }
}

fn in_file(file: &Path) -> Option<SecretString> {
    let text = file.is_file().then(|| read_file(file).ok())??;
    Some(text.trim_end()).filter(|text| !text.is_empty()).map(SecretString::from)
}

/// Variables of this command's environment that would override the answers if the server has them, too.
pub(super) fn variables_that_win() -> Vec<String> {
    let names = QUESTIONS.iter().map(|question| format!("KOZMIC_{}", question.name.to_uppercase()));
    let names = names.flat_map(|name| [format!("{name}_FILE"), name]);
    names.filter(|name| variable(name).is_some()).collect()
}

fn document(path: &Path) -> Result<DocumentMut, Failure> {
    let text = read_file(path)?;
    text.parse().map_err(|fault: toml_edit::TomlError| {
        // The fault's own words would show the line, which may be a secret.
        let at = fault.span().map_or(0, |span| text.floor_char_boundary(span.start));
        let line = text[..at].matches('\n').count() + 1;
        Failure::other(anyhow!("{}, line {line}: {}", path.display(), fault.message()))
    })
}

/// A value in the form in which settings are read.
fn plain(item: &Item) -> Option<String> {
    match item.as_value()? {
        Value::String(text) => Some(text.value().clone()),
        Value::Array(items) => {
            let items = items.iter().filter_map(Value::as_str).collect::<Vec<_>>();
            Some(items.join(","))
        }
        other => Some(other.clone().decorated("", "").to_string()),
    }
}

/// A variable of the environment. An empty one counts as unset.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn installation(settings: &str) -> (tempfile::TempDir, Result<Installation, String>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kozmic.toml"), settings).unwrap();
        let place = Place::new(Some(dir.path()), None).unwrap();
        let read = Installation::read(place).map_err(|fault| fault.to_string());
        (dir, read)
    }

    #[test]
    fn what_holds_now_is_offered() {
        let (_dir, installation) = installation(
            "listen = '0.0.0.0:80'\nsign_in_allowed = ['anna', 'adlift']\ngithub_client_secret = 'hush'",
        );
        let installation = installation.unwrap();
        assert_eq!(installation.offered("listen"), "0.0.0.0:80");
        assert_eq!(installation.offered("sign_in_allowed"), "anna,adlift");
        assert_eq!(installation.offered("github_url"), "https://github.com");
        assert_eq!(installation.secret.unwrap().expose_secret(), "hush");
    }

    #[test]
    fn a_secret_is_found_in_the_file_that_the_settings_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hush");
        std::fs::write(&file, "hush\n").unwrap();
        let (_dir, installation) = installation(&format!("github_client_secret_file = '{}'", file.display()));
        let installation = installation.unwrap();
        assert_eq!(installation.place.secret, file);
        assert_eq!(installation.secret.unwrap().expose_secret(), "hush");
    }

    #[test]
    fn a_file_that_is_no_toml_is_named_without_its_text() {
        let (_dir, installation) = installation("log = 'info'\ngithub_client_secret = 'hush");
        let fault = installation.err().unwrap();
        assert!(fault.contains("kozmic.toml, line 2: ") && !fault.contains("hush"), "{fault}");
    }
}
