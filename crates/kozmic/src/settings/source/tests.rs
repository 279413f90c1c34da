//! Tests the file and the environment as sources.

use super::*;
use crate::settings::{kernels, keys::KEYS, values};
use std::os::unix::ffi::OsStringExt;

fn pairs(environment: &[(&str, &str)]) -> Vec<(String, String)> {
    environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_environment_goes_before_the_file() {
    let file = "data_dir = \"/a\"\nstall_timeout = 60\ndocker_capabilities = [\"SYS_ADMIN\", \"NET_RAW\"]";
    let source =
        Source::from_text(file, pairs(&[("KOZMIC_DATA_DIR", "/b"), ("KOZMIC_PORT", "tcp://x")])).unwrap();
    assert_eq!(source.parse("data_dir", values::text).unwrap().unwrap(), "/b");
    assert_eq!(source.parse("stall_timeout", values::text).unwrap().unwrap(), "60");
    assert_eq!(source.parse("docker_capabilities", values::list).unwrap().unwrap(), ["SYS_ADMIN", "NET_RAW"]);
}

#[test]
fn an_unknown_name_is_told_with_the_nearest_known_one() {
    let fault = Source::from_text("stal_timeout = 1", []).err().unwrap().to_string();
    assert_eq!(fault, "kozmic.toml: there is no setting \"stal_timeout\"; did you mean \"stall_timeout\"?");
    let fault = Source::from_text("", pairs(&[("KOZMIC_LISTN", "x")])).err().unwrap().to_string();
    assert!(fault.contains("KOZMIC_LISTN") && fault.contains("KOZMIC_LISTEN"), "{fault}");
    for name in OF_COMMAND_LINE.into_iter().chain(OF_IMPORT).chain(OF_MIGRATE) {
        assert!(Source::from_text("", pairs(&[(name, "x")])).is_ok(), "{name}");
    }
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
    let source = Source::from_text("listen = \"80\"\ndatabase_url = \"db\"", pairs(&environment)).unwrap();
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
fn a_value_and_a_file_with_it_are_refused_wherever_they_are_set() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hush").unwrap();
    let path = file.path().display().to_string();
    let both = [("KOZMIC_SECRET_KEY_FILE", path.as_str()), ("KOZMIC_SECRET_KEY", "hush")];
    for variables in [both, [both[1], both[0]]] {
        let fault = Source::from_text("", pairs(&variables)).err().unwrap().to_string();
        assert!(fault.starts_with("the environment: secret_key and secret_key_file are both set"), "{fault}");
    }
    assert!(Source::from_text("secret_key = 'hush'", pairs(&both[..1])).is_ok(), "the environment overrides");
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
fn the_settings_file_may_name_a_secrets_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hush\n").unwrap();
    let path = file.path().display();
    let read = |text: String, environment: &[(&str, &str)]| {
        Source::from_text(&text, pairs(environment)).map_err(|fault| fault.to_string())
    };
    let text = format!("github_client_secret_file = '{path}'");
    let source = read(text.clone(), &[]).unwrap();
    assert_eq!(source.required("github_client_secret", values::text).unwrap(), "hush");
    assert_eq!(source.secret_files, [file.path()], "kozmic.toml has no secret in it");
    let source = read(text, &[("KOZMIC_GITHUB_CLIENT_SECRET", "other")]).unwrap();
    assert_eq!(source.required("github_client_secret", values::text).unwrap(), "other");
    let both = format!("secret_key = 'x'\nsecret_key_file = '{path}'");
    let fault = read(both, &[]).err().unwrap();
    assert_eq!(fault, "kozmic.toml: secret_key and secret_key_file are both set: only one of them can hold");
    assert!(read("secret_key_file = '/does/not/exist'".to_owned(), &[]).err().unwrap().contains("/does/"));
    let source = read(format!("secret_key_file = '{path}'"), &[]).unwrap();
    let fault = source.parse("secret_key", values::secret_key).unwrap_err().to_string();
    assert!(fault.starts_with(&format!("secret_key in {path} has a wrong value (")), "{fault}");
    let fault = read("secrt_key_file = ''".to_owned(), &[]).err().unwrap();
    assert!(fault.ends_with("did you mean \"secret_key\"?"), "{fault}");
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
        assert_eq!(fault, "kozmic.toml: kernel rules are tables, each below a line [[kernel]] of its own");
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
        source.take_variable(&OsString::from_vec(variable.to_vec()), text)
    };
    assert!(take(b"LS_COLORS").is_ok() && take(b"\xfe").is_ok() && take(b"KOZMIC_CONFIG").is_ok());
    let fault = take(b"KOZMIC_LISTEN").unwrap_err().to_string();
    assert_eq!(fault, "KOZMIC_LISTEN in the environment is not text in UTF-8");
}

/// The example with its settings and kernel rules uncommented.
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
        let line =
            text.lines().find(|line| line.trim_start_matches("# ").starts_with(&format!("{} =", key.name)));
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
        assert!(tables.iter().any(|table| table.contains_key(key)), "{key} is missing in the kernel rules");
    }
}
