//! The definition of one script in a recipe: reads and checks it.

use super::{
    BuildScript, RecipeDefaults,
    fault::{At, Faults, marked, quoted},
    labels, paths,
    yaml::{Node, Value},
};
use crate::{artifact::Format, image::ImageName, interruption::IfInterrupted};
use std::collections::BTreeMap;

/// The keys of a script's definition, in the order of the documentation.
pub(super) const KEYS: [&str; 7] =
    ["archives", "artifact", "baseimage", "tag", "format", "if_interrupted", labels::KEY];

/// The longest tag, in characters.
const LONGEST_TAG: usize = 60;

/// The facts that are needed to read a definition.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The repository's name without its owner.
    pub(super) repository: &'a str,
    pub(super) defaults: &'a RecipeDefaults,
}

/// The script at the path, from its definition; none if the definition has a fault.
pub(super) fn script(
    path: &str,
    (key, definition): &(Node, Node),
    around: Surroundings<'_>,
    faults: &mut Faults<'_>,
) -> Option<BuildScript> {
    let Value::Map(entries) = &definition.value else {
        let (place, kind) =
            (if definition.value == Value::Nothing { key.at } else { definition.at }, definition.kind());
        let script = marked(path);
        faults.add(
            place,
            format!("The definition of {script} is {kind}, and needs to be a mapping with `artifact`."),
        );
        return None;
    };
    let mut reader = Reader { script: path, at: key.at, said: said(entries, faults), faults };
    let format = reader.format();
    // All values are read, even if one of them has a fault.
    let (archives, artifact) = (reader.archives(around), reader.artifact(format));
    let (image, tag) = (reader.image(around.defaults), reader.tag());
    let if_interrupted = reader.if_interrupted();
    let labels = labels::labels(entries, faults);
    Some(BuildScript {
        path: path.to_owned(),
        archives: archives?,
        artifact: artifact?,
        image: image?,
        tag: tag?,
        format: format?,
        if_interrupted: if_interrupted?,
        labels: labels?,
    })
}

/// The text under each known key; none if the value is not a text. Labels are read by `labels`.
fn said<'a>(
    entries: &'a [(Node, Node)],
    faults: &mut Faults<'_>,
) -> BTreeMap<&'a str, Option<(&'a str, At)>> {
    let mut said = BTreeMap::new();
    for (key, value) in entries {
        let Some(name) = key.text() else {
            faults.add(key.at, format!("A key needs to be a text, and this one is {}.", key.kind()));
            continue;
        };
        if !KEYS.contains(&name) {
            let sentence = unknown(name, faults);
            faults.add(key.at, sentence);
            continue;
        }
        let text = value.text().map(|text| (text, value.at));
        if value.value == Value::Nothing {
            faults.add(key.at, format!("`{name}` says nothing: write a value behind it, or take it out."));
        } else if text.is_none() && name != labels::KEY {
            faults.add(value.at, format!("`{name}` is {}, and needs to be a text.", value.kind()));
        }
        said.entry(name).or_insert(text);
    }
    said
}

fn unknown(name: &str, faults: &mut Faults<'_>) -> String {
    match faults.nearest(name, KEYS) {
        Some(nearest) => format!("There is no key {}; did you mean `{nearest}`?", marked(name)),
        None => {
            let [archives, artifact, image, tag, format, if_interrupted, labels] = KEYS;
            format!(
                "There is no key {}: a script has `{archives}`, `{artifact}`, `{image}`, `{tag}`, `{format}`, \
                 `{if_interrupted}` and `{labels}`.",
                marked(name)
            )
        }
    }
}

/// Reads the values of one definition. A value with a fault is reported, and gives none.
struct Reader<'a, 'f, 'p> {
    script: &'a str,
    /// The place where the definition begins.
    at: At,
    said: BTreeMap<&'a str, Option<(&'a str, At)>>,
    faults: &'f mut Faults<'p>,
}

impl<'a> Reader<'a, '_, '_> {
    fn archives(&mut self, around: Surroundings<'_>) -> Option<String> {
        let (text, at) = match (self.said.get("archives"), &around.defaults.archives) {
            (Some(said), _) => (*said)?,
            (None, Some(default)) => (default.as_str(), self.at),
            (None, None) => {
                let script = marked(self.script);
                let what = "the directory that it leaves its artifact in, and there is no default";
                self.faults.add(self.at, format!("{script} lacks `archives`: {what}."));
                return None;
            }
        };
        let archives = paths::archives(text, around.repository);
        self.right(at, archives)
    }

    fn artifact(&mut self, format: Option<Format>) -> Option<String> {
        let Some(said) = self.said.get("artifact") else {
            let script = marked(self.script);
            self.faults.add(self.at, format!("{script} lacks `artifact`: what it leaves in `archives`."));
            return None;
        };
        let (text, at) = (*said)?;
        self.right(at, paths::artifact(text, format))
    }

    fn image(&mut self, defaults: &RecipeDefaults) -> Option<ImageName> {
        let Some((text, at)) = self.optional("baseimage")? else { return Some(defaults.image.clone()) };
        let name = text.parse::<ImageName>().map_err(|fault| fault.to_string());
        self.right(at, name.and_then(ImageName::unless_reserved))
    }

    fn tag(&mut self) -> Option<Option<String>> {
        let Some((text, at)) = self.optional("tag")? else { return Some(None) };
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
        let is_tag = !text.is_empty() && text.len() <= LONGEST_TAG && text.chars().all(fits);
        let sentence =
            || format!("{} is no tag: use up to {LONGEST_TAG} letters, digits, and . _ -", quoted(text));
        self.right(at, is_tag.then(|| Some(text.to_owned())).ok_or_else(sentence))
    }

    fn format(&mut self) -> Option<Format> {
        let Some((text, at)) = self.optional("format")? else { return Some(Format::Flist) };
        let known = Format::OF_RECIPES.into_iter().find(|format| format.word() == text);
        let format = known.ok_or_else(|| no_format(text, self.faults));
        self.right(at, format)
    }

    fn if_interrupted(&mut self) -> Option<IfInterrupted> {
        let Some((text, at)) = self.optional("if_interrupted")? else {
            return Some(IfInterrupted::default());
        };
        let [again, error] = IfInterrupted::ALL.map(IfInterrupted::word);
        let sentence = |_| {
            let text = quoted(text);
            format!(
                "{text} is nothing that becomes of an interrupted job: there are `{again}` and `{error}`."
            )
        };
        self.right(at, text.parse::<IfInterrupted>().map_err(sentence))
    }

    /// The text under a key, if the key is there. The outer option is none if the key's fault was already reported.
    fn optional(&self, name: &str) -> Option<Option<(&'a str, At)>> {
        self.said.get(name).map_or(Some(None), |said| said.map(Some))
    }

    fn right<T>(&mut self, at: At, value: Result<T, String>) -> Option<T> {
        value.map_err(|sentence| self.faults.add(at, sentence)).ok()
    }
}

fn no_format(text: &str, faults: &mut Faults<'_>) -> String {
    let [flist, binary, directory] = Format::OF_RECIPES.map(Format::word);
    match faults.nearest(text, [flist, binary, directory]) {
        Some(nearest) => format!("{} is no format; did you mean `{nearest}`?", quoted(text)),
        None => format!("{} is no format: there are `{flist}`, `{binary}` and `{directory}`.", quoted(text)),
    }
}
