//! Repositories that need credentials: the server fetches them, and a runner's git gets them from the server.

use crate::stage::{RunnersEnd, Stage, order};
use kozmic_edges::git::{Credentials, Fetched, GitError, Mirrors, Wanted};
use kozmic_model::git::Sha;
use kozmic_remote::RunnerToken;
use kozmic_runner::{
    coordinator::{Coordinator, Repository},
    new_key,
    order::Order,
};
use kozmic_testkit::github::{Commit, GitHub, NewRepository};
use std::time::Instant;

const NAME: &str = "anna/hello";

/// A forge with a repository that only anna sees, and a runner that holds a job of its first commit.
struct Scene {
    stage: Stage,
    github: GitHub,
    runner: RunnersEnd,
    order: Order,
    /// The runner's mirrors.
    mirrors: Mirrors,
}

impl Scene {
    async fn new() -> Self {
        let (stage, github) = (Stage::new().await, GitHub::start().await.unwrap());
        github.add_user("anna", "Anna Orbit", "anna@example.com");
        github.add_repository(NewRepository::private(NAME)).unwrap();
        let sha = commit(&github, "one").await;
        let token = Credentials::Token(github.token("anna").into());
        stage.known.ledger.notes().repositories = vec![Repository {
            url: github.clone_url(NAME),
            credentials: token,
            default_branch: "main".to_owned(),
        }]
        .into();
        stage.known.ledger.give(Order { sha, ..order(1) });
        let runner = stage.runner();
        let order = runner.away.claim(&new_key()).await.unwrap().expect("a job waits");
        let mirrors = Mirrors::open(stage.dir.path().join("mirrors")).unwrap();
        Self { stage, github, runner, order, mirrors }
    }

    /// Fetches as the runner does.
    async fn fetch(&self) -> Result<Fetched, GitError> {
        let Repository { url, credentials, default_branch } =
            self.runner.away.repository(&self.order, None).await.unwrap();
        self.fetch_from(url, credentials, default_branch).await
    }

    async fn fetch_from(
        &self,
        url: String,
        credentials: Credentials,
        default_branch: String,
    ) -> Result<Fetched, GitError> {
        let Order { project, git_ref, remote_ref, sha, .. } = self.order.clone();
        let since = Instant::now();
        let wanted = Wanted { project, url, credentials, git_ref, remote_ref, sha, default_branch, since };
        self.mirrors.fetch(&wanted).await
    }
}

async fn commit(github: &GitHub, text: &str) -> Sha {
    let commit = Commit::new(text).file(text, text);
    github.commit(NAME, "main", commit).await.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_repository_comes_from_the_server_without_its_credentials() {
    let scene = Scene::new().await;
    let repository = scene.runner.away.repository(&scene.order, None).await.unwrap();
    assert!(repository.url.starts_with(&scene.stage.url("jobs/1/attempts/1/repository.git")));
    let Credentials::Token(token) = repository.credentials else { panic!("the runner's own token") };
    assert_eq!(secrecy::ExposeSecret::expose_secret(&token), scene.stage.token.expose());
    assert!(matches!(scene.fetch().await.unwrap(), Fetched::All));
    // The next push brings a few objects, over the same way.
    let sha = commit(&scene.github, "two").await;
    let scene = Scene { order: Order { sha: sha.clone(), ..scene.order.clone() }, ..scene };
    scene.stage.known.ledger.give(Order { sha, ..order(2) });
    let order = scene.runner.away.claim(&new_key()).await.unwrap().expect("a job waits");
    let scene = Scene { order, ..scene };
    assert!(matches!(scene.fetch().await.unwrap(), Fetched::All));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_ref_moved_since_is_given_by_its_id() {
    let scene = Scene::new().await;
    scene.runner.away.repository(&scene.order, None).await.unwrap();
    // Another job's fetch moved the server's ref.
    let sha = commit(&scene.github, "two").await;
    scene.stage.known.ledger.give(Order { sha, ..order(2) });
    let order = scene.runner.away.claim(&new_key()).await.unwrap().expect("a job waits");
    scene.runner.away.repository(&order, None).await.unwrap();
    assert!(matches!(scene.fetch().await.unwrap(), Fetched::All));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_restarted_serves_the_repository() {
    let scene = Scene::new().await;
    let Repository { url, credentials, default_branch } =
        scene.runner.away.repository(&scene.order, None).await.unwrap();
    scene.stage.restart().await;
    let fetched = scene.fetch_from(url, credentials, default_branch).await.unwrap();
    assert!(matches!(fetched, Fetched::All));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_why_the_server_cannot_fetch_reaches_the_runner() {
    let scene = Scene::new().await;
    let url = "http://127.0.0.1:9/nobody.git".to_owned();
    scene.stage.known.ledger.notes().repositories[0].url = url;
    let fault = scene.fetch().await.unwrap_err().to_string();
    assert!(fault.contains("git fetch failed") && fault.contains("127.0.0.1 port 9"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_does_not_exist_is_told_as_one() {
    let scene = Scene::new().await;
    scene.stage.known.ledger.give(Order { sha: "1".repeat(40).parse().unwrap(), ..order(2) });
    let order = scene.runner.away.claim(&new_key()).await.unwrap().expect("a job waits");
    let scene = Scene { order, ..scene };
    let fault = scene.fetch().await.unwrap_err();
    assert!(matches!(fault, GitError::NoSuchCommit { .. }), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tokens_and_attempts_get_no_repository() {
    let scene = Scene::new().await;
    let own = scene.runner.away.repository(&scene.order, None).await.unwrap();
    let stranger = Credentials::Token(RunnerToken::random().expose().into());
    let refused = scene.fetch_from(own.url.clone(), stranger, "main".to_owned()).await;
    assert!(matches!(refused, Err(GitError::NotShown { .. })), "{refused:?}");
    let open = scene.fetch_from(own.url.clone(), Credentials::Open, "main".to_owned()).await;
    assert!(matches!(open, Err(GitError::NotShown { .. })), "{open:?}");
    let other = own.url.replace("jobs/1/", "jobs/2/");
    let refused = scene.fetch_from(other, own.credentials, "main".to_owned()).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_public_repository_comes_from_the_forge() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    let repository = runner.away.repository(&order, None).await.unwrap();
    assert_eq!(repository.url, "http://127.0.0.1:9/nobody.git");
    assert!(matches!(repository.credentials, Credentials::Open));
    let own = runner.away.repository(&order, None).await.unwrap();
    assert_eq!(own.default_branch, "main");
}
