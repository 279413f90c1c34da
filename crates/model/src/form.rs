//! Faults of forms that people fill in.

use std::{collections::BTreeMap, str::FromStr};

/// A sentence for each wrong field, by the field's name.
pub type FieldFaults = BTreeMap<&'static str, String>;

/// The value that a word stands for, or the default if there is no word.
pub(crate) fn choice<T: Default + FromStr>(word: &str) -> Result<T, T::Err> {
    if word.is_empty() { Ok(T::default()) } else { word.parse() }
}
