//! Reads the values of a kernel rule's table by known keys, each as its kind.

use crate::settings::{
    fault::KernelRuleFault,
    keys::{find, most_like},
};
use kozmic_model::spec::KernelKind;

/// Keys that a rule may have.
pub(in crate::settings) const KEYS: [&str; 10] =
    ["kind", "repository", "image", "base", "before", "script", "kernel", "prefix", "if_interrupted", LABELS];

/// The one key whose value may be a list.
pub(super) const LABELS: &str = "labels";

pub(super) type Parsed<T> = Result<T, KernelRuleFault>;

/// The values of a table: texts and lists of texts, with known keys.
pub(super) struct Fields<'a>(&'a toml::Table);

impl<'a> Fields<'a> {
    pub(super) fn of(table: &'a toml::Table) -> Parsed<Self> {
        for (name, value) in table {
            let Some(key) = KEYS.into_iter().find(|key| key == name) else { return Err(unknown(name)) };
            match (key, value) {
                (_, toml::Value::String(_)) => {}
                (LABELS, toml::Value::Array(items)) if items.iter().all(toml::Value::is_str) => {}
                (LABELS, value) => return Err(KernelRuleFault::NotTexts { key, found: article(value) }),
                (key, value) => return Err(KernelRuleFault::NotText { key, found: article(value) }),
            }
        }
        Ok(Self(table))
    }

    pub(super) fn text(&self, key: &'static str) -> Option<&'a str> {
        self.0.get(key)?.as_str()
    }

    /// A key's text. An empty text counts as left out.
    pub(super) fn written(&self, key: &'static str) -> Option<&'a str> {
        self.text(key).map(str::trim).filter(|text| !text.is_empty())
    }

    pub(super) fn parse<T>(
        &self,
        key: &'static str,
        parse: fn(&str) -> Result<T, &'static str>,
    ) -> Parsed<Option<T>> {
        let Some(text) = self.written(key) else { return Ok(None) };
        parse(text).map(Some).map_err(|right| wrong(key, text, right))
    }

    pub(super) fn needed<T>(
        &self,
        key: &'static str,
        parse: fn(&str) -> Result<T, &'static str>,
    ) -> Parsed<T> {
        // No necessary key may be empty, so parsing an empty text gives the description of a right value.
        let right = parse("").err().unwrap_or_default();
        self.parse(key, parse)?.ok_or(KernelRuleFault::Missing { key, right })
    }

    /// The texts of a list. One text is a list with commas or blanks between its parts.
    pub(super) fn list(&self, key: &'static str) -> Vec<&'a str> {
        match self.0.get(key) {
            Some(toml::Value::Array(items)) => items.iter().filter_map(toml::Value::as_str).collect(),
            Some(toml::Value::String(text)) => {
                let is_between = |letter: char| letter == ',' || letter.is_whitespace();
                text.split(is_between).filter(|part| !part.is_empty()).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    pub(super) fn refuse(&self, key: &'static str, kind: KernelKind, start: &'static str) -> Parsed<()> {
        match self.text(key) {
            None => Ok(()),
            Some(_) => Err(KernelRuleFault::Misplaced { key, kind: kind.word(), start }),
        }
    }
}

pub(super) fn wrong(key: &'static str, value: &str, right: &'static str) -> KernelRuleFault {
    KernelRuleFault::Wrong { key, value: value.escape_debug().to_string(), right }
}

fn unknown(name: &str) -> KernelRuleFault {
    match find(name) {
        Some(_) => KernelRuleFault::Setting(name.to_owned()),
        None => KernelRuleFault::Unknown {
            key: name.escape_debug().to_string(),
            nearest: most_like(name, KEYS.into_iter()),
        },
    }
}

/// The kind of a value, in words.
fn article(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::String(_) => "text",
        toml::Value::Integer(_) | toml::Value::Float(_) => "a number",
        toml::Value::Boolean(_) => "true or false",
        toml::Value::Datetime(_) => "a date",
        toml::Value::Array(_) => "a list",
        toml::Value::Table(_) => "a table",
    }
}
