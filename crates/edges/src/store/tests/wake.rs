//! Tests of the rules that say which events wake a hook.

use super::{NOW, Stage, change, hook_settings};
use crate::store::{Enqueued, HookCall, ProjectChange};
use kozmic_model::{
    form::FieldFaults,
    hook::HookSettings,
    ids::{HookId, JobId},
    status::Status,
    wake::{Wake, WakeDraft},
};

fn rules() -> Wake {
    let draft = WakeDraft {
        on: "pulls".into(),
        branches: "main\n!ü/**".into(),
        tags: "v*".into(),
        targets: "main".into(),
        drafts: "rest".into(),
        paths: "src/\nü".into(),
        words: "deploy".into(),
        skip_words: "\"wip\"".into(),
    };
    draft.check(&mut FieldFaults::new())
}

#[tokio::test]
async fn rules_of_a_hook_are_kept() {
    let stage = Stage::new().await;
    let hooks = stage.store.hooks();
    assert_eq!(hooks.hook(stage.hook).await.unwrap().unwrap().settings.wake, Wake::default());
    for wake in [rules(), Wake::default()] {
        let settings = HookSettings { wake, ..hook_settings() };
        let changed = hooks.change_hook(stage.hook, &settings).await.unwrap();
        assert_eq!(changed.settings, settings);
        assert_eq!(hooks.hooks_of(stage.project).await.unwrap(), [changed]);
    }
    let with = HookSettings { wake: rules(), ..hook_settings() };
    let added = hooks.add_hook(stage.project, &with, NOW).await.unwrap();
    assert_eq!(hooks.hook(added.id).await.unwrap().unwrap().settings, with);
}

impl Stage {
    /// Enqueues a job of a hook for a commit on main.
    async fn call(&self, hook: HookId, digit: char) -> JobId {
        let spec = hook_settings().job(hook);
        let delivery = self.delivered(&format!("{hook}-{digit}")).await;
        let change = ProjectChange { project: self.project, change: &change(digit) };
        let enqueued = self.store.queue().enqueue(HookCall { delivery, hook }, change, &spec, NOW).await;
        let Enqueued::Job(_, job) = enqueued.unwrap() else { panic!("a job") };
        job
    }

    async fn statuses(&self, jobs: &[JobId]) -> Vec<Status> {
        let mut statuses = Vec::new();
        for job in jobs {
            statuses.push(self.store.builds().job_by_id(*job).await.unwrap().unwrap().status);
        }
        statuses
    }
}

#[tokio::test]
async fn a_push_cancels_no_job_of_a_hook_that_chooses_and_that_it_does_not_wake() {
    use Status::{Canceled, Enqueued};
    let stage = Stage::new().await;
    let wake = Wake { words: vec!["deploy".into()], ..Wake::default() };
    let settings = HookSettings { wake, ..hook_settings() };
    let choosing = stage.store.hooks().add_hook(stage.project, &settings, NOW).await.unwrap().id;
    let first = [stage.call(stage.hook, 'a').await, stage.call(choosing, 'a').await];
    let second = stage.call(stage.hook, 'b').await;
    assert_eq!(stage.statuses(&first).await, [Canceled, Enqueued]);
    let third = stage.call(choosing, 'c').await;
    assert_eq!(stage.statuses(&first).await, [Canceled, Canceled], "a newer push woke it");
    assert_eq!(stage.statuses(&[second, third]).await, [Canceled, Enqueued]);
    let fourth = stage.call(stage.hook, 'd').await;
    let last = stage.call(choosing, 'd').await;
    assert_eq!(stage.statuses(&[third, fourth, last]).await, [Canceled, Enqueued, Enqueued]);
}
