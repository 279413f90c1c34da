//! A sample project, build and job for tests. A test changes the fields that matter to it.

use crate::{
    build::Build,
    event::{Author, Trigger},
    git::GitRef,
    ids::{BuildId, HookId, JobId, ProjectId, RepositoryId, UserId},
    install::PullPolicy,
    interruption::IfInterrupted,
    job::Job,
    project::{Project, ProjectSettings, Repository},
    spec::{HookTask, JobSpec, Origin, Task},
    status::Status,
    time::Timestamp,
};

/// The first attempt of a hook's job, which has waited since it was created.
pub(crate) fn job(title: &str, status: Status) -> Job {
    let hook = HookTask {
        image: "debian".parse().unwrap(),
        script: String::new(),
        install: None,
        pull: PullPolicy::default(),
    };
    let spec = JobSpec {
        title: title.into(),
        if_interrupted: IfInterrupted::default(),
        origin: Origin::Hook(HookId(1)),
        labels: crate::label::Labels::default(),
        task: Task::Hook(hook),
    };
    Job {
        id: JobId(1),
        build: BuildId(1),
        project: ProjectId(1),
        spec,
        status,
        attempt: 1,
        interruptions: 0,
        ending: None,
        reason: None,
        return_code: None,
        cancel_requested: false,
        canceled_by: None,
        container: None,
        cache_key: None,
        phases: Vec::new(),
        created_at: Timestamp(1),
        queued_at: Some(Timestamp(1)),
        started_at: None,
        finished_at: None,
    }
}

/// A project that anna owns.
pub(crate) fn project() -> Project {
    let repository = Repository {
        id: RepositoryId(5),
        owner: "anna".into(),
        name: "hello".into(),
        private: false,
        default_branch: "main".into(),
        html_url: String::new(),
        clone_url: String::new(),
        ssh_url: String::new(),
    };
    Project {
        id: ProjectId(3),
        owner: UserId(1),
        repository,
        settings: ProjectSettings::default(),
        badge_token: String::new(),
        open_badge: false,
        synced_at: None,
        sync_fault: None,
    }
}

/// A build of a branch, with this status.
pub(crate) fn build(status: Status) -> Build {
    Build {
        id: BuildId(40),
        project: ProjectId(3),
        number: 12,
        git_ref: GitRef::Branch("main".into()),
        sha: "1a2b3c4d5e".repeat(4).parse().unwrap(),
        status,
        trigger: Trigger::Push,
        author: Author { name: "Anna".into(), email: Some("anna@example.com".into()) },
        message: "Break it\n\nand more".into(),
        commits: Vec::new(),
        pusher: None,
        created_at: Timestamp(1_000),
        started_at: Some(Timestamp(2_000)),
        finished_at: Some(Timestamp(14_000)),
    }
}
