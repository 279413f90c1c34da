//! The settings that result from the answers: the new file, and its differences from the present one.

use super::{
    installation::Installation,
    put::NewFile,
    questions::{QUESTIONS, SECRET},
};
use crate::settings::{Settings, SettingsFaults, proposed};
use kozmic_edges::forge::github::{self, GitHubSettings};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::BTreeMap, path::PathBuf};
use toml_edit::{DocumentMut, Item, Value, value};
use url::Url;

/// Beginning of a new settings file.
const HEAD: &str =
    "# Kozmic's settings, as kozmic setup wrote them. kozmic config example tells of all others.\n\n";

/// Settings that are written even if the answer is the server's default.
const ALWAYS: [&str; 3] = ["public_url", "listen", "data_dir"];

/// The accepted answers, by their settings; empty text for none.
#[derive(Clone, Default)]
pub(super) struct Answers {
    values: BTreeMap<&'static str, String>,
    secret: Option<SecretString>,
}

/// A change of a setting, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The setting.
    pub(super) name: String,
    /// The present value; empty for none.
    pub(super) old: String,
    /// The new value; empty for none.
    pub(super) new: String,
}

/// The new settings.
pub(super) struct Draft {
    document: DocumentMut,
    /// True if there is no settings file yet.
    is_new: bool,
    /// The settings that change.
    pub(super) changes: Vec<Change>,
    /// The secret and its file, if the file has to be written.
    pub(super) secret: Option<(PathBuf, SecretString)>,
}

impl Answers {
    /// Keeps an accepted answer.
    pub(super) fn keep(&mut self, name: &'static str, answer: String) {
        match name {
            SECRET => self.secret = Some(answer.into()),
            name => drop(self.values.insert(name, answer)),
        }
    }

    /// Keeps a secret that was known before.
    pub(super) fn keep_secret(&mut self, secret: &SecretString) {
        self.secret = Some(secret.clone());
    }

    /// An answer that is no secret; empty if there is none yet.
    pub(super) fn of(&self, name: &str) -> &str {
        self.values.get(name).map(String::as_str).unwrap_or_default()
    }

    /// True if there is an answer, even an empty one. The secret does not count here.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// True if there is an answer to each question.
    pub(super) fn are_whole(&self) -> bool {
        let is_there = |name: &str| if name == SECRET { self.secret.is_some() } else { self.has(name) };
        QUESTIONS.iter().all(|question| is_there(question.name))
    }

    /// The secret, if there is an answer.
    pub(super) fn secret(&self) -> Option<&SecretString> {
        self.secret.as_ref()
    }

    /// The address of the page where an OAuth application is made, with all fields filled in.
    pub(super) fn application_link(&self) -> Option<Url> {
        let home = format!("{}/", self.of("public_url"));
        github::application_link(self.of("github_url"), &home, &self.callback())
    }

    /// The callback address of the OAuth application.
    pub(super) fn callback(&self) -> String {
        format!("{}/{}", self.of("public_url"), kozmic_web::CALLBACK)
    }

    /// The GitHub of these answers, with its OAuth application.
    pub(super) fn github(&self, installation: &Installation) -> Option<GitHubSettings> {
        Some(GitHubSettings {
            url: Url::parse(self.of("github_url")).ok()?,
            api_url: Url::parse(&self.api_url(installation)?).ok()?,
            client_id: self.of("github_client_id").to_owned(),
            client_secret: self.secret.clone().unwrap_or_default(),
        })
    }

    /// The address of GitHub's API: the known one if GitHub stays the same, else the usual one.
    fn api_url(&self, installation: &Installation) -> Option<String> {
        let url = self.of("github_url");
        let is_same = installation.offered("github_url").trim_end_matches('/') == url;
        match installation.value("github_api_url").filter(|_| is_same) {
            Some(known) => Some(known),
            None => github::api_of(url),
        }
    }
}

