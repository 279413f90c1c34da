//! What GitHub's deliveries say. A payload is hostile until it is parsed into the model's types.

use super::UnreadablePayload;
use kozmic_model::{
    event::{Author, Change, Event, Trigger},
    git::{GitRef, Sha, is_branch_name},
    time::Timestamp,
};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

/// How much of a commit's message is kept, in bytes: lists of builds stay light.
const MESSAGE_LIMIT: usize = 64 * 1024;

/// How much of a pull request's title is kept, in bytes; GitHub's own limit is lower.
const TITLE_LIMIT: usize = 1024;

pub(super) fn event(name: &str, payload: &[u8]) -> Result<Event, UnreadablePayload> {
    match name {
        "ping" => Ok(Event::Ping),
        "push" => Ok(push(read(name, payload)?)),
        "pull_request" => Ok(pull_request(read(name, payload)?)),
        "repository" => Ok(repository(read(name, payload)?)),
        "member" | "membership" | "team_add" | "public" => Ok(Event::Moved),
        other => Ok(Event::Ignored(format!("\"{other}\" events start no build"))),
    }
}

fn read<T: DeserializeOwned>(event: &str, payload: &[u8]) -> Result<T, UnreadablePayload> {
    let fault =
        |cause: serde_json::Error| UnreadablePayload { event: event.to_owned(), cause: cause.to_string() };
    serde_json::from_slice(payload).map_err(fault)
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    git_ref: String,
    after: String,
    #[serde(default)]
    deleted: bool,
    head_commit: Option<Commit>,
    #[serde(default)]
    repository: PushedRepository,
}

#[derive(Default, Deserialize)]
struct PushedRepository {
    #[serde(default)]
    pushed_at: Option<Moment>,
}

/// Pushes tell times in seconds since 1970, where other payloads have texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    Seconds(i64),
    Text(IgnoredAny),
}

