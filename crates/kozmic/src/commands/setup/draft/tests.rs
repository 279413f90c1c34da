//! Tests the settings that result from answers, even hostile ones, and the changes to an existing file.

use super::*;
use crate::commands::setup::place::Place;
use std::path::Path;

/// An installation with these settings; none: a new one.
fn installation(dir: &Path, settings: Option<&str>) -> Installation {
    if let Some(settings) = settings {
        std::fs::write(dir.join("kozmic.toml"), settings).unwrap();
    }
    Installation::read(Place::new(Some(dir), None).unwrap()).unwrap()
}

fn answers(others: &[(&'static str, &str)]) -> Answers {
    let mut answers = Answers::default();
    let all = [
        ("public_url", "https://ci.example.com"),
        ("listen", "127.0.0.1:8080"),
        ("data_dir", "/var/lib/kozmic"),
        ("github_url", "https://github.com"),
        ("github_client_id", "Ov23li"),
        (SECRET, "hush"),
        ("sign_in_allowed", ""),
        ("docker_url", "unix:///var/run/docker.sock"),
        ("docker_cert_path", ""),
    ];
    for (name, answer) in all.iter().chain(others) {
        answers.keep(name, (*answer).to_owned());
    }
    answers
}

#[test]
fn a_new_file_has_the_answers_and_the_way_to_the_secret() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let draft = Draft::new(&installation(&dir, None), &answers(&[]));
    let secret = dir.join("github-client-secret").display().to_string();
    let text = format!(
        "{HEAD}public_url = \"https://ci.example.com\"\nlisten = \"127.0.0.1:8080\"\ndata_dir = \"/var/lib/kozmic\"\n\
         github_client_id = \"Ov23li\"\ndocker_url = \"unix:///var/run/docker.sock\"\ngithub_client_secret_file = \"{secret}\"\n"
    );
    assert_eq!(draft.text(), text);
    assert!(!draft.text().contains("hush"));
    let (path, hush) = draft.secret.as_ref().unwrap();
    assert_eq!((path.display().to_string(), hush.expose_secret()), (secret, "hush"));
    assert!(draft.settings(&answers(&[])).is_ok());
}

#[test]
fn hostile_answers_stay_values() {
    let dir = tempfile::tempdir().unwrap();
    let installation = installation(dir.path(), None);
    for hostile in [
        "\"",
        "'",
        "'''",
        "\"\"\"",
        "\\",
        "x\"\nadmins = \"eve",
        "\u{1b}[2J\u{0}",
        "# no",
        "[[kernel]]",
        "\u{2028}ü",
    ] {
        let answers = answers(&[("data_dir", hostile), ("github_client_id", hostile), (SECRET, hostile)]);
        let draft = Draft::new(&installation, &answers);
        let table = draft.text().parse::<toml::Table>().unwrap();
        assert_eq!(table["data_dir"].as_str(), Some(hostile));
        assert_eq!(table["github_client_id"].as_str(), Some(hostile));
        assert_eq!(table.len(), 6, "{table:?}");
        let settings = draft.settings(&answers).unwrap();
        assert!(settings.server.admins.is_empty());
    }
}

#[test]
fn a_file_that_is_there_keeps_its_comments_and_all_that_nobody_asked_about() {
    let dir = tempfile::tempdir().unwrap();
    let old = "# Ours.\nlisten = '127.0.0.1:80' # the proxy's\nsign_in_allowed = ['anna', 'adlift']\n\
               github_client_secret = 'old'\nlog = 'debug'\n\n[[kernel]]\nkind = 'generic'\n";
    let installation = installation(dir.path(), Some(old));
    let answers = answers(&[("sign_in_allowed", "anna,adlift")]);
    let draft = Draft::new(&installation, &answers);
    let text = draft.text();
    assert!(
        text.starts_with(
            "# Ours.\nlisten = \"127.0.0.1:8080\" # the proxy's\nsign_in_allowed = ['anna', 'adlift']\n"
        ),
        "{text}"
    );
    let table = text.parse::<toml::Table>().unwrap();
    assert!(
        table["kernel"].is_array() && table["log"].as_str() == Some("debug") && !table.contains_key(SECRET)
    );
    let changed = draft.changes.iter().map(|change| change.name.as_str()).collect::<Vec<_>>();
    assert_eq!(changed, ["public_url", "listen", "data_dir", "github_client_id", "docker_url", SECRET]);
    assert!(draft.changes.iter().all(|change| !change.old.contains("old") && !change.new.contains("hush")));
}

#[test]
fn the_same_answers_again_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = Draft::new(&installation(dir.path(), None), &answers(&[]));
    std::fs::write(dir.path().join("github-client-secret"), "hush\n").unwrap();
    let installation = installation(dir.path(), Some(&first.text()));
    let again = Draft::new(&installation, &answers(&[]));
    assert_eq!(again.changes, []);
    assert!(again.secret.is_none() && again.files(&installation, None).is_empty());
    let other = Draft::new(&installation, &answers(&[(SECRET, "new")]));
    let files = other.files(&installation, None);
    assert_eq!(files.len(), 1, "the settings stay as they are");
    assert_eq!(files[0].text.expose_secret(), "new\n");
}

#[test]
fn a_secret_that_only_the_environment_names_is_named_in_the_settings() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("github-client-secret"), "hush\n").unwrap();
    let installation = installation(dir.path(), Some("# What a package brings.\n"));
    let draft = Draft::new(&installation, &answers(&[]));
    let file = installation.place.secret.display().to_string();
    assert!(draft.text().contains(&format!("github_client_secret_file = \"{file}\"")), "{}", draft.text());
    assert!(draft.secret.is_none(), "the file is there");
}

#[test]
fn the_address_of_the_api_belongs_to_that_of_github() {
    let dir = tempfile::tempdir().unwrap();
    let own = [("github_url", "https://git.example.org")];
    let draft = Draft::new(&installation(dir.path(), None), &answers(&own));
    let text = draft.text();
    assert!(text.contains("github_api_url = \"https://git.example.org/api/v3\""), "{text}");
    let old = "github_url = 'https://git.example.org'\ngithub_api_url = 'https://api.git.example.org'";
    let installation = installation(dir.path(), Some(old));
    assert!(Draft::new(&installation, &answers(&own)).text().starts_with(old), "a known one stays");
    let table = Draft::new(&installation, &answers(&[])).text().parse::<toml::Table>().unwrap();
    assert_eq!(table["github_api_url"].as_str(), Some("https://api.github.com"));
}

#[test]
fn the_link_fills_in_the_fields_of_the_application() {
    let link = answers(&[("public_url", "https://ci.example.com:8443")]).application_link().unwrap();
    assert_eq!(
        link.as_str(),
        "https://github.com/settings/applications/new?oauth_application%5Bname%5D=Kozmic\
         &oauth_application%5Burl%5D=https%3A%2F%2Fci.example.com%3A8443%2F\
         &oauth_application%5Bcallback_url%5D=https%3A%2F%2Fci.example.com%3A8443%2F_auth%2Fauth-callback%2F"
    );
}
