//! A sample job for tests. A test changes the fields that matter to it.

use crate::{
    ids::{BuildId, HookId, JobId, ProjectId},
    install::PullPolicy,
    interruption::IfInterrupted,
    job::Job,
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
