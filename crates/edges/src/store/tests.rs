//! Tests of the store's guarantees: an event has its effects exactly once, whatever happens in between.

mod again;
mod claims;
mod labels;
mod races;
mod rights;
mod servers;
mod images;
mod people;
mod told;
mod wake;

use super::{
    Among, Endpoint, Enqueued, HookCall, Lane, Lease, NewDelivery, NewSession, OutboxLane, ProjectChange,
    SessionLook, Store, Stored, Subject, rows,
};
use kozmic_model::{
    event::{Author, Change, Trigger},
    git::{GitRef, Sha},
    hook::{HookDraft, HookSettings},
    ids::{DeliveryId, ForgeUserId, HookId, JobId, ProjectId, RepositoryId, UserId},
    invited::Admission,
    job::Outcome,
    project::{Access, Collaborator, Permission, ProjectSettings, Repository, Role},
    status::Status,
    time::Timestamp,
    user::Profile,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ActiveValue::Unchanged};
use tempfile::TempDir;

pub(super) const NOW: Timestamp = Timestamp(1_000_000);
pub(super) const LATER: Timestamp = Timestamp(2_000_000);

/// The lease of the runner in most tests.
pub(super) const HERE: Lease<'_> = Lease { runner: "here", until: LATER, key: None };

pub(super) const KEY: &str = "a secret key of more than 32 characters";

pub(super) struct Stage {
    pub(super) store: Store,
    pub(super) user: UserId,
    pub(super) project: ProjectId,
    pub(super) hook: HookId,
    /// The address of the database.
    pub(super) url: String,
    _dir: TempDir,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = servers::fresh_database(dir.path()).await;
        Self::at(&url, dir).await
    }

    /// A stage with the database at an address.
    pub(super) async fn at(url: &str, dir: TempDir) -> Self {
        let store = Store::open(url, &KEY.into()).await.unwrap();
        let session = NewSession {
            fingerprint: "f".into(),
            expires_at: LATER,
            agent: String::new(),
            former: None,
            admission: Admission::Unasked,
        };
        let user = store.people().sign_in(&profile(7, "anna"), &"token".into(), &session, NOW).await.unwrap();
        let access = Access { repository: repository(), permission: Permission::Admin };
        store.projects().sync_projects_of(user.id, &[access]).await.unwrap();
        let project = store.projects().add_project(user.id, RepositoryId(5), NOW).await.unwrap().id;
        let hook = store.hooks().add_hook(project, &hook_settings(), NOW).await.unwrap().id;
        Self { store, user: user.id, project, hook, url: url.to_owned(), _dir: dir }
    }

    async fn deliver(&self, uuid: &str) -> Stored {
        let (uuid, event) = (uuid.to_owned(), "push".to_owned());
        let delivery =
            NewDelivery { endpoint: Endpoint::Hook(self.hook), uuid, event, payload: b"{}".to_vec() };
        self.store.deliveries().store_delivery(delivery, NOW).await.unwrap()
    }

    /// Delivers a commit on main and enqueues its job.
    pub(super) async fn push(&self, digit: char) -> Enqueued {
        self.push_to("main", digit).await
    }

    pub(super) async fn push_to(&self, branch: &str, digit: char) -> Enqueued {
        self.enqueue(Change { git_ref: GitRef::Branch(branch.into()), ..change(digit) }).await
    }

    /// Enqueues a commit on main that was pushed at a time.
    pub(super) async fn push_at(&self, digit: char, pushed_at: Option<Timestamp>) -> JobId {
        let enqueued = self.enqueue(Change { pushed_at, ..change(digit) }).await;
        let Enqueued::Job(_, job) = enqueued else { panic!("a job") };
        job
    }

    /// Enqueues a change.
    pub(super) async fn enqueue(&self, change: Change) -> Enqueued {
        let delivery = self.delivered(&format!("{}-{}", change.git_ref, change.sha)).await;
        self.enqueue_heard(delivery, change).await
    }

    /// Enqueues the change of a delivery.
    pub(super) async fn enqueue_heard(&self, delivery: DeliveryId, change: Change) -> Enqueued {
        self.try_enqueue(delivery, change).await.unwrap()
    }

    async fn try_enqueue(&self, delivery: DeliveryId, change: Change) -> anyhow::Result<Enqueued> {
        self.try_enqueue_as(hook_settings(), delivery, change).await
    }

    /// Enqueues a job of the hook as its settings is given here.
    async fn try_enqueue_as(
        &self,
        settings: HookSettings,
        delivery: DeliveryId,
        change: Change,
    ) -> anyhow::Result<Enqueued> {
        let spec = settings.job(self.hook);
        let call = HookCall { delivery, hook: self.hook };
        let change = ProjectChange { project: self.project, change: &change };
        self.store.queue().enqueue(call, change, &spec, NOW).await
    }

    /// Executes the next job to its end.
    pub(super) async fn run(&self, code: i64) -> JobId {
        let job =
            self.store.queue().claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap().unwrap().job;
        self.store.queue().finish_job(job.attempt(), &Outcome::Returned(code), NOW).await.unwrap().unwrap();
        job.id
    }

    /// Lets anna administer a repository, so that she can make a project of it.
    pub(super) async fn may_administer(&self, repository: &Repository) {
        let access = Access { repository: repository.clone(), permission: Permission::Admin };
        self.store.projects().sync_projects_of(self.user, &[access]).await.unwrap();
    }

    /// Removes all waiting messages; gives their subjects.
    pub(super) async fn news(&self) -> Vec<Subject> {
        let mut subjects = Vec::new();
        for lane in [OutboxLane::Forge, OutboxLane::News, OutboxLane::MAIL] {
            while let Some(outgoing) = self.store.outbox().next_outgoing(lane).await.unwrap() {
                self.store.outbox().sent(outgoing).await.unwrap();
                subjects.push(outgoing.subject);
            }
        }
        subjects
    }
}

