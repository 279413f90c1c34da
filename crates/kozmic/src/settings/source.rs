//! Sources of settings: the file, then the environment over it. An unknown setting is an error with a hint.

use super::{
    fault::{SettingsFault, Written},
    keys::{RULES, find, most_like, nearest, nearest_in_file, variable},
};
use kozmic_edges::small_file;
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// Beginning of our variables' names.
const PREFIX: &str = "KOZMIC_";

/// Read by the command line, not a setting.
const CONFIG_VARIABLE: &str = "KOZMIC_CONFIG";

/// Beginning of the names of variables for `kozmic import`, which are no settings either.
const IMPORT_PREFIX: &str = "KOZMIC_IMPORT_";

/// The variables for `kozmic import`.
const OF_IMPORT: [&str; 4] = [
    "KOZMIC_IMPORT_FROM",
    "KOZMIC_IMPORT_FROM_FILE",
    "KOZMIC_IMPORT_SECRET_KEY",
    "KOZMIC_IMPORT_SECRET_KEY_FILE",
];

/// The place of what is no file's.
const ENVIRONMENT: &str = "the environment";

/// The values as written, each with the place where it stands.
pub(super) struct Source {
    values: BTreeMap<&'static str, Value>,
    rules: Rules,
    /// Files that secrets were read from.
    pub(super) secret_files: Vec<PathBuf>,
}

/// The tables of kernel rules, which only the file has.
#[derive(Default)]
pub(super) struct Rules {
    /// The file.
    pub(super) place: String,
    /// In the file's order.
    pub(super) tables: Vec<toml::Table>,
}

struct Value {
    /// The setting's name at that place.
    name: String,
    text: String,
    place: String,
}

impl Source {
    fn empty() -> Self {
        Self { values: BTreeMap::new(), rules: Rules::default(), secret_files: Vec::new() }
    }

    pub(super) fn read(
        config: Option<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsFault> {
        let implied = PathBuf::from("kozmic.toml");
        let path = config.or_else(|| implied.exists().then_some(implied));
        let mut source = Self::empty();
        if let Some(path) = path {
            source.take_file(&path, &read_file(&path)?)?;
        }
        source.take_environment(environment)?;
        Ok(source)
    }

    #[cfg(test)]
    pub(super) fn from_text(
        file: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsFault> {
        let mut source = Self::empty();
        source.take_file(Path::new("kozmic.toml"), file)?;
        source.take_environment(environment.into_iter().map(|(name, value)| (name.into(), value.into())))?;
        Ok(source)
    }

    fn take_file(&mut self, path: &Path, text: &str) -> Result<(), SettingsFault> {
        let table = toml::from_str::<toml::Table>(text);
        let table = table.map_err(|fault| SettingsFault::syntax(path, text, &fault))?;
        let place = path.display().to_string();
        for (name, value) in table {
            if name == RULES {
                self.rules = rules(value, &place)?;
                continue;
            }
            let Some(key) = find(&name) else {
                return Err(SettingsFault::Unknown {
                    place,
                    nearest: nearest_in_file(&name).to_owned(),
                    name,
                });
            };
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
                other => other.to_string(),
            };
            if key.is_secret && !self.secret_files.iter().any(|known| known == path) {
                self.secret_files.push(path.to_owned());
            }
            self.values.insert(key.name, Value { name, text, place: place.clone() });
        }
        Ok(())
    }

    fn take_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), SettingsFault> {
        for (written, text) in environment {
            let Some((written, text)) = of_ours(&written, text)? else { continue };
            let name = written[PREFIX.len()..].to_lowercase();
            let (key, text, place) = match (find(&name), name.strip_suffix("_file").and_then(find)) {
                // Compose and systemd give an empty value for a variable that is not set: the file's stays.
                (Some(_), _) | (_, Some(_)) if text.trim().is_empty() => continue,
                (Some(key), _) => (key, text, ENVIRONMENT.to_owned()),
                (None, Some(key)) => {
                    let read = read_file(Path::new(&text))?;
                    if key.is_secret {
                        self.secret_files.push(PathBuf::from(&text));
                    }
                    (key, read.trim_end_matches(['\n', '\r']).to_owned(), text)
                }
                (None, None) => return Err(unknown_variable(written, variable(nearest(&name)))),
            };
            self.values.insert(key.name, Value { name: variable(key.name), text, place });
        }
        Ok(())
    }