impl Draft {
    /// The settings that result from answers to all questions.
    pub(super) fn new(installation: &Installation, answers: &Answers) -> Self {
        let mut draft = Self {
            document: installation.document.clone().unwrap_or_default(),
            is_new: installation.document.is_none(),
            changes: Vec::new(),
            secret: None,
        };
        let api_url = answers.api_url(installation).unwrap_or_default();
        for question in QUESTIONS.iter().filter(|question| question.name != SECRET) {
            draft.set(installation, question.name, answers.of(question.name));
            if question.name == "github_url" {
                draft.set(installation, "github_api_url", &api_url);
            }
        }
        draft.set_secret(installation, answers.secret());
        draft
    }

    /// The file's text.
    pub(super) fn text(&self) -> String {
        match self.is_new {
            true => format!("{HEAD}{}", self.document),
            false => self.document.to_string(),
        }
    }

    /// The file that the settings name for the secret.
    pub(super) fn secret_file(&self) -> Option<&str> {
        self.document.get(&format!("{SECRET}_file"))?.as_str()
    }

    /// The settings as the server will read them.
    ///
    /// # Errors
    /// A setting without a question is wrong.
    pub(super) fn settings(&self, answers: &Answers) -> Result<Settings, SettingsFaults> {
        let mut document = self.document.clone();
        if let Some(secret) = answers.secret() {
            document.remove(&format!("{SECRET}_file"));
            document[SECRET] = value(secret.expose_secret());
        }
        proposed::settings(&document.to_string())
    }

    /// The files to write, in the order in which they are put in place.
    pub(super) fn files(&self, installation: &Installation, group: Option<u32>) -> Vec<NewFile> {
        let secret = self.secret.as_ref().map(|(path, secret)| NewFile {
            path: path.clone(),
            text: format!("{}\n", secret.expose_secret()).into(),
            mode: if group.is_some() { 0o640 } else { 0o600 },
            group,
            old: None,
            beside: Some(installation.place.settings.clone()),
        });
        let path = installation.place.settings.clone();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let settings = NewFile {
            old: Some(path.with_file_name(format!("{name}.bak"))),
            path,
            text: self.text().into(),
            mode: 0o640,
            group,
            beside: None,
        };
        let stays = installation.document.as_ref().is_some_and(|old| old.to_string() == self.text());
        secret.into_iter().chain((!stays).then_some(settings)).collect()
    }

    fn set(&mut self, installation: &Installation, name: &str, new: &str) {
        let old = installation.value(name).unwrap_or_default();
        let is_implied = !ALWAYS.contains(&name) && proposed::default(name) == Some(new);
        if old == new || (old.is_empty() && is_implied) {
            return;
        }
        match (new.is_empty(), self.document.get_mut(name).and_then(Item::as_value_mut)) {
            (true, _) => drop(self.document.remove(name)),
            (false, Some(there)) => {
                // A comment at the end of the line stays.
                let decor = there.decor().clone();
                *there = Value::from(new);
                *there.decor_mut() = decor;
            }
            (false, None) => drop(self.document.insert(name, value(new))),
        }
        self.changes.push(Change { name: name.to_owned(), old, new: new.to_owned() });
    }

    /// Sets the secret. A new secret is moved out of the settings file if it was there. If a known secret is not
    /// mentioned in the settings, they get the name of its file.
    fn set_secret(&mut self, installation: &Installation, secret: Option<&SecretString>) {
        let Some(secret) = secret else { return };
        let is_this = |known: &SecretString| known.expose_secret() == secret.expose_secret();
        let is_known = installation.secret.as_ref().is_some_and(is_this);
        let key = format!("{SECRET}_file");
        if is_known && (self.document.contains_key(SECRET) || self.document.contains_key(&key)) {
            return;
        }
        let file = installation.place.secret.clone();
        self.document.remove(SECRET);
        self.document[&key] = value(file.display().to_string());
        let is_other = installation.secret.is_some() && !is_known;
        let old = if is_other { "another one" } else { "" };
        let new = format!("in {}", file.display());
        self.changes.push(Change { name: SECRET.to_owned(), old: old.to_owned(), new });
        if !installation.place.known_secret().as_ref().is_some_and(is_this) {
            self.secret = Some((file, secret.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
