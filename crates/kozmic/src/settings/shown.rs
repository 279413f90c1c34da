//! The output of `kozmic config show`: each setting with its value and its place.

use super::{
    Settings,
    fault::SettingsFaults,
    keys::{KEYS, Key, RULES},
    source::{Source, may_have_password},
    values::database_url,
};
use kozmic_edges::store;
use std::{env::vars_os, fmt::Write, path::PathBuf};

/// Replaces the value of a secret.
const HIDDEN: &str = "\"(not shown)\"";

/// The settings of an installation, for people.
pub(crate) struct Shown {
    /// A line for each setting, in TOML.
    pub(crate) lines: String,
    /// Faults of the settings; none if there are none.
    pub(crate) faults: Option<SettingsFaults>,
}

impl Shown {
    /// Reads the file, if there is one, and the environment.
    ///
    /// # Errors
    /// The file cannot be read, or is no TOML.
    pub(crate) fn read(config: Option<PathBuf>) -> Result<Self, SettingsFaults> {
        let source = Source::read(config, vars_os())?;
        Ok(Self { lines: lines(&source), faults: Settings::from_source(source).err() })
    }
}

fn lines(source: &Source) -> String {
    let mut lines = KEYS.iter().map(|key| line(source, key)).collect::<String>();
    let rules = source.rules();
    if !rules.tables.is_empty() {
        let _ = writeln!(lines, "# [[{RULES}]], {} of them, from {}", rules.tables.len(), rules.place);
    }
    lines
}

fn line(source: &Source, key: &Key) -> String {
    let name = key.name;
    let written = source.written(name).filter(|value| !value.text.trim().is_empty());
    match (written, key.default) {
        (Some(value), _) if name == "database_url" && database_url(value.text.trim()).is_ok() => {
            let shown = quoted(&store::name_of(value.text.trim()));
            format!("{name} = {shown}  # from {}, without user, password and options\n", value.place)
        }
        (Some(value), _) if key.is_secret || may_have_password(&value.text) => {
            format!("{name} = {HIDDEN}  # from {}\n", value.place)
        }
        (Some(value), _) => format!("{name} = {}  # from {}\n", quoted(&value.text), value.place),
        (None, Some(default)) => format!("{name} = {}  # the default\n", quoted(default)),
        (None, None) => format!("# {name} is not set\n"),
    }
}

/// A text as a string in TOML, always on one line.
fn quoted(text: &str) -> String {
    toml::Value::from(text.escape_debug().to_string().replace("\\'", "'")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(file: &str) -> String {
        lines(&Source::from_text(file, []).unwrap_or_else(|fault| panic!("{fault}")))
    }

    #[test]
    fn each_setting_is_shown_with_its_place_and_no_secret() {
        let text = show("listen = '127.0.0.1:80'\nsecret_key = 'hush'\n[[kernel]]\n[[kernel]]");
        for line in [
            "listen = \"127.0.0.1:80\"  # from kozmic.toml",
            "secret_key = \"(not shown)\"  # from kozmic.toml",
            "stall_timeout = \"900\"  # the default",
            "# admins is not set",
            "# [[kernel]], 2 of them, from kozmic.toml",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in {text}");
        }
        assert!(!text.contains("hush"));
        assert_eq!(text.lines().count(), KEYS.len() + 1);
    }

    #[test]
    fn the_database_is_shown_without_its_password() {
        let text = show("database_url = 'postgres://kozmic:hush@db/ci?sslmode=require'");
        let line =
            "database_url = \"postgres://db/ci\"  # from kozmic.toml, without user, password and options";
        assert!(text.lines().any(|shown| shown == line) && !text.contains("hush"), "{text}");
        let text = show("database_url = 'postgres://kozmic:hu@sh@db/ci'");
        assert!(text.contains("database_url = \"(not shown)\"") && !text.contains("sh@"), "{text}");
    }

    #[test]
    fn an_address_with_a_user_is_not_shown_nor_taken() {
        let file = "docker_url = 'tcp://u:hush@h:2375'\ngithub_url = 'https://u:hush@example.com'";
        assert!(!show(file).contains("hush"));
        let source = Source::from_text(file, []).unwrap_or_else(|fault| panic!("{fault}"));
        let faults = Settings::from_source(source).err().map(|faults| faults.to_string()).unwrap_or_default();
        assert!(faults.contains("docker_url") && faults.contains("github_url"), "{faults}");
        assert!(!faults.contains("hush"), "{faults}");
    }

    #[test]
    fn a_value_with_lines_and_signs_in_it_stays_on_its_line() {
        let text = show("docker_network = \"a\\nb \\u001b[31m\"");
        assert_eq!(text.lines().count(), KEYS.len());
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
