//! Reads one recipe from its YAML.

use super::{
    BuildScript, Recipe, RecipeDefaults, RecipeFault,
    definition::{self, KEYS, Surroundings},
    fault::{At, Faults, marked},
    paths,
    yaml::{self, Node, Value},
};
use crate::{
    artifact::{ArtifactName, Format},
    git::{GitRef, RefAt, Sha},
};
use std::collections::{BTreeMap, BTreeSet};

/// The key of the list of scripts.
const LIST: &str = "buildscripts";

/// Reads one recipe. `path` is `<owner>/<repository>/<branch>.yaml`.
///
/// # Errors
/// All faults of the file, in the order of lines.
pub fn recipe(path: &str, text: &[u8], defaults: &RecipeDefaults) -> Result<Recipe, Vec<RecipeFault>> {
    let mut faults = Faults::of(path);
    let about = About::of(path);
    let root = yaml::read(text, &mut faults);
    let entries = root.as_ref().and_then(|root| entries(root, &mut faults));
    let scripts = entries.map(|entries| scripts(entries, &about, defaults, &mut faults)).unwrap_or_default();
    faults.unless_any(Recipe { scripts })
}

/// The branch of a recipe, from its path.
struct About<'a> {
    full_name: String,
    name: &'a str,
    branch: &'a str,
}

impl<'a> About<'a> {
    fn of(path: &'a str) -> Self {
        let (owner, rest) = path.split_once('/').unwrap_or(("", path));
        let (name, branch) = rest.split_once('/').unwrap_or((rest, ""));
        let branch = branch.strip_suffix(".yaml").unwrap_or(branch);
        Self { full_name: format!("{owner}/{name}"), name, branch }
    }
}

/// The file's keys with their values.
fn entries<'a>(root: &'a Node, faults: &mut Faults<'_>) -> Option<&'a [(Node, Node)]> {
    match &root.value {
        Value::Map(entries) => return Some(entries),
        Value::Nothing => faults.add(
            At::START,
            format!("The file is empty: it needs `{LIST}`, a list of scripts, and the definition of each."),
        ),
        Value::Text(_) | Value::List(_) => {
            let kind = root.kind();
            faults.add(root.at, format!("A recipe is a mapping with `{LIST}` in it, and this is {kind}."));
        }
    }
    None
}

/// An entry of the list of scripts.
struct Listed<'a> {
    path: &'a str,
    at: At,
    /// True if the path can be a script's.
    is_right: bool,
}

fn scripts(
    entries: &[(Node, Node)],
    about: &About<'_>,
    defaults: &RecipeDefaults,
    faults: &mut Faults<'_>,
) -> Vec<BuildScript> {
    let around = Surroundings { repository: about.name, defaults };
    let listed = listed(entries, faults);
    let mut scripts = Vec::new();
    for Listed { path, at, is_right } in listed.iter().flatten() {
        match entries.iter().find(|(key, _)| key.text() == Some(path)) {
            Some(entry) => {
                let script = definition::script(path, entry, around, faults);
                scripts.extend(script.filter(|_| *is_right).map(|script| (script, entry.0.at)));
            }
            None => {
                let sentence = undefined(path, entries, listed.as_deref().unwrap_or_default(), faults);
                faults.add(*at, sentence);
            }
        }
    }
    tell_unlisted(entries, listed.as_deref(), around, faults);
    tell_same_names(&scripts, about, faults);
    scripts.into_iter().map(|(script, _)| script).collect()
}

/// The listed scripts, each once; none if there is no list.
fn listed<'a>(entries: &'a [(Node, Node)], faults: &mut Faults<'_>) -> Option<Vec<Listed<'a>>> {
    let Some((key, list)) = entries.iter().find(|(key, _)| key.text() == Some(LIST)) else {
        faults.add(At::START, format!("`{LIST}` is missing: the list of the scripts to run."));
        return None;
    };
    let items = match &list.value {
        Value::List(items) => items,
        Value::Nothing => {
            faults.add(key.at, format!("`{LIST}` is empty: list one script at least."));
            return None;
        }
        Value::Text(_) | Value::Map(_) => {
            let kind = list.kind();
            faults.add(list.at, format!("`{LIST}` is {kind}, and needs to be a list of scripts' paths."));
            return None;
        }
    };
    if items.is_empty() {
        faults.add(list.at, format!("`{LIST}` is empty: list one script at least."));
    }
    let mut seen = BTreeSet::new();
    Some(items.iter().filter_map(|item| listed_script(item, &mut seen, faults)).collect())
}

