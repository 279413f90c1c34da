//! Random payloads: each is understood or refused, and each kept part has a limit.

use super::{MESSAGE_LIMIT, PAGE_LIMIT, body, event, pull::TITLE_LIMIT};
use kozmic_model::{
    event::{Change, Event, Trigger},
    git::GitRef,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

const EVENTS: &[&str] = &[
    "ping",
    "push",
    "pull_request",
    "repository",
    "member",
    "membership",
    "team_add",
    "public",
    "star",
    "",
    "\0",
];

/// Texts with a meaning somewhere in a payload, and other texts.
const TEXTS: &[&str] = &[
    "",
    "opened",
    "synchronize",
    "ready_for_review",
    "edited",
    "closed",
    "refs/heads/main",
    "refs/tags/v1",
    "refs/pull/1/head",
    "refs/heads/../x",
    "main",
    "0000000000000000000000000000000000000000",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "2026-11-28T10:00:00Z",
    "2026-99-99T99:99:99+99:99",
    "https://github.com/a/b",
    "javascript:alert(1)",
    "[skip ci]",
    "\u{202e}\0\u{1b}[31m",
    "-x",
];

const KEYS: &[&str] = &[
    "ref",
    "after",
    "before",
    "head_commit",
    "commits",
    "message",
    "author",
    "name",
    "id",
    "repository",
    "pull_request",
    "number",
    "action",
    "title",
    "body",
    "head",
    "base",
    "changes",
    "draft",
    "sha",
    "repo",
    "user",
    "login",
    "deleted",
    "timestamp",
    "pushed_at",
    "url",
    "x",
];

/// A push and a pull request in GitHub's shape, with the fields that are read.
fn real() -> [Value; 2] {
    let sha = "a".repeat(40);
    let person = json!({ "name": "Anna", "email": "anna@example.org", "login": "anna", "id": 1 });
    let repository = json!({
        "id": 7, "name": "hello", "full_name": "anna/hello", "private": false, "owner": person,
        "default_branch": "main", "html_url": "https://github.com/anna/hello", "pushed_at": 1_764_000_000,
    });
    let commit = json!({
        "id": sha, "message": "One", "timestamp": "2026-11-28T10:00:00+01:00", "url": "https://github.com/c",
        "author": person, "committer": person, "added": ["a"], "removed": [], "modified": ["b"], "distinct": true,
    });
    [
        json!({
            "ref": "refs/heads/main", "before": "0".repeat(40), "after": sha, "created": false, "deleted": false,
            "forced": false, "head_commit": commit, "commits": [commit, commit], "repository": repository,
            "pusher": person, "sender": person, "compare": "https://github.com/compare",
        }),
        json!({
            "action": "opened", "number": 5, "repository": repository, "sender": person, "pull_request": {
                "number": 5, "title": "Two", "body": "Three", "user": person,
                "head": { "ref": "main", "sha": sha, "repo": repository, "user": person },
                "base": { "ref": "main", "sha": sha, "repo": repository },
            },
        }),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let long = (select(TEXTS), 0..70_000_usize)
        .prop_map(|(text, length)| Value::from(text.repeat(length / text.len().max(1))));
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        4 => select(TEXTS).prop_map(Value::from),
        1 => long,
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let entries = vec((select(KEYS), inner.clone()), 0..6);
        prop_oneof![
            vec(inner, 0..6).prop_map(Value::from),
            entries.prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

/// Puts a value at a place. Each number of the path chooses a child.
fn put(into: &mut Value, way: &[usize], value: Value) {
    let Some((step, rest)) = way.split_first() else { return *into = value };
    let children = match into {
        Value::Object(entries) if !entries.is_empty() => entries.values_mut().collect::<Vec<_>>(),
        Value::Array(items) if !items.is_empty() => items.iter_mut().collect(),
        _ => return *into = value,
    };
    let count = children.len();
    if let Some(child) = children.into_iter().nth(step % count) {
        put(child, rest, value);
    }
}

/// Checks the claims that hold of every payload.
fn holds(name: &str, payload: &[u8]) -> Result<(), TestCaseError> {
    let change = match event(name, payload) {
        Err(fault) => {
            prop_assert!(fault.to_string().len() < 10_000, "{} bytes of words", fault.to_string().len());
            return Ok(());
        }
        Ok(Event::Change(change)) => *change,
        Ok(Event::Turned(turned)) => turned.change,
        Ok(Event::Ignored(why)) => {
            prop_assert!(!why.is_empty() && why.len() < 10_000, "{} bytes of words", why.len());
            return Ok(());
        }
        Ok(_) => return Ok(()),
    };
    let Change { git_ref, sha, trigger, message, commits, pull, .. } = change;
    prop_assert!(pull.and_then(|pull| pull.target).is_none_or(|target| target.len() <= 250));
    prop_assert_eq!(git_ref.to_string().parse::<GitRef>().ok(), Some(git_ref.clone()));
    prop_assert!(sha.as_str().len() == 40 && sha.as_str().bytes().all(|digit| digit.is_ascii_hexdigit()));
    prop_assert!(message.is_none_or(|message| message.len() <= MESSAGE_LIMIT));
    if let Trigger::PullRequest { title, .. } = trigger {
        prop_assert!(title.len() <= TITLE_LIMIT);
    }
    let kept = serde_json::to_string(&commits).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
    prop_assert!(kept.len() <= 100 * (2 * MESSAGE_LIMIT + PAGE_LIMIT), "{} bytes of commits", kept.len());
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_understood_or_refused(name in select(EVENTS), payload in vec(any::<u8>(), 0..200)) {
        holds(name, &payload)?;
    }

    #[test]
    fn any_json_is_understood_or_refused(name in select(EVENTS), payload in any_json()) {
        holds(name, payload.to_string().as_bytes())?;
    }

    #[test]
    fn a_real_payload_with_something_else_in_it_is_understood_or_refused(
        kind in 0..2_usize, changes in vec((vec(0..20_usize, 0..6), any_json()), 1..4),
    ) {
        let [push, pull] = real();
        let (name, mut payload) = if kind == 0 { ("push", push) } else { ("pull_request", pull) };
        for (way, value) in changes {
            put(&mut payload, &way, value);
        }
        holds(name, payload.to_string().as_bytes())?;
    }

    #[test]
    fn any_body_is_json_or_refused(
        content_type in option::of("(application/(json|x-www-form-urlencoded)|[ -~]{0,20})(; ?charset=[ -~]{0,8})?"),
        content_encoding in option::of("identity|gzip|[ -~]{0,10}"),
        begin in select(&["", "payload=", "payload=%7B%22a%22%3A", "x=1&payload=", "&&payload=%"][..]),
        end in vec(any::<u8>(), 0..60),
    ) {
        let bytes = [begin.as_bytes(), &end].concat();
        let body = body::DeliveryBody {
            content_type: content_type.as_deref(), content_encoding: content_encoding.as_deref(), bytes,
        };
        match body::payload(body) {
            Ok(payload) => prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_ok()),
            Err(fault) => prop_assert!(fault.to_string().len() < 2_000, "{fault}"),
        }
    }

    #[test]
    fn a_real_payload_with_other_bytes_in_it_is_understood_or_refused(
        kind in 0..2_usize, changes in vec((any::<usize>(), any::<u8>()), 0..8),
    ) {
        let mut payload = real()[kind].to_string().into_bytes();
        for (at, byte) in changes {
            let length = payload.len();
            payload[at % length] = byte;
        }
        holds(if kind == 0 { "push" } else { "pull_request" }, &payload)?;
    }
}

#[test]
fn real_payloads_are_changes() {
    for (name, payload) in ["push", "pull_request"].into_iter().zip(real()) {
        let read = event(name, payload.to_string().as_bytes());
        assert!(matches!(read, Ok(Event::Change(_))), "{name}");
    }
}

#[test]
fn depth_and_huge_numbers_are_refused() {
    for (begin, end) in [("[", "]"), ("{\"a\":", "}"), ("{\"ref\":", "}"), ("{\"commits\":[", "]}")] {
        let text = format!("{}1{}", begin.repeat(100_000), end.repeat(100_000));
        for name in ["push", "pull_request", "repository"] {
            assert!(event(name, text.as_bytes()).is_err(), "{name} {begin}");
        }
    }
    let huge = format!("{{\"number\":{}}}", "9".repeat(1_000_000));
    assert!(event("pull_request", huge.as_bytes()).is_err());
}
