//! The forge's words stay at the forge: no other part of the program has its headers, events, links or name.

use super::{code, crates, is_for_tests, sources};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The beginnings of the paths of the parts that know forges. The doubles are no part of the program. The takeover is
/// from an installation that knew GitHub alone.
const OF_FORGES: [&str; 4] = ["edges/src/forge", "testkit/", "scripted/", "import/"];

/// The parts that have settings for the one forge there is, and propose them: the program, and the pages of its set-up.
const OF_SETTINGS: [&str; 2] = ["kozmic/src/", "web/templates/setup/"];

/// Headers of deliveries and of the API, addresses of the API, rights of tokens.
const OF_CALLS: [&str; 7] =
    ["x-github-", "x-hub-", "x-gitlab-", "x-gitea-", "vnd.github", "oauth/access_token", "read:org"];

/// Pieces of addresses of pages.
const OF_LINKS: [&str; 7] =
    ["/commit/", "/pull/", "/tree/", "/blob/", "\"commit/", "\"pull/", "applications/new"];

/// Names of events.
const OF_EVENTS: [&str; 5] = ["\"push\"", "\"pull_request\"", "\"ping\"", "\"synchronize\"", "\"team_add\""];

/// The name of a forge.
const NAME: &str = "GitHub";

/// Words of Kozmic's own that are spelled like a forge's: file, word, meaning.
const OWN: [(&str, &str, &str); 8] = [
    ("model/src/event.rs", "\"push\"", "a value of KOZMIC_EVENT"),
    ("model/src/event.rs", "\"pull_request\"", "a value of KOZMIC_EVENT"),
    ("model/src/job.rs", "\"push\"", "a reason of a cancellation, in the database"),
    ("model/src/project.rs", "\"push\"", "a right, in the database"),
    ("model/src/git.rs", "/pull/", "the name of a pull request's ref in the database and in KOZMIC_REF"),
    ("edges/src/store/schema/m0011_forks.rs", "\"pull_request\"", "a column"),
    ("edges/src/store/schema/m0011_forks.rs", "/pull/", "the name of a ref in the database"),
    ("edges/src/store/schema/m0018_runners.rs", "/pull/", "the name of a ref in the database"),
];

/// A file of the program, by its path below `crates/`, without its comments and its tests.
struct Code {
    path: String,
    text: String,
}

fn all() -> Vec<Code> {
    let is_code = |path: &Path| {
        let path = path.strip_prefix(crates()).expect("it is below");
        let is_beside =
            path.components().any(|part| ["target", "examples"].iter().any(|dir| part.as_os_str() == *dir));
        !is_beside && !is_for_tests(path)
    };
    let all = sources(&crates()).into_iter().filter(|(path, _)| is_code(path));
    let rust = all.map(|(path, source)| Code::of(&path, &source));
    let mut pages = Vec::new();
    for dir in ["web/templates", "web/static"] {
        files(&crates().join(dir), &mut pages);
    }
    pages.retain(|path| !path.components().any(|part| part.as_os_str() == "test"));
    let read = |path: &PathBuf| fs::read_to_string(path).map(|source| Code::of(path, &source)).ok();
    rust.chain(pages.iter().filter_map(read)).collect()
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the directory is there").flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path => found.push(path),
        }
    }
}

impl Code {
    fn of(path: &Path, source: &str) -> Self {
        let path = path.strip_prefix(crates()).expect("it is below");
        Self { path: path.display().to_string(), text: code(source) }
    }

    fn is_in(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.path.starts_with(part))
    }

    /// The words of this list that stand here and are not Kozmic's own.
    fn foreign<'a>(&self, words: &[&'a str]) -> Vec<&'a str> {
        let lower = self.text.to_lowercase();
        let is_own = |word: &str| OWN.iter().any(|(path, own, _)| *path == self.path && *own == word);
        let stands = |word: &&&str| lower.contains(&word.to_lowercase()) && !is_own(word);
        words.iter().filter(stands).copied().collect()
    }
}

/// Places that have one of these words, outside the parts that may.
fn places(words: &[&str], may: &[&str]) -> Vec<String> {
    let all = all();
    assert!(all.len() > 300, "{} files", all.len());
    let others = all.iter().filter(|code| !code.is_in(may));
    others
        .flat_map(|code| code.foreign(words).into_iter().map(|word| format!("{}: {word}", code.path)))
        .collect()
}

#[test]
fn the_forges_headers_events_and_links_stay_at_the_forge() {
    let words = [&OF_CALLS[..], &OF_LINKS, &OF_EVENTS].concat();
    let places = places(&words, &OF_FORGES);
    assert!(places.is_empty(), "ask the forge for these words (edges/src/forge/format.rs): {places:#?}");
}

#[test]
fn only_settings_and_the_forge_itself_name_the_forge() {
    let places = places(&[NAME], &[&OF_FORGES[..], &OF_SETTINGS].concat());
    assert!(places.is_empty(), "ask the forge for its name (edges/src/forge/site.rs): {places:#?}");
}

#[test]
fn each_word_of_kozmics_own_still_stands_where_it_is_excused() {
    let all = all();
    for (path, word, _) in OWN {
        let code = all.iter().find(|code| code.path == path).unwrap_or_else(|| panic!("{path} is there"));
        assert!(code.text.contains(word), "{path} has no {word} any more");
    }
}
