//! The size of statements. MariaDB and MySQL close the connection if a statement is larger than `max_allowed_packet`, and
//! do not say why.

use sea_orm::{DbErr, Statement, Value, Values};

/// Room for the statement's text and the lengths of its values.
const ROOM: usize = 64 << 10;

/// Fails if a statement is larger than the server takes.
pub(super) fn judge(statement: &Statement, limit: Option<usize>) -> Result<(), DbErr> {
    let (Some(limit), Some(Values(values))) = (limit, &statement.values) else { return Ok(()) };
    judge_size(values.iter().map(size).sum(), limit)
}

/// Fails if values of so many bytes do not fit into one statement.
pub(in crate::store) fn judge_size(bytes: usize, limit: usize) -> Result<(), DbErr> {
    if bytes + ROOM <= limit {
        return Ok(());
    }
    let [has, takes] = [bytes, limit].map(|bytes| bytes.div_ceil(1 << 20));
    Err(DbErr::Custom(format!(
        "it has {has} MB, and the database server takes {takes} MB at once: raise its max_allowed_packet"
    )))
}

/// Number of bytes that a value takes.
pub(in crate::store) fn size(value: &Value) -> usize {
    match value {
        Value::String(Some(text)) => text.len(),
        Value::Bytes(Some(bytes)) => bytes.len(),
        _ => size_of::<i64>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::DbBackend;

    #[test]
    fn a_statement_that_is_too_large_is_refused_with_the_setting_that_helps() {
        let statement = |bytes: usize| {
            Statement::from_sql_and_values(DbBackend::MySql, "?", [vec![0_u8; bytes].into(), "text".into()])
        };
        judge(&statement(3 << 20), Some(4 << 20)).unwrap();
        judge(&statement(4 << 20), None).unwrap();
        let fault = judge(&statement(4 << 20), Some(4 << 20)).unwrap_err().to_string();
        assert!(fault.contains("it has 5 MB") && fault.contains("max_allowed_packet"), "{fault}");
    }
}
