//! The lanes of the outbox. Each kind of message belongs to one lane, and each lane has its own task that sends. So a
//! notifier that hangs delays no other notifier, and no commit status.

use super::Outbox;
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{
    ids::{BuildId, JobId, MailId, UserId},
    news::NotifierName,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

const COMMIT_STATUS: &str = "commit_status";
const JOB_STATUS: &str = "job_status";
const NEWS: &str = "news";
const MAIL: &str = "mail";
const MAIL_LINK: &str = "mail_link";

/// The prefix of a notice's kind; the name of its notifier follows.
pub(super) const NOTICE: &str = "notice:";

/// Subject of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A build's commit status, for the forge.
    CommitStatus(BuildId),
    /// The commit status of a job of the Auto Builder, for the forge.
    JobStatus(JobId),
    /// News about a build, from which the notifiers' messages are still to be made.
    News(BuildId),
    /// A mail to one person.
    Mail(MailId),
    /// A link with which a person confirms their address for mail.
    MailLink(UserId),
    /// News about a build, for the channel of this notifier.
    Notice(NotifierName, BuildId),
}

/// A lane of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxLane {
    /// Commit statuses.
    Forge,
    /// News from which the notifiers' messages are made. Nothing in this lane leaves the database.
    News,
    /// The messages of one notifier.
    Notifier(NotifierName),
}

/// State of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneState {
    /// Number of messages that wait.
    pub waiting: u64,
    /// The fault of the newest message whose sending failed so far; none if no message failed.
    pub fault: Option<String>,
}

impl Outbox<'_> {
    /// The state of a lane.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn lane_state(self, lane: OutboxLane) -> Result<LaneState> {
        let messages = rows::outbox::Entity::find().filter(rows::outbox::Column::Kind.is_in(lane.kinds()));
        let waiting = messages.clone().count(&self.db.reader).await.context("count what waits in a lane")?;
        let failed = messages
            .filter(rows::outbox::Column::Tries.gt(0))
            .order_by_desc(rows::outbox::Column::Id)
            .one(&self.db.reader)
            .await
            .context("look for the fault of a lane")?;
        Ok(LaneState { waiting, fault: failed.and_then(|row| row.fault) })
    }
}

impl OutboxLane {
    /// Mails and links, which the notifier of mails sends.
    pub const MAIL: Self = Self::Notifier(NotifierName::MAIL);

    /// The lane's name, for logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forge => "forge",
            Self::News => "news",
            Self::Notifier(name) => name.as_str(),
        }
    }

    /// The kinds of the lane's messages.
    pub(super) fn kinds(self) -> Vec<String> {
        match self {
            Self::Forge => [COMMIT_STATUS, JOB_STATUS].map(str::to_owned).into(),
            Self::News => vec![NEWS.to_owned()],
            Self::MAIL => [MAIL, MAIL_LINK].map(str::to_owned).into(),
            Self::Notifier(name) => vec![format!("{NOTICE}{name}")],
        }
    }

    /// The subject of a message that was found in this lane; none if its kind is unknown.
    pub(super) fn subject(self, kind: &str, number: i64) -> Option<Subject> {
        match (kind, self) {
            (COMMIT_STATUS, _) => Some(Subject::CommitStatus(BuildId(number))),
            (JOB_STATUS, _) => Some(Subject::JobStatus(JobId(number))),
            (NEWS, _) => Some(Subject::News(BuildId(number))),
            (MAIL, _) => Some(Subject::Mail(MailId(number))),
            (MAIL_LINK, _) => Some(Subject::MailLink(UserId(number))),
            (kind, Self::Notifier(name)) => {
                let is_own = kind.strip_prefix(NOTICE) == Some(name.as_str());
                is_own.then_some(Subject::Notice(name, BuildId(number)))
            }
            _ => None,
        }
    }
}

impl Subject {
    /// The word for the subject's kind in the database.
    pub(super) fn kind(self) -> String {
        match self {
            Self::CommitStatus(_) => COMMIT_STATUS.to_owned(),
            Self::JobStatus(_) => JOB_STATUS.to_owned(),
            Self::News(_) => NEWS.to_owned(),
            Self::Mail(_) => MAIL.to_owned(),
            Self::MailLink(_) => MAIL_LINK.to_owned(),
            Self::Notice(name, _) => format!("{NOTICE}{name}"),
        }
    }

    /// The id of the build, job, mail or user.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::CommitStatus(build) | Self::News(build) | Self::Notice(_, build) => build.0,
            Self::JobStatus(job) => job.0,
            Self::Mail(mail) => mail.0,
            Self::MailLink(user) => user.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage};

    #[tokio::test]
    async fn a_lane_tells_how_much_waits_and_the_fault_of_what_failed() {
        let stage = Stage::new().await;
        let state = async |lane| {
            let LaneState { waiting, fault } = stage.store.outbox().lane_state(lane).await.unwrap();
            (waiting, fault)
        };
        assert_eq!(state(OutboxLane::Forge).await, (0, None));
        stage.push('a').await;
        stage.push_to("other", 'b').await;
        assert_eq!(state(OutboxLane::Forge).await, (2, None));
        let outgoing = stage.store.outbox().next_outgoing(OutboxLane::Forge).await.unwrap().unwrap();
        stage.store.outbox().postpone(outgoing, NOW, "no answer").await.unwrap();
        assert_eq!(state(OutboxLane::Forge).await, (2, Some("no answer".to_owned())));
        assert_eq!(state(OutboxLane::News).await, (0, None));
    }

    #[test]
    fn each_message_is_found_in_its_lane_alone() {
        let (chat, pager) = (NotifierName::new("chat"), NotifierName::new("pager"));
        let lanes = [
            OutboxLane::Forge,
            OutboxLane::News,
            OutboxLane::MAIL,
            OutboxLane::Notifier(chat),
            OutboxLane::Notifier(pager),
        ];
        for (subject, kind, lane) in [
            (Subject::CommitStatus(BuildId(1)), "commit_status", OutboxLane::Forge),
            (Subject::JobStatus(JobId(2)), "job_status", OutboxLane::Forge),
            (Subject::News(BuildId(3)), "news", OutboxLane::News),
            (Subject::Mail(MailId(4)), "mail", OutboxLane::MAIL),
            (Subject::MailLink(UserId(5)), "mail_link", OutboxLane::MAIL),
            (Subject::Notice(chat, BuildId(6)), "notice:chat", OutboxLane::Notifier(chat)),
            (Subject::Notice(pager, BuildId(6)), "notice:pager", OutboxLane::Notifier(pager)),
        ] {
            assert_eq!(subject.kind(), kind);
            assert_eq!(lane.subject(kind, subject.number()), Some(subject));
            let found = lanes.into_iter().filter(|lane| lane.kinds().contains(&subject.kind()));
            assert_eq!(found.collect::<Vec<_>>(), [lane], "{kind}");
        }
        assert_eq!(OutboxLane::Notifier(chat).subject("notice:pager", 6), None);
        assert_eq!(lanes.map(OutboxLane::name), ["forge", "news", "mail", "chat", "pager"]);
    }
}
