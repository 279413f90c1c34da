//! Positions of a repository's branches and open pull requests, and the words that a delivery would have had of one.

use super::{Client, ForgeError, commits};
use crate::forge::{Telling, Tip};
use kozmic_model::{
    git::{GitRef, Sha, is_branch_name},
    project::Repository,
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

/// Number of pages of 100 that are compared, of each list.
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
    head: CommitAnswer,
}

/// The branches and the open pull requests of a repository, as far as they are compared.
pub(super) async fn all(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
) -> Result<Vec<Tip>, ForgeError> {
    let branches = some::<BranchAnswer>(client, token, (repository, "branches")).await?;
    let pulls = some::<PullAnswer>(client, token, (repository, "pulls")).await?;
    let branches = branches.into_iter().filter(|branch| is_branch_name(&branch.name));
    let branches =
        branches.map(|branch| Tip { git_ref: GitRef::Branch(branch.name), sha: branch.commit.sha });
    let pulls = pulls.into_iter();
    let pulls = pulls.map(|pull| Tip { git_ref: GitRef::PullRequest(pull.number), sha: pull.head.sha });
    Ok(branches.chain(pulls).collect())
}

async fn some<T: serde::de::DeserializeOwned>(
    client: &Client,
    token: &SecretString,
    (repository, list): (&Repository, &str),
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

/// The words that a delivery would have had of a tip; none if it stands elsewhere by now.
pub(super) async fn telling(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    (tip, before): (&Tip, Option<&Sha>),
) -> Result<Option<Telling>, ForgeError> {
    match &tip.git_ref {
        GitRef::Branch(branch) => {
            let head = commits::head(client, token, repository, branch).await?;
            let head = head.filter(|head| head.sha == tip.sha);
            Ok(head.map(|head| {
                let commit = json!({ "id": head.sha, "message": head.message, "url": head.url,
                    "author": { "name": head.author.name, "email": head.author.email } });
                let payload = json!({ "ref": tip.git_ref.to_string(), "before": before, "after": tip.sha,
                    "head_commit": commit, "commits": [], "repository": shape(repository) });
                Telling { event: "push".to_owned(), payload: payload.to_string().into_bytes() }
            }))
        }
        GitRef::PullRequest(number) => {
            let path = client.repository_path(repository, &["pulls", &number.to_string()])?;
            let pull = client.get::<Value>(path, token).await?;
            let is_there = pull["head"]["sha"].as_str() == Some(tip.sha.as_str());
            let payload = json!({ "action": "synchronize", "number": number, "pull_request": pull,
                "before": before, "after": tip.sha, "repository": shape(repository) });
            let payload = payload.to_string().into_bytes();
            Ok(is_there.then(|| Telling { event: "pull_request".to_owned(), payload }))
        }
        GitRef::Tag(_) => Ok(None),
    }
}

/// A repository as a delivery tells of it.
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
        loopback::{Loopback, repository},
        payload, repositories,
    };
    use kozmic_model::event::Event;

    fn sha(digit: &str) -> Sha {
        digit.repeat(40).parse().unwrap()
    }

    #[tokio::test]
    async fn what_is_told_of_a_tip_reads_as_githubs_own_delivery() {
        let head = json!({ "sha": sha("a"), "html_url": "https://github.com/c", "commit": {
            "message": "Fix it", "author": { "name": "Anna", "email": "anna@example.org" } } });
        let pull = json!({ "number": 5, "title": "T", "body": null, "user": { "login": "eve" },
            "head": { "ref": "main", "sha": sha("b"), "repo": { "id": 2 } } });
        let answers = [head.clone(), pull.clone(), head, pull].map(|answer| (200, answer.to_string()));
        let loopback = Loopback::answering(answers).await;
        let (client, token, repository) = (loopback.client(), "t0ken".into(), repository());
        let tell = async |git_ref, digit| {
            let tip = Tip { git_ref, sha: sha(digit) };
            telling(&client, &token, &repository, (&tip, None)).await.unwrap()
        };
        for (git_ref, digit) in [(GitRef::Branch("x".into()), "a"), (GitRef::PullRequest(5), "b")] {
            let told = tell(git_ref.clone(), digit).await.unwrap();
            let Event::Change(change) = payload::event(&told.event, &told.payload).unwrap() else {
                panic!("a change")
            };
            assert_eq!((&change.git_ref, &change.sha), (&git_ref, &sha(digit)));
            assert_eq!(repositories::of_payload(&told.payload).unwrap(), repository);
        }
        assert!(tell(GitRef::Branch("x".into()), "c").await.is_none(), "it stands elsewhere");
        assert!(tell(GitRef::PullRequest(5), "c").await.is_none(), "it stands elsewhere");
    }

    #[tokio::test]
    async fn branches_and_open_pull_requests_are_listed() {
        let branches = json!([{ "name": "main", "commit": { "sha": sha("a"), "url": "u" } },
            { "name": "..", "commit": { "sha": sha("b"), "url": "u" } }]);
        let pulls = json!([{ "number": 5, "head": { "sha": sha("c") } }]);
        let loopback = Loopback::answering([branches, pulls].map(|answer| (200, answer.to_string()))).await;
        let found = all(&loopback.client(), &"t0ken".into(), &repository()).await.unwrap();
        let main = Tip { git_ref: GitRef::Branch("main".into()), sha: sha("a") };
        assert_eq!(found, [main, Tip { git_ref: GitRef::PullRequest(5), sha: sha("c") }]);
    }
}
