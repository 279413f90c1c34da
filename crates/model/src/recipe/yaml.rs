//! Reads YAML with the place of each key and value. Scalars stay the text in the file: `no` is no boolean, and `1.0` is
//! not 1.
//!
//! The types that serde derives lose places, and stop at the first unexpected value. So a visitor accepts any value,
//! and its meaning is checked later.

mod raw;

use super::fault::{At, Faults, marked};
use raw::Raw;
use serde_saphyr::{
    Error, MessageFormatter, Options, Spanned, UserMessageFormatter,
    options::{DuplicateKeyPolicy, NonFiniteFloatPolicy},
};
use std::collections::BTreeSet;

/// The largest recipe, in bytes.
pub const LARGEST: usize = 64 * 1024;

/// The most keys, values and lists in a file. Those behind aliases count at each use.
const MOST_NODES: usize = 4_000;

/// The greatest depth of nested lists and mappings.
const DEEPEST: usize = 8;

/// A key or a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// The place in the file; behind an alias, the place of the original.
    pub(super) at: At,
    /// Its content.
    pub(super) value: Value,
}

/// The content of a key or value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// No value, or `null`, or `~`.
    Nothing,
    /// Any other scalar.
    Text(String),
    List(Vec<Node>),
    /// All entries, repeated keys too.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text, if the value is a text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Nothing | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The word for the kind of value.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Nothing => "empty",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads a file's text. Adds each fault to `faults`. Then the result is none, unless the rest of the file can be read
/// despite the fault.
pub(super) fn read(text: &[u8], faults: &mut Faults<'_>) -> Option<Node> {
    if text.len() > LARGEST {
        faults.add(At::START, "The file is larger than 64 KiB, and no recipe needs as much.");
        return None;
    }
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(fault) => {
            faults.add(end_of(&text[..fault.valid_up_to()]), "This is not text in UTF-8.");
            return None;
        }
    };
    match parse(text, DuplicateKeyPolicy::Error) {
        Err(fault) if matches!(root(&fault), Error::DuplicateMappingKey { .. }) => {
            faults.add(place(&fault), sentence(&fault));
            parse(text, DuplicateKeyPolicy::LastWins).map(|node| tell_repeated(node, faults))
        }
        parsed => parsed,
    }
    .map_err(|fault| faults.add(place(&fault), sentence(&fault)))
    .ok()
}

/// Reports each key that a mapping has twice.
fn tell_repeated(node: Node, faults: &mut Faults<'_>) -> Node {
    tell_repeated_in(&node, faults);
    node
}

fn tell_repeated_in(node: &Node, faults: &mut Faults<'_>) {
    match &node.value {
        Value::Nothing | Value::Text(_) => {}
        Value::List(items) => items.iter().for_each(|item| tell_repeated_in(item, faults)),
        Value::Map(entries) => {
            let mut seen = BTreeSet::new();
            for (key, value) in entries {
                if let Some(text) = key.text().filter(|text| !seen.insert(*text)) {
                    faults.add(key.at, repeated(text));
                }
                tell_repeated_in(value, faults);
            }
        }
    }
}

fn repeated(key: &str) -> String {
    format!("The key {} stands here a second time.", marked(key))
}

fn end_of(text: &[u8]) -> At {
    let text = String::from_utf8_lossy(text);
    let line = text.rsplit('\n').next().unwrap_or_default();
    At { line: text.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

fn parse(text: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<Node, Error> {
    // Without these limits, 64 KiB of nested aliases would take a day.
    let budget = serde_saphyr::budget! {
        max_events: 4 * MOST_NODES,
        max_nodes: MOST_NODES,
        max_depth: DEEPEST,
        max_recorded_anchor_events: 4 * MOST_NODES,
    };
    let options: Options = serde_saphyr::options! {
        budget: budget,
        duplicate_keys: duplicate_keys,
        ignore_binary_tag_for_string: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options).map(|raw| node(raw, text))
}

/// Restores the texts that the parser took for other types. The recursion goes no deeper than the parser's.
fn node(raw: Spanned<Raw>, text: &str) -> Node {
    let value = match raw.value {
        Raw::Nothing => Value::Nothing,
        Raw::Typed => Value::Text(written(&raw.defined, text).to_owned()),
        Raw::Text(text) => Value::Text(text),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, text)).collect()),
        Raw::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| (node(key, text), node(value, text))).collect())
        }
    };
    Node { at: at(&raw.defined), value }
}

fn written<'a>(place: &serde_saphyr::Location, text: &'a str) -> &'a str {
    let number = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
    let span = place.span();
    let (start, length) = (number(span.byte_offset()).unwrap_or(0), number(span.byte_len()).unwrap_or(0));
    text.get(start..start.saturating_add(length)).unwrap_or_default()
}

fn at(place: &serde_saphyr::Location) -> At {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    At { line: number(place.line()), column: number(place.column()) }
}

fn place(fault: &Error) -> At {
    fault.location().as_ref().map_or(At::START, at)
}

/// The fault itself, without the alias through which it was found.
fn root(fault: &Error) -> &Error {
    match fault {
        Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => root(error),
        other => other,
    }
}

fn sentence(fault: &Error) -> String {
    let fault = root(fault);
    match fault {
        Error::DuplicateMappingKey { key: Some(key), .. } => repeated(key),
        Error::DuplicateMappingKey { key: None, .. } => "This key stands here a second time.".to_owned(),
        Error::MultipleDocuments { .. } => {
            "A second YAML document begins here, and a recipe is one.".to_owned()
        }
        Error::Budget { .. } => {
            "From here on it is more, or nested deeper, than any recipe needs.".to_owned()
        }
        _ => {
            let words = UserMessageFormatter.format_message(fault);
            format!("This cannot be read as YAML: {}.", words.trim_end_matches('.'))
        }
    }
}

#[cfg(test)]
mod tests;