fn listed_script<'a>(
    item: &'a Node,
    seen: &mut BTreeSet<&'a str>,
    faults: &mut Faults<'_>,
) -> Option<Listed<'a>> {
    let Some(path) = item.text() else {
        faults.add(item.at, format!("A script in `{LIST}` is a path, and this is {}.", item.kind()));
        return None;
    };
    if !seen.insert(path) {
        faults.add(item.at, format!("{} is listed a second time.", marked(path)));
        return None;
    }
    let right = paths::script(path).map_err(|sentence| faults.add(item.at, sentence));
    Some(Listed { path, at: item.at, is_right: right.is_ok() })
}

fn undefined(path: &str, entries: &[(Node, Node)], listed: &[Listed<'_>], faults: &mut Faults<'_>) -> String {
    let is_listed = |key: &str| listed.iter().any(|listed| listed.path == key);
    let unlisted = entries.iter().filter_map(|(key, _)| key.text());
    let nearest = faults.nearest(path, unlisted.filter(|key| *key != LIST && !is_listed(key)));
    let hint = nearest.map(|key| format!("; did you mean `{key}`?")).unwrap_or_else(|| {
        format!(": write {} below, with `artifact` and what else it needs.", marked(&format!("{path}:")))
    });
    format!("{} has no definition{hint}", marked(path))
}

/// Reports each definition that is missing in the list. Its content is checked as well.
fn tell_unlisted(
    entries: &[(Node, Node)],
    listed: Option<&[Listed<'_>]>,
    around: Surroundings<'_>,
    faults: &mut Faults<'_>,
) {
    let is_listed =
        |key: &str| key == LIST || listed.iter().copied().flatten().any(|listed| listed.path == key);
    let mut seen = BTreeSet::new();
    for entry in entries {
        let (key, value) = entry;
        let Some(name) = key.text() else {
            faults.add(key.at, format!("A key needs to be a text, and this one is {}.", key.kind()));
            continue;
        };
        if is_listed(name) || !seen.insert(name) {
            continue;
        }
        if let Some(sentence) = unlisted(name, listed, faults) {
            faults.add(key.at, sentence);
        }
        if matches!(value.value, Value::Map(_)) {
            definition::script(name, entry, around, faults);
        }
    }
}

/// The fault of a key that is not in the list. Without a list, only a key that cannot be a script's definition is a
/// fault.
fn unlisted(name: &str, listed: Option<&[Listed<'_>]>, faults: &mut Faults<'_>) -> Option<String> {
    let marked = marked(name);
    if KEYS.contains(&name) {
        return Some(format!(
            "{marked} stands outside of a script's definition: indent it below its script."
        ));
    }
    let paths = listed.iter().copied().flatten().map(|listed| listed.path);
    match (faults.nearest(name, paths.chain([LIST])), listed) {
        (Some(LIST), _) => Some(format!("There is no key {marked}; did you mean `{LIST}`?")),
        (Some(path), _) => Some(format!("{marked} is not listed in `{LIST}`; did you mean `{path}`?")),
        (None, Some(_)) => {
            Some(format!("{marked} is not listed in `{LIST}`: list it there, or take it out."))
        }
        (None, None) => None,
    }
}

/// Reports each script whose artifact would replace another one, because both have the same name.
fn tell_same_names(scripts: &[(BuildScript, At)], about: &About<'_>, faults: &mut Faults<'_>) {
    let git_ref = GitRef::Branch(about.branch.to_owned());
    let sha = "0".repeat(40).parse::<Sha>().expect("forty digits are a commit's id");
    let commit = RefAt { git_ref: &git_ref, sha: &sha };
    let mut seen = BTreeMap::new();
    for (script, at) in scripts {
        let BuildScript { tag, format, artifact, .. } = script;
        let name = ArtifactName::of_recipe(&about.full_name, tag.as_deref(), commit, *format, artifact);
        let path = marked(&script.path);
        let place = (*format == Format::Flist, name.stable);
        if let Some(first) = seen.get(&place) {
            let another = if tag.is_some() { "another `tag`" } else { "a `tag`" };
            let stable = &place.1;
            faults.add(
                *at,
                format!("The artifacts of {first} and {path} would both be called {stable}: give {path} {another}."),
            );
        } else {
            seen.insert(place, path);
        }
    }
}

#[cfg(test)]
mod tests;
