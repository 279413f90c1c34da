//! Removes NUL characters from texts. PostgreSQL does not allow them in texts. The other servers do not get them
//! either, so that all servers keep the same text.

use sea_orm::{Statement, Value, Values};

/// The sign that replaces a NUL character: the symbol for NUL.
const SIGN: &str = "\u{2400}";

/// The statement with all NUL characters in its texts replaced.
pub(super) fn kept(statement: Statement) -> Statement {
    let has_nul = |value: &Value| matches!(value, Value::String(Some(text)) if text.contains('\0'));
    match statement.values {
        Some(Values(values)) if values.iter().any(has_nul) => {
            let values = values.into_iter().map(without_nul).collect();
            Statement { values: Some(Values(values)), ..statement }
        }
        values => Statement { values, ..statement },
    }
}

fn without_nul(value: Value) -> Value {
    match value {
        Value::String(Some(text)) => Value::from(text.replace('\0', SIGN)),
        value => value,
    }
}