fn profile(number: i64, login: &str) -> Profile {
    Profile {
        forge_id: ForgeUserId(number),
        login: login.into(),
        name: login.into(),
        avatar_url: String::new(),
        email: None,
    }
}

pub(super) fn repository() -> Repository {
    Repository {
        id: RepositoryId(5),
        owner: "anna".into(),
        name: "hello".into(),
        private: false,
        default_branch: "main".into(),
        html_url: "https://forge/anna/hello".into(),
        clone_url: "https://forge/anna/hello.git".into(),
        ssh_url: "git@forge:anna/hello.git".into(),
    }
}

pub(super) fn hook_settings() -> HookSettings {
    let script = "#!/bin/sh".to_owned();
    let draft = HookDraft { title: "Tests".into(), image: "debian".into(), script, ..HookDraft::default() };
    draft.check().unwrap()
}

pub(super) fn change(digit: char) -> Change {
    let sha = digit.to_string().repeat(40).parse::<Sha>().unwrap();
    Change {
        git_ref: GitRef::Branch("main".into()),
        before: None,
        after: sha.clone(),
        sha,
        pushed_at: None,
        trigger: Trigger::Push,
        message: Some("Begin".into()),
        author: Author::default(),
        skip_texts: Vec::new(),
        commits: Vec::new(),
        pull: None,
        pusher: None,
        is_held: false,
    }
}

#[tokio::test]
async fn one_commit_on_one_ref_is_one_build_and_numbers_count_up() {
    let stage = Stage::new().await;
    let Enqueued::Job(first, _) = stage.push('a').await else { panic!("a job") };
    let Enqueued::Job(second, _) = stage.push('b').await else { panic!("a job") };
    assert_eq!((first.number, second.number), (1, 2));
    let Enqueued::BuiltBefore = stage.push('a').await else { panic!("built before") };
}

