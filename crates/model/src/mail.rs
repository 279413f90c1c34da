//! Mails to members about news of a build. They are the last step of a push. Another kind of mail confirms that an
//! address belongs to the person who gave it.
//!
//! Names, messages and output come from strangers: `clean` removes everything harmful before `text` and `html` make the
//! two bodies.

mod confirmation;
mod html;
mod link;
mod quota;
mod text;

pub use confirmation::ConfirmationFacts;
pub use link::{CONFIRM_WITHIN, LinkPurpose, MailLink};
pub use quota::{MailCount, MailKind, MailTurn};

use crate::{
    build::Build,
    clean,
    git::GitRef,
    ids::MailId,
    job::Job,
    news::{self, News, host, host_part},
    project::{Project, Role},
    spent::{Length, Spent},
    status::Status,
    terminal,
    time::{Timestamp, spoken, time_of_day},
    user::{User, is_same_address},
};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Number of a log's last lines that a mail shows.
const LINES: usize = 30;

/// The longest line of a log that a mail shows, in characters.
const LINE_LIMIT: usize = 500;

/// The shortest wait of a build that a mail mentions.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// A mail to one person, ready to send. Only the two bodies have line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The line that mailboxes show in their lists.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML, without anything to load.
    pub html: String,
    /// `<…@host>`: the same each time the mail is sent.
    pub message_id: String,
    /// The mailing list of the mail; none: it is a single mail.
    pub list: Option<MailList>,
}

/// A mailing list, as mailboxes know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailList {
    /// `<…@host>`: the same for all mails of a project's ref, so that mailboxes keep them together.
    pub thread_id: String,
    /// `owner/name <name.owner.host>`: people filter by it.
    pub id: String,
    /// The address that ends the mails. If a mailbox posts a form there, they end without a question.
    pub unsubscribe_url: String,
}

/// The most mails of one kind that a person gets within an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourlyLimit {
    /// The number.
    pub mails: u32,
    /// The time from which mails are sent again.
    pub until: Timestamp,
}

/// The facts from which a mail is made.
#[derive(Clone, Copy, Debug)]
pub struct MailFacts<'a> {
    /// The mail's id.
    pub id: MailId,
    /// The person who gets it.
    pub recipient: &'a User,
    /// The build's project.
    pub project: &'a Project,
    /// The build in its current state.
    pub build: &'a Build,
    /// Its jobs, in the order of their tabs.
    pub jobs: &'a [Job],
    /// The last lines of the [`culprit`]'s log, as [`last_lines`] gives them.
    pub last_lines: &'a [String],
    /// The address of Kozmic for browsers.
    pub public_url: &'a str,
    /// The address that ends all of the person's mail.
    pub unsubscribe_url: &'a str,
    /// The limit, if this mail is the last one within it; none: more may follow.
    pub last_of: Option<HourlyLimit>,
}

impl Mail {
    /// Writes the mail about the build.
    pub fn compose(facts: &MailFacts<'_>) -> Self {
        let words = Words::of(facts);
        let host = host(facts.public_url);
        let build = facts.build;
        let of_ref = hex::encode(&Sha256::digest(build.git_ref.to_string())[..8]);
        let repository = &facts.project.repository;
        Self {
            subject: news::title(facts.project, build),
            text: text::body(&words),
            html: html::body(&words),
            message_id: format!("<mail-{}.{}@{host}>", facts.id, build.created_at.0),
            list: Some(MailList {
                thread_id: format!("<project-{}.{of_ref}@{host}>", build.project),
                id: format!(
                    "{} <{}.{}.{host}>",
                    clean::name(&repository.full_name()),
                    host_part(&repository.name),
                    host_part(&repository.owner)
                ),
                unsubscribe_url: words.unsubscribe_url,
            }),
        }
    }
}

/// The job that caused a bad end: the first one that ended with the build's status.
pub fn culprit<'a>(build: &Build, jobs: &'a [Job]) -> Option<&'a Job> {
    jobs.iter().find(|job| News::of(job.status) == Some(News::Broke) && job.status == build.status)
}

/// The last lines of a log as people read them, without terminal control sequences. `is_whole` is true if `end` is the
/// whole log. Otherwise the first line may lack its beginning and is left out, unless it is the only one.
pub fn last_lines(end: &[u8], is_whole: bool) -> Vec<String> {
    let rest = end.iter().position(|byte| *byte == b'\n').filter(|_| !is_whole).map(|at| &end[at + 1..]);
    let whole = rest.filter(|rest| !rest.trim_ascii().is_empty()).unwrap_or(end);
    let shown = terminal::lines(whole);
    let mut lines = shown.iter().map(|line| clean::line(&line.text(), LINE_LIMIT)).collect::<Vec<_>>();
    while lines.pop_if(|line| line.is_empty()).is_some() {}
    lines.split_off(lines.len().saturating_sub(LINES))
}