    /// Refuses a setting that is there with nothing in it.
    pub(super) fn refuse_blank(&self, name: &'static str, right: &'static str) -> Result<(), SettingsFault> {
        match self.values.get(name).filter(|value| value.text.trim().is_empty()) {
            Some(Value { name, text, place }) => {
                Err(SettingsFault::wrong(Written { setting: name, place, value: Some(text) }, right))
            }
            None => Ok(()),
        }
    }

    /// A setting that may be left out; an empty value counts as left out.
    pub(super) fn parse<T>(
        &self,
        name: &'static str,
        parse: fn(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, SettingsFault> {
        let value = self.values.get(name).filter(|value| !value.text.trim().is_empty());
        let (default, is_secret) = find(name).map_or((None, true), |key| (key.default, key.is_secret));
        let (setting, text, place) = match (value, default) {
            (Some(value), _) => (value.name.as_str(), value.text.as_str(), value.place.as_str()),
            (None, Some(default)) => (name, default, "the defaults"),
            (None, None) => return Ok(None),
        };
        let written = Written { setting, place, value: (!is_secret).then_some(text) };
        parse(text.trim()).map(Some).map_err(|right| SettingsFault::wrong(written, right))
    }

    /// The kernel rules as they stand in the file.
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A setting that is needed.
    pub(super) fn required<T>(
        &self,
        name: &'static str,
        parse: fn(&str) -> Result<T, &'static str>,
    ) -> Result<T, SettingsFault> {
        self.parse(name, parse)?.ok_or_else(|| SettingsFault::missing(name))
    }
}

fn rules(value: toml::Value, place: &str) -> Result<Rules, SettingsFault> {
    let no_rules = || SettingsFault::NoRules { place: place.to_owned() };
    let toml::Value::Array(items) = value else { return Err(no_rules()) };
    let table = |item| if let toml::Value::Table(table) = item { Some(table) } else { None };
    let tables = items.into_iter().map(table).collect::<Option<_>>().ok_or_else(no_rules)?;
    Ok(Rules { place: place.to_owned(), tables })
}

fn plain(item: &toml::Value) -> String {
    item.as_str().map_or_else(|| item.to_string(), str::to_owned)
}

/// The text of a settings file or secret. One that never ends, such as a device, is refused.
pub(crate) fn read_file(path: &Path) -> Result<String, SettingsFault> {
    let read = small_file::text(path, |words| eprintln!("kozmic: {words}"));
    read.map_err(|cause| SettingsFault::Unreadable { path: path.to_owned(), cause })
}

fn unknown_variable(name: String, nearest: String) -> SettingsFault {
    SettingsFault::Unknown { place: ENVIRONMENT.to_owned(), name, nearest }
}

/// A variable that is a setting, as text. Those of others may be anything.
fn of_ours(variable: &OsStr, text: OsString) -> Result<Option<(String, String)>, SettingsFault> {
    let name = variable.to_string_lossy();
    let is_of_commands = name == CONFIG_VARIABLE || OF_IMPORT.contains(&&*name);
    if !name.starts_with(PREFIX) || is_of_commands || is_of_kubernetes(&name) {
        return Ok(None);
    }
    if name.starts_with(IMPORT_PREFIX) {
        let nearest = most_like(&name, OF_IMPORT.into_iter()).to_owned();
        return Err(unknown_variable(name.into_owned(), nearest));
    }
    let not_text = || SettingsFault::NotText { variable: name.to_string() };
    let text = text.into_string().map_err(|_| not_text())?;
    let variable = variable.to_str().ok_or_else(not_text)?;
    Ok(Some((variable.to_owned(), text)))
}

/// Kubernetes tells a container of a service named `kozmic` in variables that look like settings.
fn is_of_kubernetes(variable: &str) -> bool {
    variable.contains("_SERVICE_") || variable == "KOZMIC_PORT" || variable.starts_with("KOZMIC_PORT_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{kernels, keys::KEYS, values};
    use std::os::unix::ffi::OsStringExt;

    fn pairs(environment: &[(&str, &str)]) -> Vec<(String, String)> {
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let file =
            "data_dir = \"/a\"\nstall_timeout = 60\ndocker_capabilities = [\"SYS_ADMIN\", \"NET_RAW\"]";
        let source =
            Source::from_text(file, pairs(&[("KOZMIC_DATA_DIR", "/b"), ("KOZMIC_PORT", "tcp://x")])).unwrap();
        assert_eq!(source.parse("data_dir", values::text).unwrap().unwrap(), "/b");
        assert_eq!(source.parse("stall_timeout", values::text).unwrap().unwrap(), "60");
        assert_eq!(
            source.parse("docker_capabilities", values::list).unwrap().unwrap(),
            ["SYS_ADMIN", "NET_RAW"]
        );
    }

    #[test]
    fn an_unknown_name_is_told_with_the_nearest_known_one() {
        let fault = Source::from_text("stal_timeout = 1", []).err().unwrap().to_string();
        assert_eq!(
            fault,
            "kozmic.toml: there is no setting \"stal_timeout\"; did you mean \"stall_timeout\"?"
        );
        let fault = Source::from_text("", pairs(&[("KOZMIC_LISTN", "x")])).err().unwrap().to_string();
        assert!(fault.contains("KOZMIC_LISTN") && fault.contains("KOZMIC_LISTEN"), "{fault}");
        assert!(Source::from_text("", OF_IMPORT.map(|name| (name.to_owned(), "x".to_owned()))).is_ok());
        let fault = Source::from_text("", pairs(&[("KOZMIC_IMPORT_FORM", "x")])).err().unwrap().to_string();
        assert_eq!(
            fault,
            "the environment: there is no setting \"KOZMIC_IMPORT_FORM\"; did you mean \"KOZMIC_IMPORT_FROM\"?"
        );
    }

    #[test]
    fn a_wrong_value_is_named_as_it_is_at_its_place() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hush").unwrap();
        let path = file.path().display().to_string();
        let environment = [("KOZMIC_PUBLIC_URL", "ci"), ("KOZMIC_SECRET_KEY_FILE", path.as_str())];
        let source =
            Source::from_text("listen = \"80\"\ndatabase_url = \"db\"", pairs(&environment)).unwrap();
        let fault = source.parse("listen", values::address).unwrap_err().to_string();
        assert!(fault.starts_with("listen in kozmic.toml is \"80\": it needs to be an address "), "{fault}");
        let fault = source.parse("public_url", values::url).unwrap_err().to_string();
        assert!(fault.starts_with("KOZMIC_PUBLIC_URL in the environment is \"ci\": it "), "{fault}");
        let fault = source.parse("database_url", values::database_url).unwrap_err().to_string();
        let words = "database_url in kozmic.toml has a wrong value (not shown); it needs to be ";
        assert!(fault.starts_with(words), "{fault}");
        let fault = source.parse("secret_key", values::secret_key).unwrap_err().to_string();
        assert!(fault.starts_with(&format!("KOZMIC_SECRET_KEY in {path} has a wrong value (")), "{fault}");
    }

    #[test]
    fn a_secret_may_stand_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hush\n").unwrap();
        let path = file.path().display().to_string();
        let source = Source::from_text("", pairs(&[("KOZMIC_GITHUB_CLIENT_SECRET_FILE", &path)])).unwrap();
        assert_eq!(source.required("github_client_secret", values::text).unwrap(), "hush");
        let missing = Source::from_text("", pairs(&[("KOZMIC_SECRET_KEY_FILE", "/does/not/exist")]));
        assert!(missing.err().unwrap().to_string().contains("/does/not/exist"));
    }

    #[test]
    fn a_message_never_shows_a_secret() {
        for file in [
            "secret_key = hush",
            "log = \"info\"\ngithub_client_secret = \"hush",
            "log = \"info\"\nsecret_key \"hush\"",
            "secret_key = \"hush\\q\"",
            "secret_key = \"hush\"\nsecret_key = \"hush\"",
            "secret_key = 'hush' hush",
            "database_url = 12hush",
        ] {
            let fault = Source::from_text(file, []).err().unwrap().to_string();
            assert!(!fault.contains("hush") && fault.starts_with("kozmic.toml, line "), "{fault}");
        }
        let source = Source::from_text("secret_key = \"hush\"\ndatabase_url = \"db://hush\"", []).unwrap();
        let fault = source.parse("secret_key", values::secret_key).err().unwrap().to_string();
        assert!(fault.contains("not shown") && !fault.contains("hush"), "{fault}");
        let fault = source.parse("database_url", values::database_url).err().unwrap().to_string();
        assert!(fault.contains("not shown") && !fault.contains("hush"), "{fault}");
    }

    #[test]
    fn a_syntax_error_says_where() {
        let fault = Source::from_text("log = \"info\"\nlisten = ü", []).err().unwrap().to_string();
        assert!(fault.starts_with("kozmic.toml, line 2, column 10: "), "{fault}");
    }

    #[test]
    fn kernel_rules_are_tables_in_the_file() {
        let source = Source::from_text("[[kernel]]\nkind = \"generic\"\n[[kernel]]", []).unwrap();
        assert_eq!(source.rules().tables.len(), 2);
        for file in ["kernel = \"generic\"", "[kernel]\nkind = \"generic\"", "kernel = [\"generic\"]"] {
            let fault = Source::from_text(file, []).err().unwrap().to_string();
            assert_eq!(
                fault,
                "kozmic.toml: kernel rules are tables, each below a line [[kernel]] of its own"
            );
        }
        let fault = Source::from_text("[[kernels]]", []).err().unwrap().to_string();
        assert!(fault.ends_with("did you mean \"kernel\"?"), "{fault}");
    }

    #[test]
    fn a_file_that_never_ends_is_refused() {
        let fault = read_file(Path::new("/dev/zero")).unwrap_err().to_string();
        assert_eq!(fault, "cannot read /dev/zero: it has more than 1 MiB");
    }

    #[test]
    fn a_variable_that_is_no_text_matters_only_if_it_is_ours() {
        let take = |variable: &[u8]| {
            let mut source = Source::empty();
            let text = OsString::from_vec(b"\xff".to_vec());
            source.take_environment([(OsString::from_vec(variable.to_vec()), text)])
        };
        assert!(take(b"LS_COLORS").is_ok() && take(b"\xfe").is_ok() && take(b"KOZMIC_CONFIG").is_ok());
        let fault = take(b"KOZMIC_LISTEN").unwrap_err().to_string();
        assert_eq!(fault, "KOZMIC_LISTEN in the environment is not text in UTF-8");
    }

    /// The example with the marks taken away from its settings and kernel rules.
    fn uncommented(text: &str) -> String {
        let is_key = |line: &str| {
            let mut names = KEYS.iter().map(|key| key.name).chain(kernels::KEYS);
            line == "[[kernel]]" || names.any(|name| line.starts_with(&format!("{name} =")))
        };
        let lines = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(setting) if is_key(setting) => setting,
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_example_file_has_every_setting_with_its_default() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kozmic.example.toml");
        let text = std::fs::read_to_string(path).unwrap();
        for key in KEYS {
            let line = text
                .lines()
                .find(|line| line.trim_start_matches("# ").starts_with(&format!("{} =", key.name)));
            let line = line.unwrap_or_else(|| panic!("{} is missing in kozmic.example.toml", key.name));
            assert!(key.default.is_none_or(|default| line.contains(default)), "{line}");
        }
        let source = Source::from_text(&uncommented(&text), []).unwrap();
        let image = "ubuntu:16.04".parse().unwrap();
        let rules = kernels::rules(source.rules(), &image).unwrap_or_else(|fault| panic!("{fault}"));
        let kinds = rules.iter().map(|rule| rule.kind().word()).collect::<Vec<_>>();
        assert_eq!(kinds, ["generic", "dependent"], "both kinds of kernel rules are shown");
        let tables = &source.rules().tables;
        for key in kernels::KEYS {
            assert!(
                tables.iter().any(|table| table.contains_key(key)),
                "{key} is missing in the kernel rules"
            );
        }
    }
}