#[tokio::test]
async fn an_attempt_that_lapsed_holds_its_job_no_longer_and_another_runner_claims_it() {
    let stage = Stage::new().await;
    stage.push('a').await;
    let store = &stage.store;
    let claimed = store
        .queue()
        .claim_job(Lane::Containers, Lease { until: NOW, ..HERE }, Among::All, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(store.queue().claim_job(Lane::Containers, HERE, Among::All, LATER).await.unwrap().is_none());
    assert_eq!(store.queue().end_lapsed(&Default::default(), LATER).await.unwrap(), [claimed.job.id]);
    let again = store
        .queue()
        .claim_job(Lane::Containers, Lease { runner: "there", ..HERE }, Among::All, LATER)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((claimed.job.attempt, again.job.attempt), (1, 2));
    let past = store.builds().past_attempts(again.job.id).await.unwrap();
    assert_eq!((past.len(), past[0].status, past[0].finished_at), (1, Status::Error, Some(LATER)));
    let late = store.queue().finish_job(claimed.job.attempt(), &Outcome::Returned(0), LATER).await.unwrap();
    assert!(late.is_none(), "the first attempt no longer holds the job");
    let build =
        store.queue().finish_job(again.job.attempt(), &Outcome::Returned(0), LATER).await.unwrap().unwrap();
    assert_eq!(build.status, Status::Success);
}

#[tokio::test]
async fn a_repeated_delivery_is_a_duplicate_unless_it_failed() {
    let stage = Stage::new().await;
    assert_eq!(stage.deliver("one").await, Stored::New);
    assert_eq!(stage.deliver("one").await, Stored::Duplicate);
    let waiting = stage.store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().unwrap();
    stage.store.deliveries().fail_delivery(waiting.id, "not understood").await.unwrap();
    assert!(stage.store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().is_none());
    assert_eq!(stage.deliver("one").await, Stored::New);
    assert!(stage.store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_job_that_cannot_be_read_ends_and_the_next_one_runs() {
    let stage = Stage::new().await;
    let Enqueued::Job(_, broken) = stage.push('a').await else { panic!("a job") };
    let Enqueued::Job(_, sound) = stage.push_to("other", 'b').await else { panic!("a job") };
    let spoilt = rows::job::ActiveModel {
        id: Unchanged(broken.0),
        spec: Set("{ from another time".into()),
        ..Default::default()
    };
    spoilt.update(&stage.store.db.writer).await.unwrap();
    let claimed =
        stage.store.queue().claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap().unwrap();
    assert_eq!(claimed.job.id, sound);
    for _ in 0..2 {
        assert!(
            stage.store.queue().claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap().is_none()
        );
        stage.store.queue().restart_job(broken, NOW).await.unwrap().unwrap();
    }
    let past = stage.store.builds().past_attempts(broken).await.unwrap();
    assert_eq!(past.iter().map(|past| past.number).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn what_changes_while_it_is_told_is_told_again() {
    let stage = Stage::new().await;
    stage.push('a').await;
    let store = &stage.store;
    let pending = store.outbox().next_outgoing(OutboxLane::Forge).await.unwrap().unwrap();
    let claimed = store.queue().claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap().unwrap();
    store.queue().finish_job(claimed.job.attempt(), &Outcome::Returned(1), NOW).await.unwrap();
    store.outbox().sent(pending).await.unwrap();
    let newest = store.outbox().next_outgoing(OutboxLane::Forge).await.unwrap().unwrap();
    assert_eq!(newest.version, pending.version + 1);
    store.outbox().sent(newest).await.unwrap();
    assert!(store.outbox().next_outgoing(OutboxLane::Forge).await.unwrap().is_none());
}

#[tokio::test]
async fn a_newer_push_cancels_what_its_branch_still_waits_for_and_nothing_else() {
    let stage = Stage::new().await;
    let Enqueued::Job(_, running) = stage.push('a').await else { panic!("a job") };
    stage.store.queue().claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap().unwrap();
    let Enqueued::Job(_, waiting) = stage.push('b').await else { panic!("a job") };
    let Enqueued::Job(_, elsewhere) = stage.push_to("other", 'c').await else { panic!("a job") };
    stage.push('d').await;
    let store = &stage.store;
    let canceled = store.builds().job_by_id(waiting).await.unwrap().unwrap();
    assert_eq!((canceled.status, canceled.attempt), (Status::Canceled, 1));
    assert_eq!(canceled.reason.as_deref(), Some("Canceled: build #4 has a newer push."));
    assert!(!store.builds().job_by_id(running).await.unwrap().unwrap().cancel_requested);
    assert_eq!(store.builds().job_by_id(elsewhere).await.unwrap().unwrap().status, Status::Enqueued);
    let all = ProjectSettings { cancel_waiting: true, cancel_running: true, ..ProjectSettings::default() };
    store.projects().change_project(stage.project, all).await.unwrap();
    stage.push('e').await;
    assert!(store.builds().job_by_id(running).await.unwrap().unwrap().cancel_requested);
}

#[tokio::test]
async fn a_restarted_job_is_a_new_attempt_and_the_old_one_stays_readable() {
    let stage = Stage::new().await;
    stage.push('a').await;
    let job = stage.run(3).await;
    let store = &stage.store;
    let build = store.queue().restart_job(job, NOW).await.unwrap().unwrap();
    assert_eq!(build.status, Status::Enqueued);
    assert!(store.queue().restart_job(job, NOW).await.unwrap().is_none(), "it waits already");
    let again = store.builds().job_by_id(job).await.unwrap().unwrap();
    assert_eq!((again.shown_attempt().number, again.return_code), (2, None));
    let past = store.builds().past_attempts(job).await.unwrap();
    assert_eq!((past.len(), past[0].number, past[0].return_code), (1, 1, Some(3)));
    assert_eq!(stage.run(0).await, job);
    assert_eq!(store.queue().restart_failed(build.id, NOW).await.unwrap(), []);
}

#[tokio::test]
async fn people_hear_of_failures_and_of_the_first_success_after_them() {
    let stage = Stage::new().await;
    let news = |subjects: Vec<Subject>| subjects.iter().any(|subject| matches!(subject, Subject::News(_)));
    for (digit, code, is_news) in
        [('a', 0, false), ('b', 1, true), ('c', 1, true), ('d', 0, true), ('e', 0, false)]
    {
        stage.push(digit).await;
        stage.run(code).await;
        assert_eq!(news(stage.news().await), is_news, "{digit}");
    }
    stage.push('f').await;
    let job = stage.run(1).await;
    assert!(news(stage.news().await));
    stage.store.queue().restart_job(job, NOW).await.unwrap();
    assert!(!news(stage.news().await));
    stage.run(0).await;
    assert!(news(stage.news().await), "a restart mended it");
    stage.store.queue().restart_job(job, NOW).await.unwrap();
    stage.run(0).await;
    assert!(!news(stage.news().await), "it was mended already");
}

#[tokio::test]
async fn an_owner_who_lost_access_leaves_the_project_to_who_administers_the_repository()
-> Result<(), anyhow::Error> {
    let stage = Stage::new().await;
    let session = NewSession {
        fingerprint: "b".into(),
        expires_at: LATER,
        agent: String::new(),
        former: None,
        admission: Admission::Unasked,
    };
    let bert = stage.store.people().sign_in(&profile(8, "bert"), &"token".into(), &session, NOW).await?;
    let left =
        [(6, "arno", Permission::Admin), (8, "bert", Permission::Admin), (9, "cleo", Permission::Push)];
    let left =
        left.map(|(number, login, permission)| Collaborator { profile: profile(number, login), permission });
    stage.store.projects().sync_members(stage.project, &repository(), &left, NOW).await?;
    assert_eq!(
        stage.store.projects().role_in(stage.project, bert.id).await?,
        Some(Role::Owner),
        "arno never signed in"
    );
    assert_eq!(stage.store.projects().role_in(stage.project, stage.user).await?, None);
    Ok(())
}
