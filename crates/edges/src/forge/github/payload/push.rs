//! Pushes of branches and tags: the commit to build, and the commits that came with it.

use super::{UnreadablePayload, cut, message, page, unreadable};
use kozmic_model::{
    event::{Author, Change, Event, Gone, PushedCommit, Trigger},
    git::{GitRef, NotASha, Sha},
    time::Timestamp,
};
use serde::{Deserialize, de::IgnoredAny};

/// The most commits of a push that are kept. The newest are kept.
const COMMITS_LIMIT: usize = 20;

/// The most characters of a line that are kept for lists.
const LINE_LIMIT: usize = 200;

/// The most bytes of a ref that are repeated in a reason.
const REF_LIMIT: usize = 250;

#[derive(Deserialize)]
pub(super) struct Push {
    #[serde(rename = "ref")]
    git_ref: String,
    before: Option<String>,
    after: String,
    #[serde(default)]
    deleted: bool,
    head_commit: Option<Commit>,
    /// The commits, the oldest first. Empty for tags, and for a branch without new commits.
    commits: Option<Vec<Commit>>,
    #[serde(default)]
    repository: PushedRepository,
}

#[derive(Default, Deserialize)]
struct PushedRepository {
    #[serde(default)]
    pushed_at: Option<Moment>,
}

/// A time in a push: seconds since 1970. Other payloads have texts.
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

#[derive(Clone, Deserialize)]
struct Commit {
    #[serde(default)]
    id: String,
    message: String,
    #[serde(default)]
    url: String,
    author: Option<Person>,
}

#[derive(Clone, Deserialize)]
struct Person {
    name: Option<String>,
    email: Option<String>,
    username: Option<String>,
}

pub(super) fn event(push: Push) -> Result<Event, UnreadablePayload> {
    let Push { git_ref: name, before, after, deleted, head_commit, commits, repository } = push;
    let shown = cut(name.clone(), REF_LIMIT);
    let before = before.and_then(|before| before.parse::<Sha>().ok());
    let pushed_at = repository.pushed_at.and_then(Moment::timestamp);
    if deleted {
        let why = format!("{shown} was deleted");
        return Ok(match (name.parse(), after.parse::<Sha>()) {
            (Ok(git_ref), Ok(after)) if after.is_nowhere() => {
                Event::Gone(Gone { git_ref, before, after, at: pushed_at, why })
            }
            _ => Event::Ignored(why),
        });
    }
    let (git_ref, sha) = match name.parse::<GitRef>() {
        Ok(branch @ GitRef::Branch(_)) => (branch, after.parse::<Sha>()),
        Ok(tag @ GitRef::Tag(_)) => match tagged(head_commit.as_ref()) {
            Some(sha) => (tag, sha),
            None => return Ok(Event::Ignored(format!("{shown} was pushed without its commit"))),
        },
        Ok(GitRef::PullRequest(_)) | Err(_) => {
            return Ok(Event::Ignored(format!("{shown} is not a branch")));
        }
    };
    let sha = match (sha, &git_ref) {
        (Ok(sha), _) => sha,
        (Err(fault), GitRef::Branch(_)) => return Err(unreadable("push", &fault)),
        (Err(fault), _) => return Ok(Event::Ignored(fault.to_string())),
    };
    let commits = pushed(commits.unwrap_or_default(), head_commit.as_ref());
    let change = change(git_ref, sha, pushed_at, head_commit, commits);
    // A tag may be an object of its own. So may the object before.
    let after = after.parse().unwrap_or_else(|_| change.after.clone());
    Ok(Event::Change(Box::new(Change { before, after, ..change })))
}

/// The commit that a tag points to. If the tag is an object of its own, the push's `after` is the tag, not the commit.
fn tagged(head: Option<&Commit>) -> Option<Result<Sha, NotASha>> {
    head.map(|commit| commit.id.parse())
}

fn change(
    git_ref: GitRef,
    sha: Sha,
    pushed_at: Option<Timestamp>,
    head: Option<Commit>,
    commits: Vec<PushedCommit>,
) -> Change {
    let (whole, author) = match head {
        Some(commit) => (Some(commit.message), commit.author.map(author).unwrap_or_default()),
        None => (None, Author::default()),
    };
    let message = whole.clone().map(message);
    let skip_texts = whole.into_iter().collect();
    let (before, after) = (None, sha.clone());
    let trigger = Trigger::Push;
    let (pull, pusher, is_held) = (None, None, false);
    Change {
        git_ref,
        sha,
        before,
        after,
        pushed_at,
        trigger,
        message,
        author,
        skip_texts,
        commits,
        pull,
        pusher,
        is_held,
    }
}

