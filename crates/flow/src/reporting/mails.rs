//! Mails to members about news, by each member's settings, and the links with which people confirm addresses. Outdated
//! mails are dropped.

use crate::Flow;
use anyhow::Result;
use kozmic_edges::{
    clock,
    store::{Outgoing, Recipient, WaitingMail},
};
use kozmic_model::{
    build::Build,
    ids::{MailId, UserId},
    job::Job,
    mail::{
        self, CONFIRM_WITHIN, ConfirmationFacts, HourlyLimit, LinkPurpose, Mail, MailFacts, MailKind,
        MailLink, MailTurn,
    },
    project::Project,
};

/// Length of a log's end that is read for its last lines, in bytes.
const LOG_END: usize = 64 * 1024;

/// The members who want a mail about the build.
pub(crate) async fn recipients(flow: &Flow, build: &Build) -> Result<Vec<Recipient>> {
    let members = flow.edges.store.projects().members(build.project).await?;
    let wanting = members.into_iter().filter(|member| mail::is_wanted(&member.user, member.role, build));
    Ok(wanting.map(|member| Recipient::Member(member.user.id)).collect())
}

/// Sends one mail, or drops it if it is outdated.
pub(crate) async fn send(flow: &Flow, id: MailId) -> Result<()> {
    let Some(sender) = flow.edges.notifiers.mail() else { return Ok(()) };
    let Some(waiting) = flow.edges.store.outbox().waiting_mail(id).await? else { return Ok(()) };
    let Some(project) = project_of(flow, &waiting).await? else { return Ok(()) };
    let Some(address) = waiting.recipient.mail_address() else { return Ok(()) };
    let last_of = match turn(flow, &waiting).await? {
        Turn::Free => None,
        Turn::Last(limit) => Some(limit),
        Turn::TooMany => {
            tracing::info!(
                user.id = waiting.recipient.id.0,
                "a mail was left out: its reader got too many this hour"
            );
            return Ok(());
        }
    };
    let mail = compose(flow, &waiting, address, &project, last_of).await?;
    sender.send(address, &mail).await?;
    tracing::info!(build.id = waiting.build.id.0, user.id = waiting.recipient.id.0, "a mail was sent");
    Ok(())
}

/// Sends the link with which a person confirms their address, if the address still waits for that.
pub(crate) async fn send_link(flow: &Flow, outgoing: Outgoing, user: UserId) -> Result<()> {
    let (now, Some(sender)) = (clock::now(), flow.edges.notifiers.mail()) else { return Ok(()) };
    let Some(recipient) = flow.edges.store.people().user(user).await? else { return Ok(()) };
    let Some(address) =
        recipient.mail.unconfirmed.filter(|_| now.since(outgoing.created_at) <= CONFIRM_WITHIN)
    else {
        return Ok(());
    };
    let purpose = LinkPurpose::Confirm { until: now.after(CONFIRM_WITHIN) };
    let link = MailLink { purpose, user, address: address.clone() };
    let mail = Mail::confirmation(&ConfirmationFacts {
        name: &format!("{}.{}", outgoing.id, outgoing.version),
        login: &recipient.profile.login,
        confirm_url: &url(flow, "/account/settings/mail/confirm/", &link),
        public_url: flow.settings.public_url.as_str(),
    });
    sender.send(&address, &mail).await?;
    tracing::info!(user.id = user.0, "a link to confirm an address was sent");
    Ok(())
}

/// The decision about a mail by the limit on mails.
enum Turn {
    /// The mail may be sent, and others may follow.
    Free,
    /// The mail may be sent, and is the last one for now.
    Last(HourlyLimit),
    /// The mail is above the limit.
    TooMany,
}

/// Counts a mail if there is a limit on mails.
async fn turn(flow: &Flow, waiting: &WaitingMail) -> Result<Turn> {
    let Some(most) = flow.settings.mail_limit else { return Ok(Turn::Free) };
    let kind = MailKind::telling(waiting.told);
    Ok(match flow.edges.store.outbox().take_mail_turn(waiting.id, kind, most, clock::now()).await? {
        MailTurn::TooMany { .. } => Turn::TooMany,
        MailTurn::Granted(count) if count.mails < most => Turn::Free,
        MailTurn::Granted(count) => Turn::Last(HourlyLimit { mails: most, until: count.end(kind) }),
    })
}

/// The URL of a link in a mail.
fn url(flow: &Flow, path: &str, link: &MailLink) -> String {
    flow.settings.address(&format!("{path}?link={}", flow.edges.store.outbox().sealed_link(link)))
}

/// The project of a mail's build. None if the mail must not be sent: the recipient is no member any more or wants no
/// mail, the build has another status, or the mail is too late.
async fn project_of(flow: &Flow, waiting: &WaitingMail) -> Result<Option<Project>> {
    let WaitingMail { recipient, build, told, created_at, .. } = waiting;
    let is_late = clock::now().since(*created_at) > super::LIFETIME;
    if is_late || !told.still_holds(build.status) {
        return Ok(None);
    }
    match flow.edges.store.projects().role_in(build.project, recipient.id).await? {
        Some(role) if mail::is_wanted(recipient, role, build) => {
            flow.edges.store.projects().project(build.project).await
        }
        _ => Ok(None),
    }
}

async fn compose(
    flow: &Flow,
    waiting: &WaitingMail,
    address: &str,
    project: &Project,
    last_of: Option<HourlyLimit>,
) -> Result<Mail> {
    let build = &waiting.build;
    let (purpose, user) = (LinkPurpose::Unsubscribe, waiting.recipient.id);
    let unsubscribe = MailLink { purpose, user, address: address.to_owned() };
    let jobs = flow.edges.store.builds().jobs_of(build.id).await?;
    let last_lines = match mail::culprit(build, &jobs) {
        Some(job) => last_lines(flow, job).await?,
        None => Vec::new(),
    };
    Ok(Mail::compose(&MailFacts {
        id: waiting.id,
        recipient: &waiting.recipient,
        project,
        build,
        jobs: &jobs,
        last_lines: &last_lines,
        public_url: flow.settings.public_url.as_str(),
        unsubscribe_url: &url(flow, "/mail/unsubscribe/", &unsubscribe),
        last_of,
    }))
}

async fn last_lines(flow: &Flow, job: &Job) -> Result<Vec<String>> {
    let log = flow.edges.logs.reader(job.attempt());
    let start = log.len().await?.saturating_sub(LOG_END as u64);
    Ok(mail::last_lines(&log.read(start, LOG_END).await?, start == 0))
}
