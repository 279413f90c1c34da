//! Tests of fetches of a job's commit: tries again as long as that makes sense, with the new answers after a complaint.

use super::stage::{Stage, hook};
use crate::{
    checkout,
    coordinator::{Complaint, Repository},
    order::Order,
};
use kozmic_edges::git::{Credentials, keys};
use kozmic_model::{deploy_key::KeyKind, git::Sha, job::Outcome};
use kozmic_testkit::github::{Commit, GitHub, NewRepository};
use std::{fs, future::Future};
use tokio::runtime::{Builder, Runtime};

const NAME: &str = "anna/hello";

/// A forge in real time, with a commit that no mirror has.
struct Forge {
    github: GitHub,
    sha: Sha,
    runtime: Runtime,
}

impl Forge {
    fn with(repository: NewRepository) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (github, sha) = runtime.block_on(async {
            let github = GitHub::start().await.unwrap();
            github.add_user("anna", "Anna Orbit", "anna@example.com");
            github.add_repository(repository).unwrap();
            let commit = Commit::new("Two").file("two", "2\n");
            let sha = github.commit(NAME, "main", commit).await.unwrap().parse().unwrap();
            (github, sha)
        });
        Self { github, sha, runtime }
    }

    fn on<T>(&self, act: impl Future<Output = T>) -> T {
        self.runtime.block_on(act)
    }

    fn repository(&self, credentials: Credentials) -> Repository {
        Repository { url: self.github.clone_url(NAME), credentials, default_branch: "main".to_owned() }
    }
}

/// Runs a job of this commit, while the coordinator gives these answers. Returns the complaints that it got.
fn heard(stage: &Stage, sha: &Sha, answers: Vec<Repository>) -> Vec<Option<Complaint>> {
    stage.ledger.notes().repositories = answers.into();
    stage.ledger.give(Order { sha: sha.clone(), ..stage.order(1, hook("cat two")) });
    stage.run(1);
    stage.ledger.notes().complaints.clone()
}

fn ended(stage: &Stage) -> Outcome {
    stage.ledger.notes().ended[0].1.clone()
}

fn broken(stage: &Stage) -> String {
    match ended(stage) {
        Outcome::Broken(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_forge_that_does_not_answer_is_tried_six_times_and_complained_of_once() {
    let stage = Stage::new();
    let told = heard(&stage, &"1".repeat(40).parse().unwrap(), Vec::new());
    let first = [None, Some(Complaint::Lost)];
    assert_eq!(told, first.into_iter().chain([None; 5]).collect::<Vec<_>>());
    assert!(broken(&stage).starts_with("Fetch the commit: "), "{}", broken(&stage));
    assert_eq!(stage.log(1).matches("Trying again in").count(), 6, "{}", stage.log(1));
}

#[test]
fn a_commit_that_is_not_there_is_looked_for_a_second_time_and_then_elsewhere() {
    let (stage, forge) = (Stage::new(), Forge::with(NewRepository::public(NAME)));
    let known = forge.repository(Credentials::Open);
    let told = heard(&stage, &"1".repeat(40).parse().unwrap(), vec![known]);
    assert_eq!(told, [None, Some(Complaint::Lost)]);
    assert!(broken(&stage).starts_with("Fetch the commit: "), "{}", broken(&stage));
    assert!(!stage.log(1).contains("Trying again"), "{}", stage.log(1));
}

#[test]
fn a_commit_whose_repository_has_another_name_by_now_is_found_there() {
    let (stage, forge) = (Stage::new(), Forge::with(NewRepository::public(NAME)));
    forge.github.add_repository(NewRepository::public("anna/other")).unwrap();
    forge.on(forge.github.commit("anna/other", "main", Commit::new("One"))).unwrap();
    let known = forge.repository(Credentials::Open);
    let other = Repository { url: forge.github.clone_url("anna/other"), ..known.clone() };
    assert_eq!(heard(&stage, &forge.sha, vec![other, known]), [None, Some(Complaint::Lost)]);
    assert_eq!(ended(&stage), Outcome::Returned(0));
    assert!(stage.log(1).contains("2\n"), "{}", stage.log(1));
}

#[test]
fn a_repository_that_is_shown_to_nobody_is_asked_for_with_credentials() {
    let (stage, forge) = (Stage::new(), Forge::with(NewRepository::private(NAME)));
    let token = Credentials::Token(forge.github.token("anna").into());
    let answers = vec![forge.repository(Credentials::Open), forge.repository(token)];
    assert_eq!(heard(&stage, &forge.sha, answers), [None, Some(Complaint::NotShown)]);
    assert_eq!(ended(&stage), Outcome::Returned(0));
}

#[test]
fn a_deploy_key_that_is_refused_is_registered_again_once() {
    let (stage, forge) = (Stage::new(), Forge::with(NewRepository::private(NAME)));
    forge.on(forge.github.start_ssh()).unwrap();
    let key = forge.on(keys::make(KeyKind::Ed25519)).unwrap();
    let url = forge.github.ssh_url(NAME);
    let known = Repository { url, ..forge.repository(Credentials::DeployKey(key.private)) };
    assert_eq!(heard(&stage, &forge.sha, vec![known]), [None, Some(Complaint::KeyRefused)]);
    assert_eq!(stage.log(1).matches("Registering it again.").count(), 1, "{}", stage.log(1));
    assert!(broken(&stage).starts_with("Fetch the commit: "), "{}", broken(&stage));
}

#[test]
fn checkouts_that_a_crash_left_are_removed_and_none_are_no_fault() {
    let (runner, runtime) = (Stage::new().runner(), Builder::new_current_thread().build().unwrap());
    let dir = &runner.settings.work_dir;
    fs::create_dir_all(dir.join("1-1-0/deep")).unwrap();
    for _ in 0..2 {
        runtime.block_on(checkout::clear(&runner)).unwrap();
        assert!(!dir.exists());
    }
    fs::create_dir_all(dir.parent().unwrap()).unwrap();
    fs::write(dir, "in the way").unwrap();
    assert!(runtime.block_on(checkout::clear(&runner)).is_err());
}