fn author(person: Person) -> Author {
    let name = person.name.or(person.username).unwrap_or_default();
    Author { name, email: person.email.filter(|email| !email.is_empty()) }
}

/// The newest commits of a push. If the push has no new commit, its head.
fn pushed(commits: Vec<Commit>, head: Option<&Commit>) -> Vec<PushedCommit> {
    let older = commits.len().saturating_sub(COMMITS_LIMIT);
    let listed = commits.iter().skip(older).filter_map(listed).collect::<Vec<_>>();
    match listed.is_empty() {
        true => head.and_then(self::listed).into_iter().collect(),
        false => listed,
    }
}

fn listed(commit: &Commit) -> Option<PushedCommit> {
    let names = commit.author.iter().flat_map(|person| [&person.name, &person.username]).flatten();
    let name = names.map(String::as_str).find(|name| !name.is_empty());
    Some(PushedCommit {
        sha: commit.id.parse().ok()?,
        message: line(&commit.message),
        author: line(name.unwrap_or_default()),
        url: page(&commit.url),
    })
}

fn line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(LINE_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::event, *};
    use serde_json::{Value, json};

    fn said(payload: &Value) -> Event {
        event("push", payload.to_string().as_bytes()).unwrap()
    }

    fn change_of(payload: &Value) -> Change {
        let Event::Change(change) = said(payload) else { panic!("a change") };
        *change
    }

    fn sha(digit: &str) -> String {
        digit.repeat(40)
    }

    fn commit(id: &str, message: &str) -> Value {
        json!({ "id": id, "message": message, "url": format!("https://github.com/anna/app/commit/{id}"),
            "author": { "name": "Anna", "email": "anna@example.org", "username": "anna" } })
    }

    fn on_main(commits: &Value) -> Value {
        json!({ "ref": "refs/heads/main", "after": sha("a"), "commits": commits,
            "head_commit": commit(&sha("a"), "Head") })
    }

    #[test]
    fn a_push_to_a_branch_is_a_change() {
        let payload = json!({ "ref": "refs/heads/feature/x", "after": sha("a"), "head_commit": {
            "message": "Fix it", "author": { "name": "Anna", "email": "anna@example.org", "username": "anna" } } });
        let change = change_of(&payload);
        assert_eq!(change.git_ref, GitRef::Branch("feature/x".into()));
        assert_eq!((change.message.as_deref(), change.pushed_at), (Some("Fix it"), None));
        assert_eq!(change.author, Author { name: "Anna".into(), email: Some("anna@example.org".into()) });
    }

    #[test]
    fn the_time_of_a_push_is_understood_in_seconds_and_no_other_way() {
        let at = |repository: Value| {
            let payload = json!({ "ref": "refs/heads/x", "after": sha("a"), "repository": repository });
            change_of(&payload).pushed_at
        };
        assert_eq!(at(json!({ "pushed_at": 1_700_000_000 })), Some(Timestamp(1_700_000_000_000)));
        for unknown in
            [json!({}), json!({ "pushed_at": null }), json!({ "pushed_at": "2026-01-01T00:00:00Z" })]
        {
            assert_eq!(at(unknown), None);
        }
    }

    #[test]
    fn a_tag_stands_for_its_commit_and_for_no_branch() {
        for after in [sha("a"), sha("b")] {
            let payload = json!({ "ref": "refs/tags/v1", "after": after, "base_ref": "refs/heads/main",
                "commits": [], "head_commit": commit(&sha("a"), "Release") });
            let change = change_of(&payload);
            assert_eq!(
                (&change.git_ref, change.sha.as_str()),
                (&GitRef::Tag("v1".into()), sha("a").as_str())
            );
            assert_eq!((change.message.as_deref(), change.commits.len()), (Some("Release"), 1));
        }
    }

    #[test]
    fn a_tag_without_its_commit_is_ignored() {
        for head in [Value::Null, json!({ "message": "x" }), commit("b", "x"), commit("--x", "x")] {
            let payload = json!({ "ref": "refs/tags/v1", "after": sha("a"), "head_commit": head });
            let Event::Ignored(why) = said(&payload) else { panic!("{head}") };
            assert!(why.contains("commit"), "{why}");
        }
    }

    #[test]
    fn deletions_and_what_is_neither_branch_nor_tag_are_ignored_with_a_reason() {
        for (name, deleted, why) in [
            ("refs/heads/x", true, "refs/heads/x was deleted"),
            ("refs/tags/v1", true, "refs/tags/v1 was deleted"),
            ("refs/notes/x", false, "refs/notes/x is not a branch"),
            ("refs/pull/1/head", false, "refs/pull/1/head is not a branch"),
            ("refs/tags/a..b", false, "refs/tags/a..b is not a branch"),
        ] {
            let head = commit(&sha("a"), "x");
            let payload = json!({ "ref": name, "after": sha("a"), "deleted": deleted, "head_commit": head });
            assert_eq!(said(&payload), Event::Ignored(why.to_owned()));
        }
        let endless = json!({ "ref": "ü".repeat(100_000), "after": sha("a") });
        let Event::Ignored(why) = said(&endless) else { panic!("ignored") };
        assert!(why.len() < 300, "{}", why.len());
    }

    #[test]
    fn the_commits_of_a_push_are_listed_the_oldest_first() {
        let commits =
            change_of(&on_main(&json!([commit(&sha("b"), "One\n\nBody"), commit(&sha("a"), "Two")]))).commits;
        let first = PushedCommit {
            sha: sha("b").parse().unwrap(),
            message: "One".to_owned(),
            author: "Anna".to_owned(),
            url: format!("https://github.com/anna/app/commit/{}", sha("b")),
        };
        assert_eq!((&commits[0], commits[1].message.as_str(), commits.len()), (&first, "Two", 2));
    }

    #[test]
    fn only_the_newest_of_many_commits_are_listed() {
        let many = (0..50).map(|number| commit(&format!("{number:040x}"), "x")).collect::<Vec<_>>();
        let commits = change_of(&on_main(&json!(many))).commits;
        let ends = [&commits[0], &commits[COMMITS_LIMIT - 1]].map(|commit| commit.sha.to_string());
        assert_eq!((commits.len(), ends), (COMMITS_LIMIT, [30, 49].map(|number| format!("{number:040x}"))));
    }

    #[test]
    fn a_push_that_brings_no_commit_lists_its_head() {
        for commits in [json!([]), Value::Null, json!([commit("odd", "x")])] {
            let listed = change_of(&on_main(&commits)).commits;
            assert_eq!(listed.iter().map(|commit| commit.message.as_str()).collect::<Vec<_>>(), ["Head"]);
        }
        let bare = json!({ "ref": "refs/heads/main", "after": sha("a") });
        assert!(change_of(&bare).commits.is_empty());
    }

    #[test]
    fn hostile_words_and_addresses_of_a_commit_are_cut() {
        let listed = |field: &str, value: Value| {
            let mut odd = commit(&sha("b"), "x");
            odd[field] = value;
            change_of(&on_main(&json!([odd]))).commits.remove(0)
        };
        assert_eq!(listed("message", json!("ü".repeat(300))).message, "ü".repeat(200));
        assert_eq!(listed("message", json!("")).message, "");
        assert_eq!(listed("author", json!({ "name": "a".repeat(300) })).author.len(), 200);
        assert_eq!(listed("author", json!({ "name": "", "username": "anna" })).author, "anna");
        assert_eq!(listed("author", Value::Null).author, "");
        let long = format!("https://x/{}", "y".repeat(10_000));
        for url in ["javascript:alert(1)", "data:text/html,x", "/anna/app", "", long.as_str()] {
            assert_eq!(listed("url", json!(url)).url, "", "{url}");
        }
    }

    #[test]
    fn a_push_of_another_shape_is_unreadable() {
        for (field, value) in [
            ("ref", json!(7)),
            ("after", Value::Null),
            ("after", json!("--upload-pack=x")),
            ("commits", json!("x")),
            ("commits", json!([7])),
            ("commits", json!([{ "id": 7, "message": "x" }])),
            ("head_commit", json!({ "id": sha("a") })),
            ("deleted", json!("no")),
        ] {
            let mut payload = on_main(&json!([]));
            payload[field] = value;
            assert!(event("push", payload.to_string().as_bytes()).is_err(), "{payload}");
        }
        let deep = "[".repeat(100_000);
        assert!(event("push", deep.as_bytes()).is_err());
    }
}
