//! The number of mails that each person got.

use crate::store::{database::Transaction, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    ids::UserId,
    mail::{MailCount, MailKind, MailTurn},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
};

/// Counts one more mail to a person, unless there were already `most` of its kind.
pub(in crate::store) async fn count(
    tx: &Transaction,
    user: UserId,
    kind: MailKind,
    most: u32,
    now: Timestamp,
) -> Result<MailTurn> {
    let row = rows::mail_count::Entity::find()
        .filter(rows::mail_count::Column::UserId.eq(user.0))
        .filter(rows::mail_count::Column::Kind.eq(kind.word()));
    let row = row.one(tx).await.context("find a person's number of mails")?;
    let known = row.as_ref().map(|row| read(row.began_at, row.mails));
    let turn = MailCount::one_more(known, kind, most, now);
    let MailTurn::Granted(count) = turn else { return Ok(turn) };
    let counted = rows::mail_count::ActiveModel {
        id: row.as_ref().map_or(NotSet, |row| Set(row.id)),
        user_id: Set(user.0),
        kind: Set(kind.word().to_owned()),
        began_at: Set(count.began_at.0),
        mails: Set(written(count.mails)),
    };
    let done = if row.is_some() { counted.update(tx).await } else { counted.insert(tx).await };
    done.context("count a person's mails")?;
    Ok(turn)
}

/// Reads a count from its columns.
pub(in crate::store) fn read(began_at: i64, mails: i32) -> MailCount {
    MailCount { began_at: Timestamp(began_at), mails: u32::try_from(mails).unwrap_or_default() }
}

/// A number of mails in the form of its column.
pub(in crate::store) fn written(mails: u32) -> i32 {
    i32::try_from(mails).unwrap_or(i32::MAX)
}