/// True if the person wants a mail about the build. Each manager gets the request to approve a build, whoever wrote the
/// commit.
pub fn is_wanted(user: &User, role: Role, build: &Build) -> bool {
    if build.status == Status::Held {
        return user.mail_address().is_some() && role >= Role::Manager;
    }
    let own = [user.profile.email.as_deref(), user.mail.address.as_deref()];
    let is_own = || {
        let author = build.author.email.as_deref();
        author.is_some_and(|author| own.into_iter().flatten().any(|own| is_same_address(own, author)))
    };
    user.mail_address().is_some() && (!user.mail.only_own_commits || is_own())
}

/// The facts in clean words, for both bodies.
struct Words {
    status: Status,
    verdict: String,
    /// A label and its value, such as `Branch` and `main`.
    facts: Vec<(&'static str, String)>,
    build_url: String,
    jobs: Vec<JobWords>,
    /// The job whose last lines are shown.
    log_of: Option<String>,
    last_lines: Vec<String>,
    /// The reason why no more mails follow for a while.
    limit: Option<String>,
    why: String,
    settings_url: String,
    unsubscribe_url: String,
}

struct JobWords {
    title: String,
    ended: String,
    reason: Option<String>,
    url: String,
}

impl Words {
    fn of(facts: &MailFacts<'_>) -> Self {
        let MailFacts { project, build, jobs, .. } = facts;
        let base = facts.public_url.trim_end_matches('/');
        let name = clean::name(&project.repository.full_name());
        let build_url = build.url(facts.public_url);
        let culprit = culprit(build, jobs).filter(|_| !facts.last_lines.is_empty());
        Self {
            status: build.status,
            verdict: news::sentence(project, build, verdict(build.status)),
            facts: of_build(build, jobs),
            jobs: jobs.iter().map(|job| JobWords::of(job, &build_url)).collect(),
            build_url,
            log_of: culprit.map(|job| clean::name(&job.spec.title)),
            last_lines: facts.last_lines.to_vec(),
            why: match facts.recipient.mail.only_own_commits {
                _ if build.status == Status::Held => {
                    format!(
                        "You get this mail because you manage {name}, and a fork's code runs only if you say so."
                    )
                }
                true => format!("You get this mail because you wrote this commit of {name}."),
                false => format!("You get this mail because you are a member of {name}."),
            },
            limit: facts.last_of.map(limit),
            settings_url: format!("{base}/account/settings/"),
            unsubscribe_url: facts.unsubscribe_url.to_owned(),
        }
    }
}

fn limit(HourlyLimit { mails, until }: HourlyLimit) -> String {
    let until = time_of_day(until);
    format!(
        "This is the last mail of its kind for now: you have got {mails} within an hour, which is the limit here. The next one \
         can come after {until}. What happens before then is on the pages, and is not sent later."
    )
}

impl JobWords {
    fn of(job: &Job, build_url: &str) -> Self {
        let ran = job.finished_at.and_then(|end| job.span().spent(end).ran);
        let after = ran.map(|ran| format!(" after {}", spoken(ran.so_far))).unwrap_or_default();
        Self {
            title: clean::name(&job.spec.title),
            ended: format!("{}{after}", job.status),
            reason: job.reason.as_deref().map(|reason| clean::sentence(reason, LINE_LIMIT)),
            url: format!("{build_url}jobs/{}/", job.id),
        }
    }
}

/// The reader of a mail about a build that is held is one of those who may approve it.
fn verdict(status: Status) -> &'static str {
    match status {
        Status::Held => "waits for you: look at its changes, and approve it on its page if it may run",
        status => news::verdict(status),
    }
}

fn of_build(build: &Build, jobs: &[Job]) -> Vec<(&'static str, String)> {
    let kind = match build.git_ref {
        GitRef::Branch(_) => "Branch",
        GitRef::PullRequest(_) => "Pull request",
        GitRef::Tag(_) => "Tag",
    };
    let headline = clean::name(build.headline());
    let mut facts = vec![
        (kind, clean::name(&build.git_ref.label())),
        ("Commit", format!("{} {headline}", news::short(build))),
        ("Author", clean::name(&build.author.name)),
    ];
    facts.extend(lengths(build, jobs));
    facts.retain(|(_, what)| !what.is_empty());
    facts
}

/// The time during which the jobs ran, and the time during which they waited before, if it is long enough to mention.
fn lengths(build: &Build, jobs: &[Job]) -> Vec<(&'static str, String)> {
    let Some(end) = build.finished_at else { return Vec::new() };
    let spans = jobs.iter().map(Job::span).collect::<Vec<_>>();
    let Spent { ran, waited } = Spent::of(&spans, end);
    let waited = waited.filter(|waited| waited.so_far >= WORTH_TELLING);
    let told = |name, length: Option<Length>| length.map(|length| (name, spoken(length.so_far)));
    told("Duration", ran).into_iter().chain(told("Waited", waited)).collect()
}

#[cfg(test)]
mod tests;
