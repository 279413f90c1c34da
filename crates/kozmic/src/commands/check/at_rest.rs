//! The look of `kozmic check` at files that other users of the machine may read.

use crate::commands::finding::Finding;
use crate::{at_rest, data_dir::DataDir, settings::Settings, wire};
use std::path::PathBuf;

/// The most files that are named.
const NAMED: usize = 5;

/// Tells which files are open, and how to close them.
pub(super) fn look(settings: &Settings) -> Finding {
    let Ok(dir) = DataDir::share(&settings.server.data_dir) else {
        return Finding::Mind("not looked at: there is no installation yet".to_owned());
    };
    let path = dir.join("");
    let kept = at_rest::open(&path, &wire::database_file(settings, &dir));
    let mut secrets = settings.secret_files.clone();
    secrets.extend(settings.docker.certificates.as_ref().map(|dir| dir.join("key.pem")));
    let secrets = at_rest::open_to_all(&secrets);
    let mut words = Vec::new();
    if !kept.is_empty() {
        words.push(format!(
            "other users of this machine may read or change {}; kozmic serve closes them as it starts",
            list(&kept)
        ));
    }
    if !secrets.is_empty() {
        words.push(format!(
            "everybody on this machine may read the secrets in {}: run chmod o= on them",
            list(&secrets)
        ));
    }
    if at_rest::is_open(&path) {
        words.push(format!("others may see the names of the files in {}: run chmod 700 on it, unless they fetch artifacts there", path.display()));
    }
    match words.is_empty() {
        true => Finding::Well(
            "no other user of this machine may read what is kept, nor the settings' secrets".to_owned(),
        ),
        false => Finding::Mind(words.join("; ")),
    }
}

fn list(open: &[(PathBuf, u32)]) -> String {
    let named = open.iter().take(NAMED).map(|(path, mode)| format!("{} ({mode:03o})", path.display()));
    let rest = open.len().saturating_sub(NAMED);
    let more = (rest > 0).then(|| format!("{rest} more"));
    named.chain(more).collect::<Vec<_>>().join(", ")
}
