//! Portions of rows. Each portion is written by one statement, and a server limits the size of a statement.

use crate::store::database::packet::{judge_size, size};
use anyhow::Result;
use sea_orm::{ActiveModelTrait, EntityTrait, Iterable};

/// Size from which on a portion takes no more rows, in bytes.
const PORTION: usize = 1 << 20;

/// Splits rows into portions of about [`PORTION`].
///
/// # Errors
/// One row alone is larger than the server takes.
pub(super) fn portions<A: ActiveModelTrait>(rows: Vec<A>, largest: Option<usize>) -> Result<Vec<Vec<A>>> {
    let mut portions = Vec::<Vec<A>>::new();
    let mut bytes = PORTION;
    for row in rows {
        let of_row = size_of_row(&row);
        largest.map_or(Ok(()), |largest| judge_size(of_row, largest))?;
        match portions.last_mut().filter(|_| bytes + of_row <= PORTION) {
            Some(portion) => portion.push(row),
            None => {
                portions.push(vec![row]);
                bytes = 0;
            }
        }
        bytes += of_row;
    }
    Ok(portions)
}

fn size_of_row<A: ActiveModelTrait>(row: &A) -> usize {
    let columns = <A::Entity as EntityTrait>::Column::iter();
    columns.filter_map(|column| row.get(column).into_value()).map(|value| size(&value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rows;
    use sea_orm::ActiveValue::Set;

    #[test]
    fn a_portion_ends_before_it_is_too_large() {
        let avatar =
            |bytes: usize| rows::avatar::ActiveModel { picture: Set(vec![0; bytes]), ..Default::default() };
        let split = |sizes: &[usize], largest| {
            let rows = sizes.iter().map(|bytes| avatar(*bytes)).collect();
            portions(rows, largest).map(|portions| portions.iter().map(Vec::len).collect::<Vec<_>>())
        };
        assert_eq!(split(&[10; 50], None).unwrap(), [50]);
        assert_eq!(split(&[400 << 10; 5], None).unwrap(), [2, 2, 1]);
        assert_eq!(split(&[10, 3 << 20, 10], Some(4 << 20)).unwrap(), [1, 1, 1]);
        let fault = split(&[10, 4 << 20], Some(4 << 20)).unwrap_err().to_string();
        assert!(fault.contains("max_allowed_packet"), "{fault}");
        assert_eq!(split(&[], None).unwrap(), [0; 0]);
    }
}
