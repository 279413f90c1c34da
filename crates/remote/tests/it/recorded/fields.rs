//! Fields of messages: left out, added, listed.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The side whose messages are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Runner,
    Server,
}

/// The objects to which a newer version may add fields. Others are maps, or have one field that names a case.
const OPEN: [&str; 13] = [
    "step", "about", "state", "facts", "order", "limits", "standing", "image", "of", "program", "outcome",
    "login", "spec",
];

/// Removes fields of these names, wherever they are, but not the field after which a message is named.
pub(super) fn remove(message: &mut Value, names: &[&str]) {
    match message {
        Value::Object(fields) => {
            let kind = fields.get("kind").and_then(Value::as_str).map(str::to_owned);
            fields.retain(|name, _| kind.as_ref() == Some(name) || !names.contains(&name.as_str()));
            fields.values_mut().for_each(|field| remove(field, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| remove(item, names)),
        _ => {}
    }
}

/// Adds a field that nobody knows to a message and to its parts.
pub(super) fn add_unknown(message: &mut Value) {
    let Value::Object(fields) = message else { return };
    for (name, field) in fields.iter_mut() {
        if OPEN.contains(&name.as_str()) {
            add_unknown(field);
        }
    }
    fields.insert("of_a_newer_version".to_owned(), json!({"mood": ["good", 1, null]}));
}

/// The places of all values in a message, with the words that tell messages apart.
pub(super) fn paths(message: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(message, "", &mut found);
    found
}

fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => of_object(fields, path, found),
        Value::Array(items) => items.iter().for_each(|item| collect(item, &format!("{path}[]"), found)),
        _ => drop(found.insert(path.to_owned())),
    }
}

fn of_object(fields: &Map<String, Value>, path: &str, found: &mut BTreeSet<String>) {
    for (name, field) in fields {
        let is_word = ["kind", "call", "step", "about", "answer"].contains(&name.as_str());
        match field {
            Value::String(word) if is_word => drop(found.insert(format!("{path}.{name}={word}"))),
            _ => collect(field, &format!("{path}.{name}"), found),
        }
    }
}
