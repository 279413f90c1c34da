//! The files that a push or a pull request touches. A push lists them for each of its commits, up to limits of GitHub.

use super::{UnreadablePayload, read};
use kozmic_model::{
    git::{Sha, is_branch_name},
    touched::{Span, Start, Touched},
};
use serde::Deserialize;

/// A push with so many commits, or more, may list not all of them. GitHub's own limit is higher.
const MOST_COMMITS: usize = 300;

/// A push with so many files, or more, may list not all of them. GitHub's own limit is higher.
const MOST_FILES: usize = 2_048;

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    git_ref: String,
    before: Option<String>,
    after: String,
    /// True if commits of the branch were dropped. The list has only the new ones.
    #[serde(default)]
    forced: bool,
    commits: Option<Vec<Commit>>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Commit {
    added: Option<Vec<String>>,
    removed: Option<Vec<String>>,
    modified: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Repository {
    default_branch: Option<String>,
}

#[derive(Deserialize)]
struct PullRequestEvent {
    pull_request: PullRequest,
}

#[derive(Deserialize)]
struct PullRequest {
    head: End,
    base: Option<Base>,
}

#[derive(Deserialize)]
struct End {
    sha: String,
}

#[derive(Deserialize)]
struct Base {
    #[serde(rename = "ref")]
    branch: String,
    sha: Option<String>,
}

/// The files that an event touches.
pub(in crate::forge::github) fn of(name: &str, payload: &[u8]) -> Result<Touched, UnreadablePayload> {
    match name {
        "push" => Ok(of_push(read(name, payload)?)),
        "pull_request" => Ok(of_pull(read(name, payload)?)),
        _ => Ok(Touched::Unknown("the event is about no commit")),
    }
}

fn of_push(push: Push) -> Touched {
    let Push { git_ref, before, after, forced, commits, repository } = push;
    let Ok(to) = after.parse::<Sha>() else { return Touched::Unknown("the push names no commit") };
    let before = before.and_then(|before| before.parse::<Sha>().ok());
    match before {
        Some(before) if !before.is_nowhere() => {
            let listed = commits.filter(|_| !forced).and_then(listed);
            listed.map_or(Touched::Span(Span { from: Start::Commit(before), to }), Touched::Paths)
        }
        _ => {
            let default = repository.and_then(|repository| repository.default_branch);
            let is_other =
                |default: &String| is_branch_name(default) && git_ref != format!("refs/heads/{default}");
            match default.filter(is_other) {
                Some(name) => Touched::Span(Span { from: Start::Branch { name, tip: None }, to }),
                None => Touched::Unknown("nothing was there before the push"),
            }
        }
    }
}

/// The paths of all commits, each once; none if the list may lack some.
fn listed(commits: Vec<Commit>) -> Option<Vec<String>> {
    if commits.is_empty() || commits.len() >= MOST_COMMITS {
        return None;
    }
    let mut paths = Vec::new();
    for Commit { added, removed, modified } in commits {
        let before = paths.len();
        paths.extend(added?.into_iter().chain(removed?).chain(modified?));
        // Of a commit that is very large, GitHub lists no file at all.
        if paths.len() == before || paths.len() >= MOST_FILES {
            return None;
        }
    }
    paths.sort();
    paths.dedup();
    Some(paths)
}

fn of_pull(PullRequestEvent { pull_request }: PullRequestEvent) -> Touched {
    let PullRequest { head, base } = pull_request;
    match (head.sha.parse(), base) {
        (Ok(to), Some(Base { branch: name, sha })) if is_branch_name(&name) => {
            let tip = sha.and_then(|sha| sha.parse().ok());
            Touched::Span(Span { from: Start::Branch { name, tip }, to })
        }
        _ => Touched::Unknown("the pull request names no target"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sha(digit: &str) -> Sha {
        digit.repeat(40).parse().unwrap()
    }

    fn push(commits: &Value) -> Value {
        json!({ "ref": "refs/heads/main", "before": sha("a"), "after": sha("b"), "forced": false,
            "commits": commits, "repository": { "default_branch": "main" } })
    }

    fn commit(added: &[&str], removed: &[&str], modified: &[&str]) -> Value {
        json!({ "id": sha("b"), "added": added, "removed": removed, "modified": modified })
    }

    fn touched(name: &str, payload: &Value) -> Touched {
        of(name, payload.to_string().as_bytes()).unwrap()
    }

    fn since_before() -> Touched {
        Touched::Span(Span { from: Start::Commit(sha("a")), to: sha("b") })
    }

    #[test]
    fn a_push_lists_the_files_of_all_its_commits() {
        let commits = json!([commit(&["b", "a"], &[], &["c"]), commit(&[], &["a"], &["d"])]);
        let paths = ["a", "b", "c", "d"].map(str::to_owned);
        assert_eq!(touched("push", &push(&commits)), Touched::Paths(paths.into()));
    }

    #[test]
    fn a_list_that_may_lack_something_is_no_answer() {
        let one = commit(&["a"], &[], &[]);
        let many = (0..MOST_FILES).map(|number| number.to_string()).collect::<Vec<_>>();
        let large = json!({ "added": many, "removed": [], "modified": [] });
        let bare = json!({ "id": sha("b"), "added": ["a"] });
        for commits in [
            json!([]),
            json!(null),
            Value::from(vec![one.clone(); MOST_COMMITS]),
            json!([one, large]),
            json!([one, commit(&[], &[], &[])]),
            json!([one, bare]),
        ] {
            assert_eq!(touched("push", &push(&commits)), since_before());
        }
        let mut forced = push(&json!([one]));
        forced["forced"] = json!(true);
        assert_eq!(touched("push", &forced), since_before(), "commits were dropped");
        let fewer = Value::from(vec![one; MOST_COMMITS - 1]);
        assert_eq!(touched("push", &push(&fewer)), Touched::Paths(vec!["a".into()]));
    }

    #[test]
    fn a_new_branch_is_compared_with_the_default_one() {
        let mut new = push(&json!([commit(&["a"], &[], &[])]));
        new["before"] = json!(sha("0"));
        assert_eq!(touched("push", &new), Touched::Unknown("nothing was there before the push"));
        new["ref"] = json!("refs/heads/topic");
        let from = Start::Branch { name: "main".into(), tip: None };
        assert_eq!(touched("push", &new), Touched::Span(Span { from, to: sha("b") }));
    }

    #[test]
    fn a_pull_request_is_compared_with_its_target() {
        let mut pull = json!({ "pull_request": { "head": { "sha": sha("b") },
            "base": { "ref": "stable", "sha": sha("a") } } });
        let from = Start::Branch { name: "stable".into(), tip: Some(sha("a")) };
        assert_eq!(touched("pull_request", &pull), Touched::Span(Span { from, to: sha("b") }));
        pull["pull_request"]["base"] = json!(null);
        assert!(matches!(touched("pull_request", &pull), Touched::Unknown(_)));
        assert!(matches!(touched("star", &pull), Touched::Unknown(_)));
        assert!(of("push", b"{}").is_err());
    }
}