impl Moment {
    fn timestamp(self) -> Option<Timestamp> {
        match self {
            Self::Seconds(seconds) => seconds.checked_mul(1_000).map(Timestamp),
            Self::Text(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct Commit {
    message: String,
    author: Option<Person>,
}

#[derive(Deserialize)]
struct Person {
    name: Option<String>,
    email: Option<String>,
    username: Option<String>,
}

fn push(push: Push) -> Event {
    if push.deleted {
        return Event::Ignored(format!("{} was deleted", push.git_ref));
    }
    let Ok(git_ref @ GitRef::Branch(_)) = push.git_ref.parse::<GitRef>() else {
        return Event::Ignored(format!("{} is not a branch", push.git_ref));
    };
    let sha = match push.after.parse::<Sha>() {
        Ok(sha) => sha,
        Err(fault) => return Event::Ignored(fault.to_string()),
    };
    let (whole, author) = match push.head_commit {
        Some(commit) => (Some(commit.message), commit.author.map(author).unwrap_or_default()),
        None => (None, Author::default()),
    };
    let message = whole.clone().map(message);
    let skip_texts = whole.into_iter().collect();
    let pushed_at = push.repository.pushed_at.and_then(Moment::timestamp);
    let trigger = Trigger::Push;
    Event::Change(Box::new(Change { git_ref, sha, pushed_at, trigger, message, author, skip_texts }))
}

fn author(person: Person) -> Author {
    let name = person.name.or(person.username).unwrap_or_default();
    Author { name, email: person.email.filter(|email| !email.is_empty()) }
}

#[derive(Deserialize)]
struct RepositoryEvent {
    action: String,
}

fn repository(RepositoryEvent { action }: RepositoryEvent) -> Event {
    match action.as_str() {
        "renamed" | "transferred" | "privatized" | "publicized" | "edited" | "deleted" => Event::Moved,
        _ => Event::Ignored(format!("a repository that was {action} starts no build")),
    }
}

#[derive(Deserialize)]
struct PullRequestEvent {
    action: String,
    number: u64,
    pull_request: PullRequest,
    repository: Repository,
}

#[derive(Deserialize)]
struct PullRequest {
    title: String,
    body: Option<String>,
    head: Head,
    user: Option<Login>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    /// None where the fork was deleted.
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    id: i64,
}

#[derive(Deserialize)]
struct Login {
    login: String,
}

fn pull_request(event: PullRequestEvent) -> Event {
    let PullRequestEvent { action, number, pull_request, repository } = event;
    if !["opened", "synchronize", "reopened"].contains(&action.as_str()) {
        return Event::Ignored(format!("a pull request that was {action} starts no build"));
    }
    let PullRequest { title, body, head, user } = pull_request;
    let sha = match head.sha.parse::<Sha>() {
        Ok(sha) => sha,
        Err(fault) => return Event::Ignored(fault.to_string()),
    };
    let is_own_branch =
        head.repo.is_some_and(|head| head.id == repository.id) && is_branch_name(&head.branch);
    let git_ref = if is_own_branch { GitRef::Branch(head.branch) } else { GitRef::PullRequest(number) };
    let skip_texts = [Some(title.clone()), body].into_iter().flatten().collect();
    let author = Author { name: user.map(|user| user.login).unwrap_or_default(), email: None };
    let trigger = Trigger::PullRequest { number, title: cut(title, TITLE_LIMIT) };
    let (pushed_at, message) = (None, None);
    Event::Change(Box::new(Change { git_ref, sha, pushed_at, trigger, message, author, skip_texts }))
}

/// As much of a commit's message as is kept.
pub(super) fn message(text: String) -> String {
    cut(text, MESSAGE_LIMIT)
}

/// The text up to so many bytes, between two characters.
fn cut(mut text: String, limit: usize) -> String {
    text.truncate(text.floor_char_boundary(limit));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn said(name: &str, payload: &Value) -> Event {
        event(name, payload.to_string().as_bytes()).unwrap()
    }

    fn pull(action: &str, head_repo: Option<i64>) -> Value {
        json!({ "action": action, "number": 5, "repository": { "id": 1 }, "pull_request": {
            "title": "T", "body": null, "user": { "login": "eve" },
            "head": { "ref": "main", "sha": "b".repeat(40), "repo": head_repo.map(|id| json!({ "id": id })) },
        }})
    }

    #[test]
    fn a_push_to_a_branch_is_a_change() {
        let payload = json!({ "ref": "refs/heads/feature/x", "after": "a".repeat(40), "head_commit": {
            "message": "Fix it", "author": { "name": "Anna", "email": "anna@example.org", "username": "anna" } } });
        let Event::Change(change) = said("push", &payload) else { panic!("a change") };
        assert_eq!(change.git_ref, GitRef::Branch("feature/x".into()));
        assert_eq!((change.message.as_deref(), change.pushed_at), (Some("Fix it"), None));
        assert_eq!(change.author, Author { name: "Anna".into(), email: Some("anna@example.org".into()) });
    }

    #[test]
    fn the_time_of_a_push_is_understood_in_seconds_and_no_other_way() {
        let at = |repository: Value| {
            let payload = json!({ "ref": "refs/heads/x", "after": "a".repeat(40), "repository": repository });
            let Event::Change(change) = said("push", &payload) else { panic!("a change") };
            change.pushed_at
        };
        assert_eq!(at(json!({ "pushed_at": 1_700_000_000 })), Some(Timestamp(1_700_000_000_000)));
        for unknown in
            [json!({}), json!({ "pushed_at": null }), json!({ "pushed_at": "2026-01-01T00:00:00Z" })]
        {
            assert_eq!(at(unknown), None);
        }
    }

    #[test]
    fn tags_deletions_and_other_events_are_ignored_with_a_reason() {
        let tag = json!({ "ref": "refs/tags/v1", "after": "a".repeat(40) });
        assert_eq!(said("push", &tag), Event::Ignored("refs/tags/v1 is not a branch".into()));
        let gone = json!({ "ref": "refs/heads/x", "after": "0".repeat(40), "deleted": true });
        assert_eq!(said("push", &gone), Event::Ignored("refs/heads/x was deleted".into()));
        assert_eq!(said("star", &json!({})), Event::Ignored("\"star\" events start no build".into()));
        let Event::Ignored(_) = said("pull_request", &pull("closed", Some(1))) else { panic!("ignored") };
    }

    #[test]
    fn who_may_see_a_repository_and_where_it_lies_is_asked_anew() {
        for action in ["renamed", "transferred", "privatized", "publicized", "edited", "deleted"] {
            assert_eq!(said("repository", &json!({ "action": action })), Event::Moved);
        }
        for name in ["member", "membership", "team_add", "public"] {
            assert_eq!(said(name, &json!({})), Event::Moved);
        }
        let Event::Ignored(_) = said("repository", &json!({ "action": "archived" })) else {
            panic!("ignored")
        };
    }

    #[test]
    fn a_pull_request_counts_as_its_branch_only_within_one_repository() {
        for (head_repo, git_ref) in [
            (Some(1), GitRef::Branch("main".into())),
            (Some(2), GitRef::PullRequest(5)),
            (None, GitRef::PullRequest(5)),
        ] {
            let Event::Change(change) = said("pull_request", &pull("opened", head_repo)) else {
                panic!("a change")
            };
            assert_eq!(change.git_ref, git_ref);
        }
    }

    #[test]
    fn endless_words_are_cut_between_characters() {
        let long = format!("x{} [skip ci]", "ü".repeat(MESSAGE_LIMIT));
        let payload =
            json!({ "ref": "refs/heads/x", "after": "a".repeat(40), "head_commit": { "message": long } });
        let Event::Change(change) = said("push", &payload) else { panic!("a change") };
        assert!(change.skip_word().is_some(), "all of the message decides whether to skip");
        assert_eq!(change.message.map(|message| message.len()), Some(MESSAGE_LIMIT - 1));
        let mut payload = pull("opened", Some(1));
        payload["pull_request"]["title"] = json!(long);
        let Event::Change(change) = said("pull_request", &payload) else { panic!("a change") };
        assert!(change.skip_word().is_some(), "all of the title decides whether to skip");
        let Trigger::PullRequest { title, .. } = change.trigger else { panic!("a pull request") };
        assert_eq!(title.len(), TITLE_LIMIT - 1);
    }

    #[test]
    fn a_payload_that_github_would_not_send_is_named() {
        let fault = event("push", b"{}").unwrap_err();
        assert!(fault.to_string().contains("\"push\"") && fault.to_string().contains("ref"), "{fault}");
        assert!(event("push", b"\xff").is_err());
    }
}
