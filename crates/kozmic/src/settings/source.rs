//! Sources of settings: the file, and the environment, which overrides it. An unknown setting is an error with a hint.

use super::{
    fault::{SettingsFault, SettingsFaults, Written},
    keys::{Key, RULES, find, most_like, nearest, nearest_in_file, variable},
};
use kozmic_edges::small_file;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// Prefix of Kozmic's variables.
const PREFIX: &str = "KOZMIC_";

/// Variables that the command line reads. They are no settings.
const OF_COMMAND_LINE: [&str; 3] = ["KOZMIC_CONFIG", "KOZMIC_SERVER_URL", "KOZMIC_RUNNER_TOKEN_FILE"];

/// The variables of commands, which are no settings either, by the prefix of each command.
const OF_COMMANDS: [(&str, &[&str]); 2] = [("KOZMIC_IMPORT_", &OF_IMPORT), ("KOZMIC_MIGRATE_", &OF_MIGRATE)];

/// The variables for `kozmic import`.
const OF_IMPORT: [&str; 4] = [
    "KOZMIC_IMPORT_FROM",
    "KOZMIC_IMPORT_FROM_FILE",
    "KOZMIC_IMPORT_SECRET_KEY",
    "KOZMIC_IMPORT_SECRET_KEY_FILE",
];

/// The variables for `kozmic migrate`.
const OF_MIGRATE: [&str; 4] =
    ["KOZMIC_MIGRATE_FROM", "KOZMIC_MIGRATE_FROM_FILE", "KOZMIC_MIGRATE_TO", "KOZMIC_MIGRATE_TO_FILE"];

/// The place of values that are in no file.
const ENVIRONMENT: &str = "the environment";

/// The values as written, each with its place.
pub(super) struct Source {
    values: BTreeMap<&'static str, Value>,
    rules: Rules,
    /// True if a settings file was read.
    pub(super) has_file: bool,
    /// Files from which secrets were read.
    pub(super) secret_files: Vec<PathBuf>,
    /// Faults of reading so far, such as unknown names.
    faults: Vec<SettingsFault>,
    /// Settings that variables gave.
    of_variables: BTreeSet<&'static str>,
    /// Settings whose faults are known.
    passed_over: BTreeSet<&'static str>,
}

/// The tables of kernel rules, which can only be in the file.
#[derive(Default)]
pub(super) struct Rules {
    /// The file.
    pub(super) place: String,
    /// The tables in the file's order.
    pub(super) tables: Vec<toml::Table>,
}

/// A value as written.
pub(super) struct Value {
    /// The setting's name at that place.
    name: String,
    pub(super) text: String,
    pub(super) place: String,
}

impl Source {
    pub(super) fn empty() -> Self {
        Self {
            values: BTreeMap::new(),
            rules: Rules::default(),
            has_file: false,
            secret_files: Vec::new(),
            faults: Vec::new(),
            of_variables: BTreeSet::new(),
            passed_over: BTreeSet::new(),
        }
    }

