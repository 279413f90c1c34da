//! The store's promises: once means once, whatever happens in between.

use super::{Enqueued, NewDelivery, NewSession, Store, Stored, rows};
use kozmic_model::{
    event::{Author, Change, Trigger},
    git::GitRef,
    hook::{HookDraft, HookRecipe},
    ids::{DeliveryId, ForgeUserId, HookId, ProjectId, RepositoryId},
    job::Outcome,
    project::Repository,
    spec::{JobSpec, Origin},
    status::Status,
    time::Timestamp,
    user::Profile,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ActiveValue::Unchanged};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_000_000);
const LATER: Timestamp = Timestamp(2_000_000);

struct Stage {
    store: Store,
    project: ProjectId,
    hook: HookId,
    _dir: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("kozmic.db").display());
        let store = Store::open(&url, &"a secret key of more than 32 characters".into()).await.unwrap();
        let profile = Profile {
            forge_id: ForgeUserId(7),
            login: "anna".into(),
            name: "Anna".into(),
            avatar_url: String::new(),
            email: None,
        };
        let session = NewSession { fingerprint: "f".into(), expires_at: LATER };
        let user = store.sign_in(&profile, &"token".into(), &session, NOW).await.unwrap();
        store.replace_repositories(user.id, &[repository()]).await.unwrap();
        let project = store.add_project(user.id, RepositoryId(5), NOW).await.unwrap().id;
        let hook = store.add_hook(project, &recipe(), NOW).await.unwrap().id;
        Self { store, project, hook, _dir: dir }
    }

    async fn deliver(&self, uuid: &str) -> Stored {
        let (uuid, event) = (uuid.to_owned(), "push".to_owned());
        let delivery = NewDelivery { hook: self.hook, uuid, event, payload: b"{}".to_vec() };
        self.store.store_delivery(delivery, NOW).await.unwrap()
    }

    /// Delivers a commit and enqueues its job.
    async fn push(&self, digit: char) -> Enqueued {
        self.deliver(&digit.to_string()).await;
        let waiting = self.store.waiting_delivery(DeliveryId(0)).await.unwrap().unwrap();
        let HookRecipe { title, image, script } = recipe();
        let spec = JobSpec { title, image, script, origin: Origin::Hook(self.hook) };
        let hook = (self.project, self.hook);
        self.store.enqueue(waiting.id, hook, (&change(digit), &spec), NOW).await.unwrap()
    }
}

fn repository() -> Repository {
    Repository {
        id: RepositoryId(5),
        owner: "anna".into(),
        name: "hello".into(),
        private: false,
        default_branch: "main".into(),
        html_url: "https://forge/anna/hello".into(),
        clone_url: "https://forge/anna/hello.git".into(),
    }
}

fn recipe() -> HookRecipe {
    let script = "#!/bin/sh".to_owned();
    HookDraft { title: "Tests".into(), image: "debian".into(), script }.check().unwrap()
}

fn change(digit: char) -> Change {
    Change {
        git_ref: GitRef::Branch("main".into()),
        sha: digit.to_string().repeat(40).parse().unwrap(),
        trigger: Trigger::Push,
        message: Some("Begin".into()),
        author: Author::default(),
        skip_texts: Vec::new(),
    }
}

#[tokio::test]
async fn one_commit_on_one_ref_is_one_build_and_numbers_count_up() {
    let stage = Stage::new().await;
    let Enqueued::Job(first, _) = stage.push('a').await else { panic!("a job") };
    let Enqueued::Job(second, _) = stage.push('b').await else { panic!("a job") };
    assert_eq!((first.number, second.number), (1, 2));
    stage.deliver("again").await;
    let Enqueued::BuiltBefore = stage.push('a').await else { panic!("built before") };
}

#[tokio::test]
async fn a_runner_never_claims_its_own_job_but_another_may_when_the_lease_lapsed() {
    let stage = Stage::new().await;
    stage.push('a').await;
    let store = &stage.store;
    let claimed = store.claim_job("here", NOW, NOW).await.unwrap().unwrap();
    assert!(store.claim_job("here", LATER, LATER).await.unwrap().is_none());
    let again = store.claim_job("there", LATER, LATER).await.unwrap().unwrap();
    assert_eq!((claimed.job.attempt, again.job.attempt), (1, 2));
    let late = store.finish_job(claimed.job.attempt(), &Outcome::Returned(0), LATER).await.unwrap();
    assert!(late.is_none(), "the first attempt no longer holds the job");
    let build = store.finish_job(again.job.attempt(), &Outcome::Returned(0), LATER).await.unwrap().unwrap();
    assert_eq!(build.status, Status::Success);
}

#[tokio::test]
async fn a_cancel_request_outlives_a_change_of_runner() {
    let stage = Stage::new().await;
    stage.push('a').await;
    let claimed = stage.store.claim_job("here", NOW, NOW).await.unwrap().unwrap();
    stage.store.request_cancel(claimed.job.id, "Enough.", NOW).await.unwrap();
    let again = stage.store.claim_job("there", LATER, LATER).await.unwrap().unwrap();
    assert!(again.job.cancel_requested);
    assert_eq!(again.job.reason.as_deref(), Some("Enough."));
}

#[tokio::test]
async fn a_repeated_delivery_is_a_duplicate_unless_it_failed() {
    let stage = Stage::new().await;
    assert_eq!(stage.deliver("one").await, Stored::New);
    assert_eq!(stage.deliver("one").await, Stored::Duplicate);
    let waiting = stage.store.waiting_delivery(DeliveryId(0)).await.unwrap().unwrap();
    stage.store.fail_delivery(waiting.id, "not understood").await.unwrap();
    assert!(stage.store.waiting_delivery(DeliveryId(0)).await.unwrap().is_none());
    assert_eq!(stage.deliver("one").await, Stored::New);
    assert!(stage.store.waiting_delivery(DeliveryId(0)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_job_that_cannot_be_read_ends_and_the_next_one_runs() {
    let stage = Stage::new().await;
    let Enqueued::Job(_, broken) = stage.push('a').await else { panic!("a job") };
    let Enqueued::Job(_, sound) = stage.push('b').await else { panic!("a job") };
    let spoilt = rows::job::ActiveModel {
        id: Unchanged(broken.0),
        spec: Set("{ from another time".into()),
        ..Default::default()
    };
    spoilt.update(&stage.store.writer).await.unwrap();
    let claimed = stage.store.claim_job("here", LATER, NOW).await.unwrap().unwrap();
    assert_eq!(claimed.job.id, sound);
    assert!(stage.store.claim_job("here", LATER, NOW).await.unwrap().is_none());
}

#[tokio::test]
async fn what_changes_while_it_is_told_is_told_again() {
    let stage = Stage::new().await;
    stage.push('a').await;
    let store = &stage.store;
    let pending = store.next_outgoing().await.unwrap().unwrap();
    let claimed = store.claim_job("here", LATER, NOW).await.unwrap().unwrap();
    store.finish_job(claimed.job.attempt(), &Outcome::Returned(1), NOW).await.unwrap();
    store.sent(pending).await.unwrap();
    let newest = store.next_outgoing().await.unwrap().unwrap();
    assert_eq!(newest.version, pending.version + 1);
    store.sent(newest).await.unwrap();
    assert!(store.next_outgoing().await.unwrap().is_none());
}
