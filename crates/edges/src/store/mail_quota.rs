//! The number of mails that Kozmic sends to one person within an hour. An hour begins with its first mail.

use super::rows;
use anyhow::{Context, Result};
use kozmic_model::{ids::UserId, time::Timestamp};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// Kind of mail; each has a number of its own.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// About a build.
    Build,
    /// A link to confirm an address.
    Link,
}

/// The state of a person's hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    /// The number of one more mail, from 1 on; none: there were as many as there may be.
    pub(super) number: Option<u32>,
    /// The end of the hour.
    pub(super) until: Timestamp,
}

/// Counts one more mail, unless there were `most` within the hour.
pub(super) async fn take(
    tx: &DatabaseTransaction,
    user: UserId,
    kind: Kind,
    most: u32,
    now: Timestamp,
) -> Result<Quota> {
    let kind = match kind {
        Kind::Build => "build",
        Kind::Link => "link",
    };
    let row = rows::mail_quota::Entity::find()
        .filter(rows::mail_quota::Column::UserId.eq(user.0))
        .filter(rows::mail_quota::Column::Kind.eq(kind));
    let row = row.one(tx).await.context("find a person's number of mails")?;
    // An hour that begins in the future is one of a clock that was ahead.
    let is_running = |began: Timestamp| began <= now && now.since(began) < HOUR;
    let running = row.as_ref().filter(|row| is_running(Timestamp(row.began_at)));
    let (began, used) = running.map_or((now, 0), |row| (Timestamp(row.began_at), row.used));
    let until = began.after(HOUR);
    let used = u32::try_from(used).unwrap_or_default();
    if used >= most {
        return Ok(Quota { number: None, until });
    }
    let next = rows::mail_quota::ActiveModel {
        id: row.as_ref().map_or(NotSet, |row| Set(row.id)),
        user_id: Set(user.0),
        kind: Set(kind.to_owned()),
        began_at: Set(began.0),
        used: Set(i32::try_from(used + 1).unwrap_or(i32::MAX)),
    };
    let counted = if row.is_some() { next.update(tx).await } else { next.insert(tx).await };
    counted.context("count a person's mails")?;
    Ok(Quota { number: Some(used + 1), until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage};

    impl Stage {
        async fn take(&self, kind: Kind, at: Timestamp) -> Option<u32> {
            let tx = self.store.write().await.unwrap();
            let quota = take(&tx, self.user, kind, 2, at).await.unwrap();
            tx.commit().await.unwrap();
            quota.number
        }
    }

    #[tokio::test]
    async fn an_hour_has_so_many_mails_and_the_next_one_begins_anew() {
        let stage = Stage::new().await;
        let late = NOW.after(HOUR);
        for (kind, at, number) in [
            (Kind::Build, NOW, Some(1)),
            (Kind::Build, NOW, Some(2)),
            (Kind::Build, Timestamp(late.0 - 1), None),
            (Kind::Link, NOW, Some(1)),
            (Kind::Build, late, Some(1)),
            (Kind::Build, late, Some(2)),
            (Kind::Build, late, None),
            (Kind::Build, NOW, Some(1)),
        ] {
            assert_eq!(stage.take(kind, at).await, number, "{}", at.0);
        }
    }
}
