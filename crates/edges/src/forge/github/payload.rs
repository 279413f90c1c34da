//! Meaning of GitHub's deliveries. A payload is hostile until it is parsed into the model's types.

pub(super) mod body;
#[cfg(test)]
mod fuzz;
mod pull;
mod push;
pub(super) mod touched;

use super::UnreadablePayload;
use chrono::DateTime;
use kozmic_model::{event::Event, time::Timestamp};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;

/// The most bytes of a commit's message that are kept. Lists of builds stay small.
const MESSAGE_LIMIT: usize = 64 * 1024;

/// The most bytes of a fault that are kept. A fault may repeat parts of the payload.
const CAUSE_LIMIT: usize = 300;

/// The longest address of a page that is kept, in bytes.
const PAGE_LIMIT: usize = 2048;

pub(super) fn event(name: &str, payload: &[u8]) -> Result<Event, UnreadablePayload> {
    match name {
        "ping" => Ok(Event::Ping),
        "push" => push::event(read(name, payload)?),
        "pull_request" => pull::event(read(name, payload)?),
        "repository" => Ok(repository(read(name, payload)?)),
        "member" | "membership" | "team_add" | "public" => Ok(Event::Moved),
        other => Ok(Event::Ignored(format!("\"{other}\" events start no build"))),
    }
}

fn read<T: DeserializeOwned>(event: &str, payload: &[u8]) -> Result<T, UnreadablePayload> {
    // Serde reads a list as an object without names of fields.
    if !payload.trim_ascii_start().starts_with(b"{") {
        return Err(unreadable(event, &"it is no JSON object"));
    }
    serde_json::from_slice(payload).map_err(|fault| unreadable(event, &fault))
}

/// The reason why an event's payload cannot be read, cut to a limit.
pub(super) fn unreadable(event: &str, cause: &impl ToString) -> UnreadablePayload {
    UnreadablePayload { event: event.to_owned(), cause: cut(cause.to_string(), CAUSE_LIMIT) }
}

#[derive(Deserialize)]
struct RepositoryEvent {
    action: String,
}

fn repository(RepositoryEvent { action }: RepositoryEvent) -> Event {
    match action.as_str() {
        "renamed" | "transferred" | "privatized" | "publicized" | "edited" | "deleted" => Event::Moved,
        other => Event::Ignored(format!("a repository that was {} starts no build", body::word(other))),
    }
}

/// A time in the form of pull requests' payloads.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| Timestamp(time.timestamp_millis()))
}

/// The part of a commit's message that is kept.
pub(super) fn message(text: String) -> String {
    cut(text, MESSAGE_LIMIT)
}

/// The address of a page at the forge. Empty if the address is not of the web: a browser must only open pages.
pub(super) fn page(text: &str) -> String {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.map(String::from).filter(|url| url.len() <= PAGE_LIMIT).unwrap_or_default()
}

/// The text up to so many bytes. No character is cut in two.
fn cut(mut text: String, limit: usize) -> String {
    text.truncate(text.floor_char_boundary(limit));
    text
}

#[cfg(test)]
mod tests {
    use super::{pull::TITLE_LIMIT, *};
    use kozmic_model::{
        event::{Trigger, Turn},
        git::{GitRef, Sha},
    };
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
    fn other_events_are_ignored_with_a_reason() {
        assert_eq!(said("star", &json!({})), Event::Ignored("\"star\" events start no build".into()));
        for action in ["closed", "edited", "labeled"] {
            let Event::Ignored(_) = said("pull_request", &pull(action, Some(1))) else { panic!("ignored") };
        }
        let Event::Ignored(_) = said("pull_request", &pull("edited", Some(2))) else { panic!("ignored") };
    }

