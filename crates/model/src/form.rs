//! Faults of forms that people fill in.

use std::collections::BTreeMap;

/// A sentence for each wrong field, by the field's name.
pub type FieldFaults = BTreeMap<&'static str, String>;
