//! Text as servers keep it: PostgreSQL has no NUL character in texts, and the others are given none either, so that all
//! keep the same.

use sea_orm::{Statement, Value, Values};

/// Shown in the place of a NUL character, which no text of a server has: the sign for it.
const SIGN: &str = "\u{2400}";

/// A statement whose texts have no NUL character.
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