    pub(super) fn read(
        config: Option<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsFaults> {
        let implied = PathBuf::from("kozmic.toml");
        let path = config.or_else(|| implied.exists().then_some(implied));
        let mut source = Self::empty();
        if let Some(path) = path {
            source.take_file(&path, &read_file(&path)?)?;
        }
        source.take_environment(environment);
        Ok(source)
    }

    /// The settings of a file's text. The file need not exist yet.
    pub(super) fn from_file(text: &str) -> Result<Self, SettingsFault> {
        let mut source = Self::empty();
        source.take_file(Path::new("kozmic.toml"), text)?;
        Ok(source)
    }

    #[cfg(test)]
    pub(super) fn from_text(
        file: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsFault> {
        let mut source = Self::from_file(file)?;
        source.take_environment(environment.into_iter().map(|(name, value)| (name.into(), value.into())));
        match source.faults.pop() {
            Some(fault) => Err(fault),
            None => Ok(source),
        }
    }

    fn take_file(&mut self, path: &Path, text: &str) -> Result<(), SettingsFault> {
        self.has_file = true;
        let table = toml::from_str::<toml::Table>(text);
        let table = table.map_err(|fault| SettingsFault::syntax(path, text, &fault))?;
        let place = path.display().to_string();
        for (name, value) in table {
            if name == RULES {
                match rules(value, &place) {
                    Ok(rules) => self.rules = rules,
                    Err(fault) => self.faults.push(fault),
                }
                continue;
            }
            if let Err(fault) = self.take_setting(name, value, &place) {
                self.faults.push(fault);
            }
        }
        Ok(())
    }

    fn take_setting(&mut self, name: String, value: toml::Value, place: &str) -> Result<(), SettingsFault> {
        let (key, value) = match (find(&name), file_of(&name)) {
            (Some(key), _) => (key, Value { name, text: written(value), place: place.to_owned() }),
            (None, Some(key)) => match self.named(key, key.name.to_owned(), written(value))? {
                Some(value) => (key, value),
                None => return Ok(()),
            },
            (None, None) => {
                let nearest = nearest_in_file(&name).to_owned();
                return Err(SettingsFault::Unknown { place: place.to_owned(), nearest, name });
            }
        };
        self.note_secret(key, &value.place);
        match self.values.insert(key.name, value) {
            Some(_) => Err(SettingsFault::Twice { place: place.to_owned(), name: key.name }),
            None => Ok(()),
        }
    }

    /// Notes a file that contains a secret.
    fn note_secret(&mut self, key: &Key, file: &str) {
        let file = Path::new(file);
        if key.is_secret && !self.secret_files.iter().any(|known| known == file) {
            self.secret_files.push(file.to_owned());
        }
    }

    pub(super) fn take_environment(&mut self, environment: impl IntoIterator<Item = (OsString, OsString)>) {
        for (written, text) in environment {
            if let Err(fault) = self.take_variable(&written, text) {
                self.faults.push(fault);
            }
        }
    }

    fn take_variable(&mut self, written: &OsStr, text: OsString) -> Result<(), SettingsFault> {
        let Some((written, text)) = of_ours(written, text)? else { return Ok(()) };
        let name = written[PREFIX.len()..].to_lowercase();
        let (key, value) = match (find(&name), file_of(&name)) {
            // Compose and systemd set an empty value for a variable that is not set: then the file's value stays.
            (Some(_), _) | (_, Some(_)) if text.trim().is_empty() => return Ok(()),
            (Some(key), _) => (key, Value { name: written, text, place: ENVIRONMENT.to_owned() }),
            (None, Some(key)) => match self.named(key, variable(key.name), text)? {
                Some(value) => {
                    self.note_secret(key, &value.place);
                    (key, value)
                }
                None => return Ok(()),
            },
            (None, None) => return Err(unknown_variable(written, variable(nearest(&name)))),
        };
        // Of a value and a file with the value, the one that comes later would win, and nobody knows the order.
        match self.of_variables.insert(key.name) {
            true => drop(self.values.insert(key.name, value)),
            false => return Err(SettingsFault::Twice { place: ENVIRONMENT.to_owned(), name: key.name }),
        }
        Ok(())
    }

    /// The value in the file at a path; none if no path is given. If a file cannot be read, that is the only fault: the
    /// setting is not reported as missing, too.
    fn named(
        &mut self,
        key: &'static Key,
        name: String,
        path: String,
    ) -> Result<Option<Value>, SettingsFault> {
        if path.trim().is_empty() {
            return Ok(None);
        }
        let read = read_file(Path::new(&path)).inspect_err(|_| {
            self.stand_in(key);
        })?;
        Ok(Some(Value { name, text: read.trim_end_matches(['\n', '\r']).to_owned(), place: path }))
    }

    /// Takes the faults of reading, which are reported together with those of values.
    pub(super) fn take_faults(&mut self) -> Vec<SettingsFault> {
        std::mem::take(&mut self.faults)
    }

    /// Removes the cause of a fault, so that the next fault is found; false if that is impossible.
    pub(super) fn pass_over(&mut self, fault: &SettingsFault) -> bool {
        match (fault, fault.key()) {
            (SettingsFault::KernelRule { .. }, _) => !std::mem::take(&mut self.rules).tables.is_empty(),
            (_, Some(key)) => self.stand_in(key),
            _ => false,
        }
    }

    /// Replaces a setting's value by a right one; false if that was done before.
    fn stand_in(&mut self, key: &'static Key) -> bool {
        self.values.remove(key.name);
        if let Some(sample) = key.sample {
            let value = Value { name: key.name.to_owned(), text: sample.to_owned(), place: String::new() };
            self.values.insert(key.name, value);
        }
        self.passed_over.insert(key.name)
    }

    /// Fills in the OAuth application, for a command that never calls the forge.
    pub(super) fn do_without_forge(&mut self) {
        for key in ["github_client_id", "github_client_secret"].into_iter().filter_map(find) {
            if !self.values.contains_key(key.name) {
                self.stand_in(key);
            }
        }
    }

    /// A setting as it was written.
    pub(super) fn written(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Refuses a setting that is set but empty.
    pub(super) fn refuse_blank(&self, name: &'static str, right: &'static str) -> Result<(), SettingsFault> {
        match self.values.get(name).filter(|value| value.text.trim().is_empty()) {
            Some(Value { name, text, place }) => {
                Err(SettingsFault::wrong(Written { setting: name, place, value: Some(text) }, right))
            }
            None => Ok(()),
        }
    }

    /// A setting that may be left out. An empty value counts as left out.
    pub(super) fn parse<T, Right: Into<Cow<'static, str>>>(
        &self,
        name: &'static str,
        parse: fn(&str) -> Result<T, Right>,
    ) -> Result<Option<T>, SettingsFault> {
        let value = self.values.get(name).filter(|value| !value.text.trim().is_empty());
        let (default, is_secret) = find(name).map_or((None, true), |key| (key.default, key.is_secret));
        let (setting, text, place) = match (value, default) {
            (Some(value), _) => (value.name.as_str(), value.text.as_str(), value.place.as_str()),
            (None, Some(default)) => (name, default, "the defaults"),
            (None, None) => return Ok(None),
        };
        let written =
            Written { setting, place, value: (!is_secret && !may_have_password(text)).then_some(text) };
        parse(text.trim()).map(Some).map_err(|right| SettingsFault::wrong(written, right))
    }

    /// The kernel rules as in the file.
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A necessary setting.
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

/// The setting whose value is in the file that a setting of this name gives.
fn file_of(name: &str) -> Option<&'static Key> {
    name.strip_suffix("_file").and_then(find)
}

/// A value of the settings file as text.
fn written(value: toml::Value) -> String {
    match value {
        toml::Value::String(text) => text,
        toml::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// True if a text may be an address with a user in it.
pub(super) fn may_have_password(text: &str) -> bool {
    text.contains("://") && text.contains('@')
}

fn plain(item: &toml::Value) -> String {
    item.as_str().map_or_else(|| item.to_string(), str::to_owned)
}

/// The text of a settings file or secret. An endless file, such as a device, is refused.
pub(crate) fn read_file(path: &Path) -> Result<String, SettingsFault> {
    let read = small_file::text(path, |words| eprintln!("kozmic: {words}"));
    read.map_err(|cause| SettingsFault::Unreadable { path: path.to_owned(), cause })
}

fn unknown_variable(name: String, nearest: String) -> SettingsFault {
    SettingsFault::Unknown { place: ENVIRONMENT.to_owned(), name, nearest }
}

/// A variable of Kozmic's settings, as text. Other variables are ignored, and may contain anything.
fn of_ours(variable: &OsStr, text: OsString) -> Result<Option<(String, String)>, SettingsFault> {
    let name = variable.to_string_lossy();
    let of_command = OF_COMMANDS.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, names)| *names);
    let is_of_commands =
        OF_COMMAND_LINE.contains(&&*name) || of_command.is_some_and(|names| names.contains(&&*name));
    if !name.starts_with(PREFIX) || is_of_commands || is_of_kubernetes(&name) {
        return Ok(None);
    }
    if let Some(names) = of_command {
        let nearest = most_like(&name, names.iter().copied()).to_owned();
        return Err(unknown_variable(name.into_owned(), nearest));
    }
    let not_text = || SettingsFault::NotText { variable: name.to_string() };
    let text = text.into_string().map_err(|_| not_text())?;
    let variable = variable.to_str().ok_or_else(not_text)?;
    Ok(Some((variable.to_owned(), text)))
}

/// True if it is one of Kubernetes' variables about a service named `kozmic`, which look like settings.
fn is_of_kubernetes(variable: &str) -> bool {
    variable.contains("_SERVICE_") || variable == "KOZMIC_PORT" || variable.starts_with("KOZMIC_PORT_")
}

#[cfg(test)]
mod tests;
