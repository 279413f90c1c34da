//! An installation for tests, with a project and a hook. Nothing runs in it until a test starts it.

use crate::{Flow, FlowSettings, Retention};
use kozmic_edges::{
    Edges,
    broker::Topic,
    clock,
    git::TreeSize,
    store::{Endpoint, Enqueued, HookCall, NewDelivery, NewSession, ProjectChange, Store, Stored},
};
use kozmic_model::{
    event::{Author, Change, Trigger},
    git::GitRef,
    hook::{Hook, HookDraft},
    ids::{DeliveryId, ForgeUserId, JobId, ProjectId, RepositoryId},
    invited::{Admission, Invited},
    project::{Access, Permission, Repository},
    spec::JobSpec,
    user::Profile,
};
use kozmic_scripted::edges_to_nowhere;
use secrecy::SecretString;
use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// An installation with a project and a hook.
pub(crate) struct Installation {
    pub(crate) flow: Flow,
    pub(crate) dir: TempDir,
    hook: Hook,
    /// The hook of another project, as soon as a test needs one.
    elsewhere: OnceCell<Hook>,
    pushes: AtomicUsize,
}

impl Installation {
    /// An installation with the usual settings.
    pub(crate) async fn new() -> Self {
        Self::keeping(Retention::default()).await
    }

    /// An installation that keeps old things for these times.
    pub(crate) async fn keeping(retention: Retention) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = FlowSettings { retention, ..settings(dir.path()) };
        let flow = Flow::new(edges_to_nowhere(dir.path()).await.unwrap(), settings);
        Self::of(flow, dir, anna()).await
    }

    /// An installation whose edges a test changes, with the project of this owner.
    pub(crate) async fn with(change: impl FnOnce(&mut Edges), owner: Owner) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut edges = edges_to_nowhere(dir.path()).await.unwrap();
        change(&mut edges);
        let flow = Flow::new(edges, settings(dir.path()));
        Self::of(flow, dir, owner).await
    }

    async fn of(flow: Flow, dir: TempDir, owner: Owner) -> Self {
        let project = project(&flow.edges.store, owner).await;
        let hook = hook(&flow.edges.store, project).await;
        Self { flow, hook, elsewhere: OnceCell::new(), pushes: AtomicUsize::new(0), dir }
    }

    /// Enqueues the job of the hook for a commit that no repository has.
    pub(crate) async fn enqueue(&self) -> JobId {
        let number = self.pushes.fetch_add(1, Ordering::Relaxed);
        self.enqueue_change(&change(&format!("{number:040x}"))).await
    }

    /// Enqueues a job of the hook that asks for labels.
    pub(crate) async fn enqueue_labelled(&self, labels: &str) -> JobId {
        let number = self.pushes.fetch_add(1, Ordering::Relaxed);
        let spec = JobSpec { labels: labels.parse().unwrap(), ..self.hook.settings.job(self.hook.id) };
        self.enqueue_spec(&self.hook, &spec, &change(&format!("{number:040x}"))).await
    }

    /// Enqueues the job of the hook for a change.
    pub(crate) async fn enqueue_change(&self, change: &Change) -> JobId {
        self.enqueue_spec(&self.hook, &self.hook.settings.job(self.hook.id), change).await
    }

    /// Enqueues such a job of another project.
    pub(crate) async fn enqueue_elsewhere(&self) -> JobId {
        let store = &self.flow.edges.store;
        let added = self.elsewhere.get_or_init(async || {
            let repository =
                Repository { id: RepositoryId(6), name: "elsewhere".into(), ..anna().repository };
            hook(store, project(store, Owner { repository, ..anna() }).await).await
        });
        let (hook, number) = (added.await, self.pushes.fetch_add(1, Ordering::Relaxed));
        self.enqueue_spec(hook, &hook.settings.job(hook.id), &change(&format!("{number:040x}"))).await
    }

    async fn enqueue_spec(&self, hook: &Hook, spec: &JobSpec, change: &Change) -> JobId {
        let store = &self.flow.edges.store;
        let (endpoint, uuid) = (Endpoint::Hook(hook.id), change.sha.to_string());
        let delivery = NewDelivery { endpoint, uuid, event: "push".into(), payload: b"{}".to_vec() };
        let stored = store.deliveries().store_delivery(delivery, clock::now()).await.unwrap();
        assert!(matches!(stored, Stored::New));
        let delivery =
            store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().expect("it waits").id;
        let call = HookCall { delivery, hook: hook.id };
        let change = ProjectChange { project: hook.project, change };
        let enqueued = store.queue().enqueue(call, change, spec, clock::now()).await.unwrap();
        self.flow.edges.broker.ring(Topic::Jobs);
        let Enqueued::Job(_, job) = enqueued else { panic!("a job") };
        job
    }
}

