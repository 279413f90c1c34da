//! The words about the changes and about the next steps, for the terminal and the browser alike.

use super::{
    draft::{Answers, Draft},
    installation::{Installation, variable, variables_that_win},
    place::{Place, is_root},
    questions::{QUESTIONS, SECRET},
    service::{Service, USER},
};
use crate::people;
use anyhow::{Result, ensure};
use secrecy::ExposeSecret;
use std::path::Path;

/// Characters without a meaning for shells and for readers of files with variables.
const PLAIN: &str = "/._-=,:@%+";

/// The changes, a line each.
pub(super) fn changes(draft: &Draft) -> Vec<String> {
    let shown = |value: &str| if value.is_empty() { "nothing".to_owned() } else { printable(value) };
    let line = |old: &str, new: &str| {
        if old.is_empty() { shown(new) } else { format!("{} → {}", shown(old), shown(new)) }
    };
    draft
        .changes
        .iter()
        .map(|change| format!("{}: {}", change.name, line(&change.old, &change.new)))
        .collect()
}

/// Remarks about the changes.
pub(super) fn notes(installation: &Installation, is_printed: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let winning = variables_that_win();
    if !winning.is_empty() {
        notes.push(format!(
            "Set in the environment of this command, and stronger than the file where the server has them, too: {}.",
            winning.join(", ")
        ));
    }
    if is_printed {
        notes.push(
            "Nothing can be written here: the settings are shown at the end, for you to take along."
                .to_owned(),
        );
    } else if installation.document.is_some() {
        notes.push("The file as it is now is kept beside it, with .bak at the end.".to_owned());
    }
    notes
}

/// A text without characters that a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            let is_control = letter.is_control();
            letter.escape_default().filter(move |_| is_control).chain((!is_control).then_some(letter))
        })
        .collect()
}

/// The next commands. If the data directory belongs to another user, they run as that user.
pub(super) fn next(place: &Place, data_dir: &Path, service: Option<&Service>) -> [String; 2] {
    let settings = quoted(&place.settings);
    match service {
        Some(service) => {
            let start = if service.is_known { "restart" } else { "enable --now" };
            [
                format!("runuser -u {USER} -- env -C / kozmic check --config {settings}"),
                format!("systemctl {start} kozmic"),
            ]
        }
        None => {
            let owner = people::owner_other_than_root(data_dir).ok().flatten();
            let by = owner.and_then(people::name).map(|name| format!("runuser -u {name} -- env -C / "));
            let by = by.unwrap_or_default();
            ["check", "serve"].map(|command| format!("{by}{} {command} --config {settings}", program()))
        }
    }
}

/// The commands that put printed settings in place.
pub(super) fn by_hand(installation: &Installation, draft: &Draft) -> [String; 2] {
    let secret = draft.secret_file().map_or(installation.place.secret.as_path(), Path::new);
    let put = |mode: &str, file: &Path| format!("install -m {mode} /dev/stdin {}", quoted(file));
    [
        format!("{}   # then type the client secret, and Ctrl-D", put("0600", secret)),
        format!("{}   # then the same with what is printed above", put("0640", &installation.place.settings)),
    ]
}

/// A sentence for a machine with systemd on which the command does not run as root.
pub(super) fn of_service() -> Option<&'static str> {
    let has_systemd = Path::new("/run/systemd/system").is_dir();
    (has_systemd && !is_root()).then_some(
        "As root, this command also makes a user and a service of systemd; kozmic setup --print=unit shows the unit.",
    )
}

/// The answers as variables, a line each. Variables that this command's environment has already are left out.
///
/// # Errors
/// A value would be read wrongly from a file with variables.
pub(super) fn variables(answers: &Answers, installation: &Installation) -> Result<String> {
    let api =
        answers.github(installation).map(|github| github.api_url.as_str().trim_end_matches('/').to_owned());
    let api = api.filter(|api| api != "https://api.github.com");
    let secret = answers.secret().map(|secret| secret.expose_secret().to_owned());
    let mut pairs = QUESTIONS
        .iter()
        .map(|question| (question.name, answers.of(question.name).to_owned()))
        .collect::<Vec<_>>();
    pairs.extend([("github_api_url", api.unwrap_or_default()), (SECRET, secret.unwrap_or_default())]);
    let mut lines = String::new();
    for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
        let name = format!("KOZMIC_{}", name.to_uppercase());
        ensure!(
            is_plain(&value),
            "the value of {name} has signs that cannot stand in a file of variables: use kozmic.toml"
        );
        if variable(&name).as_ref() != Some(&value) {
            lines.push_str(&format!("{name}={value}\n"));
        }
    }
    Ok(lines)
}

fn program() -> String {
    let first = std::env::args_os().next().unwrap_or_else(|| "kozmic".into());
    quoted(Path::new(&first))
}

/// A path, quoted for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if is_plain(&text) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || PLAIN.contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_values_do_nothing_to_a_shell_or_a_terminal() {
        assert_eq!(quoted(Path::new("/etc/kozmic/kozmic.toml")), "/etc/kozmic/kozmic.toml");
        assert_eq!(quoted(Path::new("/srv/it's; $(here)")), "'/srv/it'\\''s; $(here)'");
        assert_eq!(printable("a\u{1b}[2Jü"), "a\\u{1b}[2Jü");
        assert!(
            !is_plain("a b") && !is_plain("$x") && !is_plain("#") && is_plain("https://ci.example.com:8443")
        );
    }
}
