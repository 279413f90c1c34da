//! The commits of a repository's branches and open pull requests, and the text of a delivery that never came.

use super::{Client, ForgeError, commits, payload};
use crate::forge::{Head, MovedRef, ReplacementDelivery, Tip};
use kozmic_model::{
    git::{GitRef, Sha, is_branch_name},
    ids::RepositoryId,
    project::Repository,
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

/// The most pages of 100 entries that are read of each list.
const PAGES: usize = 10;

#[derive(Deserialize)]
struct BranchAnswer {
    name: String,
    commit: CommitAnswer,
}

#[derive(Deserialize)]
struct CommitAnswer {
    sha: Sha,
}

#[derive(Deserialize)]
struct PullAnswer {
    number: u64,
    head: HeadAnswer,
}

#[derive(Deserialize)]
struct HeadAnswer {
    sha: Sha,
    /// None if the fork was deleted.
    repo: Option<RepositoryAnswer>,
}

#[derive(Deserialize)]
struct RepositoryAnswer {
    id: RepositoryId,
}

impl PullAnswer {
    /// True if the head is a branch of the repository itself. The branch is on the other list.
    fn is_branch_of(&self, repository: &Repository) -> bool {
        self.head.repo.as_ref().is_some_and(|head| head.id == repository.id)
    }
}

/// The branches and the open pull requests of a repository, up to a limit.
pub(super) async fn all(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
) -> Result<Vec<Tip>, ForgeError> {
    let branches = some::<BranchAnswer>(client, token, repository, "branches").await?;
    let pulls = some::<PullAnswer>(client, token, repository, "pulls").await?;
    let branches = branches.into_iter().filter(|branch| is_branch_name(&branch.name));
    let branches =
        branches.map(|branch| Tip { git_ref: GitRef::Branch(branch.name), sha: branch.commit.sha });
    let pulls = pulls.into_iter().filter(|pull| !pull.is_branch_of(repository));
    let pulls = pulls.map(|pull| Tip { git_ref: GitRef::PullRequest(pull.number), sha: pull.head.sha });
    Ok(branches.chain(pulls).collect())
}

async fn some<T: serde::de::DeserializeOwned>(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    list: &str,
) -> Result<Vec<T>, ForgeError> {
    let mut url = client.repository_path(repository, &[list])?;
    url.query_pairs_mut().append_pair("per_page", "100");
    let mut found = Vec::new();
    for _ in 0..PAGES {
        let (page, next) = client.page::<T>(url, token).await?;
        found.extend(page);
        match next {
            Some(next) => url = next,
            None => break,
        }
    }
    Ok(found)
}

/// Event and payload that a delivery about a move would have had. None if the ref is at another commit now.
pub(super) async fn replacement(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    moved: MovedRef<'_>,
) -> Result<Option<ReplacementDelivery>, ForgeError> {
    match moved.git_ref {
        GitRef::Branch(branch) => {
            let head = commits::head(client, token, repository, branch).await?;
            let stands = head.as_ref().map(|head| &head.sha) == moved.after;
            Ok(stands.then(|| push(repository, moved, head)))
        }
        GitRef::PullRequest(number) => {
            let path = client.repository_path(repository, &["pulls", &number.to_string()])?;
            let pull = client.get::<Value>(path, token).await?;
            let is_open = pull["state"].as_str() != Some("closed");
            let stands = match moved.after {
                Some(sha) => pull["head"]["sha"].as_str() == Some(sha.as_str()),
                None => !is_open,
            };
            let action = if is_open { "synchronize" } else { "closed" };
            let at = pull["updated_at"].as_str().and_then(payload::moment);
            let payload = json!({ "action": action, "number": number, "pull_request": pull,
                "before": moved.before, "after": moved.after, "repository": shape(repository) });
            let payload = payload.to_string().into_bytes();
            Ok(stands.then(|| ReplacementDelivery { event: "pull_request".to_owned(), payload, at }))
        }
        GitRef::Tag(_) => Ok(None),
    }
}

/// A push that left a branch at this commit, or deleted it.
fn push(
    repository: &Repository,
    MovedRef { git_ref, before, .. }: MovedRef<'_>,
    head: Option<Head>,
) -> ReplacementDelivery {
    let (at, is_gone) = (head.as_ref().and_then(|head| head.made_at), head.is_none());
    let after = head.as_ref().map_or_else(|| "0".repeat(40), |head| head.sha.to_string());
    let commit = head.map(|head| {
        json!({ "id": head.sha, "message": head.message, "url": head.url,
            "author": { "name": head.author.name, "email": head.author.email } })
    });
    let payload = json!({ "ref": git_ref.to_string(), "before": before, "after": after, "deleted": is_gone,
        "head_commit": commit, "commits": [], "repository": shape(repository) });
    ReplacementDelivery { event: "push".to_owned(), payload: payload.to_string().into_bytes(), at }
}

/// A repository in the shape of a delivery.
fn shape(repository: &Repository) -> Value {
    let Repository { id, owner, name, private, default_branch, html_url, clone_url, ssh_url } = repository;
    json!({ "id": id, "name": name, "full_name": repository.full_name(), "owner": { "login": owner },
        "private": private, "default_branch": default_branch, "html_url": html_url, "clone_url": clone_url,
        "ssh_url": ssh_url })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::github::{
        repositories,
        tests::loopback::{Loopback, repository},
    };
    use kozmic_model::{event::Event, time::Timestamp};

    fn sha(digit: &str) -> Sha {
        digit.repeat(40).parse().unwrap()
    }

    #[tokio::test]
    async fn what_is_told_of_a_tip_reads_as_githubs_own_delivery() {
        let head = json!({ "sha": sha("a"), "html_url": "https://github.com/c", "commit": {
            "message": "Fix it", "author": { "name": "Anna", "email": "anna@example.org" },
            "committer": { "name": "Anna", "email": "anna@example.org", "date": "2026-01-01T00:00:00Z" } } });
        let pull = json!({ "number": 5, "title": "T", "body": null, "user": { "login": "eve" },
            "updated_at": "2026-01-01T00:00:00Z", "head": { "ref": "main", "sha": sha("b"), "repo": { "id": 2 } } });
        let answers = [head.clone(), pull.clone(), head, pull].map(|answer| (200, answer.to_string()));
        let gone = [(422, "{}".to_owned()), (200, answers[0].1.clone())];
        let loopback = Loopback::answering(answers.into_iter().chain(gone).collect::<Vec<_>>()).await;
        let (client, token, repository) = (loopback.client(), "t0ken".into(), repository());
        let tell = async |git_ref: GitRef, after: Option<&str>| {
            let after = after.map(sha);
            let moved = MovedRef { git_ref: &git_ref, before: None, after: after.as_ref() };
            replacement(&client, &token, &repository, moved).await.unwrap()
        };
        for (git_ref, digit) in [(GitRef::Branch("x".into()), "a"), (GitRef::PullRequest(5), "b")] {
            let told = tell(git_ref.clone(), Some(digit)).await.unwrap();
            assert_eq!(told.at, Some(Timestamp(1_767_225_600_000)));
            let Event::Change(change) = payload::event(&told.event, &told.payload).unwrap() else {
                panic!("a change")
            };
            assert_eq!((&change.git_ref, &change.sha), (&git_ref, &sha(digit)));
            assert_eq!(repositories::of_payload(&told.payload).unwrap(), repository);
        }
        let branch = || GitRef::Branch("x".into());
        assert!(tell(branch(), Some("c")).await.is_none(), "it stands elsewhere");
        assert!(tell(GitRef::PullRequest(5), Some("c")).await.is_none(), "it stands elsewhere");
        let gone = tell(branch(), None).await.unwrap();
        let Event::Gone(gone) = payload::event(&gone.event, &gone.payload).unwrap() else { panic!("gone") };
        assert_eq!(gone.git_ref, branch());
        assert!(tell(branch(), None).await.is_none(), "it is there again");
    }

    #[tokio::test]
    async fn branches_and_open_pull_requests_are_listed() {
        let branches = json!([{ "name": "main", "commit": { "sha": sha("a"), "url": "u" } },
            { "name": "..", "commit": { "sha": sha("b"), "url": "u" } }]);
        let pull =
            |number: u64, repo: Value| json!({ "number": number, "head": { "sha": sha("c"), "repo": repo } });
        let pulls = [(5, json!(null)), (6, json!({ "id": repository().id })), (7, json!({ "id": 99 }))];
        let pulls = Value::from_iter(pulls.map(|(number, repo)| pull(number, repo)));
        let loopback = Loopback::answering([branches, pulls].map(|answer| (200, answer.to_string()))).await;
        let found = all(&loopback.client(), &"t0ken".into(), &repository()).await.unwrap();
        let main = Tip { git_ref: GitRef::Branch("main".into()), sha: sha("a") };
        let pull = |number| Tip { git_ref: GitRef::PullRequest(number), sha: sha("c") };
        assert_eq!(found, [main, pull(5), pull(7)], "one from a branch of its own is told by that");
    }
}