/// The owner of a project.
pub(crate) struct Owner {
    pub(crate) profile: Profile,
    pub(crate) token: SecretString,
    pub(crate) repository: Repository,
}

async fn hook(store: &Store, project: ProjectId) -> Hook {
    let draft = HookDraft {
        title: "Tests".into(),
        image: "debian".into(),
        script: "#!/bin/sh".into(),
        ..HookDraft::default()
    };
    store.hooks().add_hook(project, &draft.check().unwrap(), clock::now()).await.unwrap()
}

async fn project(store: &Store, owner: Owner) -> ProjectId {
    let Owner { profile, token, repository } = owner;
    let expires_at = clock::now().after(Duration::from_secs(3_600));
    let session = NewSession {
        fingerprint: format!("f{}", repository.id),
        expires_at,
        agent: String::new(),
        former: None,
        admission: Admission::Unasked,
    };
    let user = store.people().sign_in(&profile, &token, &session, clock::now()).await.unwrap();
    let id = repository.id;
    store
        .projects()
        .sync_projects_of(user.id, &[Access { repository, permission: Permission::Admin }])
        .await
        .unwrap();
    store.projects().add_project(user.id, id, clock::now()).await.unwrap().id
}

fn anna() -> Owner {
    let profile = Profile {
        forge_id: ForgeUserId(7),
        login: "anna".into(),
        name: "Anna".into(),
        avatar_url: String::new(),
        email: None,
    };
    let repository = Repository {
        id: RepositoryId(5),
        owner: "anna".into(),
        name: "hello".into(),
        private: false,
        default_branch: "main".into(),
        html_url: "https://forge/anna/hello".into(),
        clone_url: "https://forge/anna/hello.git".into(),
        ssh_url: "git@forge:anna/hello.git".into(),
    };
    Owner { profile, token: "token".into(), repository }
}

/// A push of a commit to the branch `main`.
pub(crate) fn change(sha: &str) -> Change {
    Change {
        git_ref: GitRef::Branch("main".into()),
        before: None,
        sha: sha.parse().unwrap(),
        after: sha.parse().unwrap(),
        pushed_at: None,
        trigger: Trigger::Push,
        message: Some("One".into()),
        author: Author::default(),
        skip_texts: Vec::new(),
        commits: Vec::new(),
        pull: None,
        pusher: None,
        is_held: false,
    }
}

fn settings(dir: &Path) -> FlowSettings {
    let hour = Duration::from_secs(3_600);
    FlowSettings {
        public_url: "https://ci.example.org/".parse().unwrap(),
        instance: "0123456789ab".into(),
        runner: "ba9876543210".into(),
        slots: 2,
        labels: "ssd".parse().unwrap(),
        lease: Duration::from_secs(180),
        stall_timeout: hour,
        job_timeout: hour,
        log_limit: 1 << 20,
        stop_grace: Duration::from_secs(10),
        work_dir: dir.join("work"),
        largest_checkout: TreeSize { files: 1_000, bytes: 1 << 30 },
        private_registries: Vec::new(),
        cached_images: 5,
        invited: Invited::default(),
        audit_kept: hour,
        mail_limit: None,
        retention: Retention::default(),
        autobuild: None,
    }
}
