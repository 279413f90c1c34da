//! The outbox: messages to the forge and to people that wait to be sent. A row has only the subject of a message. The
//! text is made from the newest state when the message is sent. So no outdated text is sent, and many changes cause
//! only one call.

mod lane;
pub(super) mod mail_counts;
mod mail_links;
mod mails;
mod news;

pub use lane::{LaneState, OutboxLane, Subject};
pub use mails::WaitingMail;
pub use news::Recipient;

use super::{
    database::{Database, Transaction},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{ids::OutboxId, time::Timestamp};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, ExprTrait, OnConflict},
};

/// A message that waits to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// Its id.
    pub id: OutboxId,
    /// Its subject.
    pub subject: Subject,
    /// The number of changes since the message was first written. If it grows while the message is being sent, the
    /// message is sent again.
    pub version: i32,
    /// The number of times that sending failed.
    pub tries: i32,
    /// The time before which the message is not sent.
    pub not_before: Timestamp,
    /// The time when the message was first written. For a link or a notice, the time of the last request.
    pub created_at: Timestamp,
}

/// Messages that wait to be sent, and mails among them.
#[derive(Clone, Copy)]
pub struct Outbox<'a> {
    pub(super) db: &'a Database,
}

impl Outbox<'_> {
    /// The message to send next in a lane: the one that may be sent first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn next_outgoing(self, lane: OutboxLane) -> Result<Option<Outgoing>> {
        let row = rows::outbox::Entity::find()
            .filter(rows::outbox::Column::Kind.is_in(lane.kinds()))
            .order_by_asc(rows::outbox::Column::NotBefore)
            .order_by_asc(rows::outbox::Column::Id);
        let row = row.one(&self.db.reader).await.context("look into the outbox")?;
        row.map(|row| outgoing(row, lane)).transpose()
    }

    /// Limits the time for which messages wait, because a clock that was ahead may have been set back. A message that
    /// would wait beyond `until` may be sent now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn shorten_waits(self, until: Timestamp, now: Timestamp) -> Result<u64> {
        let shortened = rows::outbox::Entity::update_many()
            .col_expr(rows::outbox::Column::NotBefore, Expr::value(now.0))
            .filter(rows::outbox::Column::NotBefore.gt(until.0));
        let done = shortened.exec(&self.db.writer).await.context("shorten waits of what is to be sent")?;
        Ok(done.rows_affected)
    }

    /// Removes a message that was sent, unless it changed meanwhile.
    ///
    /// # Errors
    /// The database does not answer; then the message is sent again.
    pub async fn sent(self, outgoing: Outgoing) -> Result<()> {
        rows::outbox::Entity::delete_many()
            .filter(rows::outbox::Column::Id.eq(outgoing.id.0))
            .filter(rows::outbox::Column::Version.eq(outgoing.version))
            .exec(&self.db.writer)
            .await
            .context("take out what was sent")?;
        Ok(())
    }

    /// Lets a message wait without a try to send it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn hold_back(self, outgoing: Outgoing, until: Timestamp) -> Result<()> {
        rows::outbox::Entity::update_many()
            .col_expr(rows::outbox::Column::NotBefore, Expr::value(until.0))
            .filter(rows::outbox::Column::Id.eq(outgoing.id.0))
            .exec(&self.db.writer)
            .await
            .context("hold back what is to be sent")?;
        Ok(())
    }

    /// Notes that sending failed, and the time of the next try.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn postpone(self, outgoing: Outgoing, until: Timestamp, fault: &str) -> Result<()> {
        rows::outbox::Entity::update_many()
            .col_expr(rows::outbox::Column::Tries, Expr::value(outgoing.tries.saturating_add(1)))
            .col_expr(rows::outbox::Column::NotBefore, Expr::value(until.0))
            .col_expr(rows::outbox::Column::Fault, Expr::value(fault))
            .filter(rows::outbox::Column::Id.eq(outgoing.id.0))
            .exec(&self.db.writer)
            .await
            .context("postpone what could not be sent")?;
        Ok(())
    }
}

fn outgoing(row: rows::outbox::Model, lane: OutboxLane) -> Result<Outgoing> {
    let rows::outbox::Model { id, kind, subject, version, tries, not_before, created_at, .. } = row;
    let subject = lane
        .subject(&kind, subject)
        .with_context(|| format!("the outbox has a message of the unknown kind \"{kind}\""))?;
    let (not_before, created_at) = (Timestamp(not_before), Timestamp(created_at));
    Ok(Outgoing { id: OutboxId(id), subject, version, tries, not_before, created_at })
}

/// Puts a message into the outbox.
pub(in crate::store) async fn put(tx: &Transaction, subject: Subject, now: Timestamp) -> Result<()> {
    let row = rows::outbox::ActiveModel {
        id: NotSet,
        kind: Set(subject.kind()),
        subject: Set(subject.number()),
        version: Set(1),
        tries: Set(0),
        not_before: Set(now.0),
        fault: Set(None),
        created_at: Set(now.0),
    };
    // A row that waits because of the forge's rate limit continues to wait: only its version grows.
    let version = Expr::col((rows::outbox::Entity, rows::outbox::Column::Version)).add(1);
    let mut again = OnConflict::columns([rows::outbox::Column::Kind, rows::outbox::Column::Subject]);
    again.value(rows::outbox::Column::Version, version).value(rows::outbox::Column::Tries, 0);
    match subject {
        // A link may go to another address now, for which no try has failed yet.
        Subject::MailLink(_) => {
            again.update_columns([rows::outbox::Column::NotBefore, rows::outbox::Column::CreatedAt]);
        }
        // The age of a notice counts from its latest news.
        Subject::Notice(..) => {
            again.update_column(rows::outbox::Column::CreatedAt);
        }
        Subject::CommitStatus(_) | Subject::JobStatus(_) | Subject::News(_) | Subject::Mail(_) => {}
    }
    let insert = rows::outbox::Entity::insert(row).on_conflict(again);
    insert.exec_without_returning(tx).await.context("write into the outbox")?;
    Ok(())
}
