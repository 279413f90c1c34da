//! The outbox: what forge and people shall be told, until they were. A row says *what about*, not *what*: the words are
//! made of the newest state when it is sent, so that nothing outdated ever goes out and many changes make one call.

pub(super) mod mail_counts;
mod mail_links;
mod mails;

pub use mails::WaitingMail;

use super::{
    database::{Database, Transaction},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    ids::{BuildId, JobId, MailId, OutboxId, UserId},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, ExprTrait, OnConflict},
};

const COMMIT_STATUS: &str = "commit_status";
const JOB_STATUS: &str = "job_status";
const NEWS: &str = "news";
const MAIL: &str = "mail";
const MAIL_LINK: &str = "mail_link";

/// Subject of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A build's commit status, for the forge.
    CommitStatus(BuildId),
    /// The commit status of a job of the Auto Builder, for the forge.
    JobStatus(JobId),
    /// A build ended so that its project's members may want mail.
    News(BuildId),
    /// A mail to one person.
    Mail(MailId),
    /// A link by which a person confirms their address for mail.
    MailLink(UserId),
}

/// The two ways out, each with a line of its own: what holds up one does not hold up the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Commit statuses.
    ToForge,
    /// News, mails and links.
    ToPeople,
}

impl Way {
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::ToForge => &[COMMIT_STATUS, JOB_STATUS],
            Self::ToPeople => &[NEWS, MAIL, MAIL_LINK],
        }
    }
}

/// Something that waits to be told.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// Its id.
    pub id: OutboxId,
    /// Its subject.
    pub subject: Subject,
    /// Counts the changes since it was first written; a change while it is sent means: send again.
    pub version: i32,
    /// The number of times that sending failed.
    pub tries: i32,
    /// The time before which it is not sent.
    pub not_before: Timestamp,
    /// The time when it was first written; of a link, when it was asked for last.
    pub created_at: Timestamp,
}

/// Messages that wait to be sent, and mails among them.
#[derive(Clone, Copy)]
pub struct Outbox<'a> {
    pub(super) db: &'a Database,
}

impl Outbox<'_> {
    /// The message to send next on one way: the one that may be sent first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn next_outgoing(self, way: Way) -> Result<Option<Outgoing>> {
        let row = rows::outbox::Entity::find()
            .filter(rows::outbox::Column::Kind.is_in(way.kinds().iter().copied()))
            .order_by_asc(rows::outbox::Column::NotBefore)
            .order_by_asc(rows::outbox::Column::Id);
        row.one(&self.db.reader).await.context("look into the outbox")?.map(outgoing).transpose()
    }

    /// Lets nothing wait for longer than until a time: a clock that was ahead may have been put back. What would, may be
    /// sent now.
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

    /// Takes out what was sent, unless it changed meanwhile.
    ///
    /// # Errors
    /// The database does not answer; then it is sent again.
    pub async fn sent(self, outgoing: Outgoing) -> Result<()> {
        rows::outbox::Entity::delete_many()
            .filter(rows::outbox::Column::Id.eq(outgoing.id.0))
            .filter(rows::outbox::Column::Version.eq(outgoing.version))
            .exec(&self.db.writer)
            .await
            .context("take out what was sent")?;
        Ok(())
    }

    /// Lets something wait that was not tried.
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

    /// Notes that sending failed and when to try again.
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

fn outgoing(row: rows::outbox::Model) -> Result<Outgoing> {
    let subject = match row.kind.as_str() {
        COMMIT_STATUS => Subject::CommitStatus(BuildId(row.subject)),
        JOB_STATUS => Subject::JobStatus(JobId(row.subject)),
        NEWS => Subject::News(BuildId(row.subject)),
        MAIL => Subject::Mail(MailId(row.subject)),
        MAIL_LINK => Subject::MailLink(UserId(row.subject)),
        kind => anyhow::bail!("the outbox has a message of the unknown kind \"{kind}\""),
    };
    let rows::outbox::Model { id, version, tries, not_before, created_at, .. } = row;
    let (not_before, created_at) = (Timestamp(not_before), Timestamp(created_at));
    Ok(Outgoing { id: OutboxId(id), subject, version, tries, not_before, created_at })
}

/// Writes that something is to be told.
pub(in crate::store) async fn put(tx: &Transaction, subject: Subject, now: Timestamp) -> Result<()> {
    let is_link = matches!(subject, Subject::MailLink(_));
    let (kind, subject) = match subject {
        Subject::CommitStatus(build) => (COMMIT_STATUS, build.0),
        Subject::JobStatus(job) => (JOB_STATUS, job.0),
        Subject::News(build) => (NEWS, build.0),
        Subject::Mail(mail) => (MAIL, mail.0),
        Subject::MailLink(user) => (MAIL_LINK, user.0),
    };
    let row = rows::outbox::ActiveModel {
        id: NotSet,
        kind: Set(kind.to_owned()),
        subject: Set(subject),
        version: Set(1),
        tries: Set(0),
        not_before: Set(now.0),
        fault: Set(None),
        created_at: Set(now.0),
    };
    // A row that waits out the forge's rate limit goes on waiting: only its version grows.
    let version = Expr::col((rows::outbox::Entity, rows::outbox::Column::Version)).add(1);
    let mut again = OnConflict::columns([rows::outbox::Column::Kind, rows::outbox::Column::Subject]);
    again.value(rows::outbox::Column::Version, version).value(rows::outbox::Column::Tries, 0);
    // A link may go elsewhere now, where nothing failed yet.
    if is_link {
        again.update_columns([rows::outbox::Column::NotBefore, rows::outbox::Column::CreatedAt]);
    }
    let insert = rows::outbox::Entity::insert(row).on_conflict(again);
    insert.exec_without_returning(tx).await.context("write into the outbox")?;
    Ok(())
}
