//! Pull requests: the commit to build, the person who pushed it, and turns that are no push.

use super::{UnreadablePayload, body, cut, moment, unreadable};
use kozmic_model::{
    event::{Author, Change, Event, Gone, PullFacts, Trigger, Turn, Turned},
    fork::Pusher,
    git::{GitRef, Sha, is_branch_name},
    ids::ForgeUserId,
};
use serde::{Deserialize, de::IgnoredAny};

/// The most bytes of a pull request's title that are kept. GitHub's own limit is lower.
pub(super) const TITLE_LIMIT: usize = 1024;

/// The most bytes of a login that are kept. GitHub's own limit is lower.
const LOGIN_LIMIT: usize = 100;

/// The most bytes of a branch's name that are kept. Git's own limit is lower.
const BRANCH_LIMIT: usize = 250;

#[derive(Deserialize)]
pub(super) struct PullRequestEvent {
    action: String,
    number: u64,
    /// The head's commit before, if there are new commits.
    before: Option<String>,
    /// The facts that were edited, as they were before.
    changes: Option<Changes>,
    pull_request: PullRequest,
    repository: Repository,
    /// None in a payload that Kozmic made itself.
    sender: Option<Login>,
}

#[derive(Deserialize)]
struct Changes {
    base: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct PullRequest {
    title: String,
    body: Option<String>,
    updated_at: Option<String>,
    head: Head,
    base: Option<Base>,
    draft: Option<bool>,
    user: Option<Login>,
}

/// The branch into which it asks to be merged.
#[derive(Deserialize)]
struct Base {
    #[serde(rename = "ref")]
    branch: String,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    /// None if the fork was deleted.
    repo: Option<Repository>,
}

impl Head {
    fn is_branch_of(&self, repository: &Repository) -> bool {
        self.repo.as_ref().is_some_and(|head| head.id == repository.id) && is_branch_name(&self.branch)
    }
}

#[derive(Deserialize)]
struct Repository {
    id: i64,
    owner: Option<Login>,
}

#[derive(Deserialize)]
struct Login {
    login: String,
    id: Option<i64>,
}

impl Login {
    fn is(&self, other: Option<&Self>) -> bool {
        self.id.is_some() && self.id == other.and_then(|other| other.id)
    }
}

pub(super) fn event(event: PullRequestEvent) -> Result<Event, UnreadablePayload> {
    let PullRequestEvent { action, number, before, changes, pull_request, repository, sender } = event;
    let action = body::word(&action);
    let why = format!("a pull request that was {action} starts no build");
    let sha = pull_request.head.sha.parse::<Sha>().map_err(|fault| unreadable("pull_request", &fault))?;
    let is_own_branch = pull_request.head.is_branch_of(&repository);
    let is_retargeted = changes.is_some_and(|changes| changes.base.is_some());
    let (turn, before) = match (action.as_str(), is_own_branch) {
        // Deliveries of pushes tell the commit before.
        ("opened" | "synchronize" | "reopened", true) => (None, None),
        ("opened" | "reopened", false) => (None, Some(sha.nowhere())),
        ("synchronize", false) => (None, before.and_then(|before| before.parse().ok())),
        ("ready_for_review", _) => (Some(Turn::Ready), None),
        ("edited", _) if is_retargeted => (Some(Turn::Retargeted), None),
        ("closed", false) => {
            let (before, after) = (Some(sha.clone()), sha.nowhere());
            let at = pull_request.updated_at.as_deref().and_then(moment);
            return Ok(Event::Gone(Gone { git_ref: GitRef::PullRequest(number), before, after, at, why }));
        }
        _ => return Ok(Event::Ignored(why)),
    };
    let PullRequest { title, body, updated_at, head, base, draft, user } = pull_request;
    let pusher = pusher(&action, sender, user.as_ref(), head.repo).filter(|_| !is_own_branch);
    let target = base.map(|base| cut(base.branch, BRANCH_LIMIT));
    let change = Change {
        git_ref: if is_own_branch { GitRef::Branch(head.branch) } else { GitRef::PullRequest(number) },
        sha: sha.clone(),
        before,
        after: sha,
        pushed_at: updated_at.as_deref().and_then(moment),
        skip_texts: [Some(title.clone()), body].into_iter().flatten().collect(),
        trigger: Trigger::PullRequest { number, title: cut(title, TITLE_LIMIT) },
        message: None,
        author: Author { name: user.map(|user| user.login).unwrap_or_default(), email: None },
        commits: Vec::new(),
        pull: Some(PullFacts { target, is_draft: draft.unwrap_or_default() }),
        pusher,
        is_held: false,
    };
    Ok(match turn {
        None => Event::Change(Box::new(change)),
        Some(turn) => Event::Turned(Box::new(Turned { turn, change, why })),
    })
}

/// The person who pushed a fork's commit, if that is certain. The sender of new commits pushed them. A person may open
/// a pull request with a commit of somebody else, unless the fork is their own. The same holds for reopening.
fn pusher(
    action: &str,
    sender: Option<Login>,
    author: Option<&Login>,
    fork: Option<Repository>,
) -> Option<Pusher> {
    let owner = fork.and_then(|fork| fork.owner);
    let is_known = |sender: &Login| match action {
        "synchronize" => true,
        "opened" => sender.is(author) && sender.is(owner.as_ref()),
        _ => false,
    };
    let Login { login, id } = sender.filter(is_known)?;
    Some(Pusher { id: ForgeUserId(id?), login: cut(login, LOGIN_LIMIT) })
}