    #[test]
    fn the_target_of_a_pull_request_is_told_and_a_change_of_it_as_well() {
        let facts = |payload: &Value| match said("pull_request", payload) {
            Event::Change(change) => (change.pull.map(|pull| (pull.target, pull.is_draft)), None),
            Event::Turned(turned) => {
                let pull = turned.change.pull.map(|pull| (pull.target, pull.is_draft));
                assert_eq!(
                    (turned.change.sha, turned.change.before),
                    ("b".repeat(40).parse().unwrap(), None)
                );
                (pull, Some((turned.turn, turned.why)))
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(facts(&pull("opened", Some(2))), (Some((None, false)), None), "nothing is told");
        let with = |action: &str, head_repo| {
            let mut payload = pull(action, Some(head_repo));
            payload["pull_request"]["base"] = json!({ "ref": "release/1" });
            payload["pull_request"]["draft"] = json!(true);
            payload
        };
        let told = Some((Some("release/1".to_owned()), true));
        for head_repo in [1, 2] {
            assert_eq!(facts(&with("synchronize", head_repo)), (told.clone(), None));
            let why = "a pull request that was ready_for_review starts no build".to_owned();
            let turned = (told.clone(), Some((Turn::Ready, why)));
            assert_eq!(facts(&with("ready_for_review", head_repo)), turned);
            let mut payload = with("edited", head_repo);
            payload["changes"] = json!({ "base": { "ref": { "from": "main" } } });
            let why = "a pull request that was edited starts no build".to_owned();
            assert_eq!(facts(&payload), (told.clone(), Some((Turn::Retargeted, why))));
            payload["changes"] = json!({ "title": { "from": "x" } });
            let Event::Ignored(_) = said("pull_request", &payload) else { panic!("ignored") };
        }
    }

    #[test]
    fn an_endless_action_is_cut_in_the_reason() {
        let endless = "renamed".repeat(100_000);
        for (name, payload) in
            [("pull_request", pull(&endless, Some(1))), ("repository", json!({ "action": endless }))]
        {
            let Event::Ignored(why) = said(name, &payload) else { panic!("ignored") };
            assert!(why.len() < 300, "{} bytes", why.len());
        }
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
    fn how_the_head_of_a_pull_request_moved_is_told_by_its_events() {
        let moved = |action: &str, head_repo| {
            let mut payload = pull(action, Some(head_repo));
            payload["before"] = json!("a".repeat(40));
            payload["pull_request"]["updated_at"] = json!("2026-01-01T00:00:01Z");
            match said("pull_request", &payload) {
                Event::Change(change) => (change.before, change.after, change.pushed_at),
                Event::Gone(gone) => (gone.before, gone.after, gone.at),
                other => panic!("{other:?}"),
            }
        };
        let sha = |digit: &str| digit.repeat(40).parse::<Sha>().unwrap();
        let at = Some(Timestamp(1_767_225_601_000));
        assert_eq!(moved("opened", 2), (Some(sha("0")), sha("b"), at));
        assert_eq!(moved("synchronize", 2), (Some(sha("a")), sha("b"), at));
        assert_eq!(moved("closed", 2), (Some(sha("b")), sha("0"), at));
        assert_eq!(moved("reopened", 2), (Some(sha("0")), sha("b"), at));
        assert_eq!(
            moved("synchronize", 1),
            (None, sha("b"), at),
            "a push tells that of a branch of one's own"
        );
    }

    #[test]
    fn who_pushed_a_forks_commit_is_told_only_where_there_is_no_doubt() {
        let person = |id: i64| json!({ "login": format!("user{id}"), "id": id });
        let pusher = |action: &str, head_repo, sender: i64, author: i64, owner: i64| {
            let mut payload = pull(action, Some(head_repo));
            payload["sender"] = person(sender);
            payload["pull_request"]["user"] = person(author);
            payload["pull_request"]["head"]["repo"]["owner"] = person(owner);
            let Event::Change(change) = said("pull_request", &payload) else { panic!("a change") };
            assert!(!change.is_held);
            change.pusher.map(|pusher| (pusher.id.0, pusher.login))
        };
        let eve = Some((7, "user7".to_owned()));
        assert_eq!(pusher("opened", 2, 7, 7, 7), eve);
        assert_eq!(pusher("synchronize", 2, 7, 8, 9), eve);
        for (action, head_repo, sender, author, owner) in [
            ("opened", 2, 7, 7, 8),
            ("opened", 2, 7, 8, 7),
            ("reopened", 2, 7, 7, 7),
            ("opened", 1, 7, 7, 7),
            ("synchronize", 1, 7, 7, 7),
        ] {
            assert_eq!(
                pusher(action, head_repo, sender, author, owner),
                None,
                "{action} {sender} {author} {owner}"
            );
        }
        let Event::Change(change) = said("pull_request", &pull("synchronize", Some(2))) else {
            panic!("a change")
        };
        assert_eq!(change.pusher, None, "nobody is named");
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
        let long = json!({ "ref": "x", "after": "x", "deleted": "y".repeat(1_000_000) }).to_string();
        assert!(event("push", long.as_bytes()).unwrap_err().to_string().len() < 400);
    }
}
