//! Tests of the labels for which hooks and their jobs ask.

use super::{NOW, Stage, change, hook_settings};
use kozmic_model::{
    hook::{Hook, HookSettings},
    job::{Job, Outcome},
};

impl Stage {
    async fn ask_for(&self, labels: &str) -> Hook {
        let settings = HookSettings { labels: labels.parse().unwrap(), ..hook_settings() };
        self.store.hooks().change_hook(self.hook, &settings).await.unwrap()
    }

    /// Enqueues a job of the hook as it is now, and claims it.
    async fn begin(&self, digit: char) -> Job {
        let hook = self.store.hooks().hook(self.hook).await.unwrap().unwrap();
        let delivery = self.delivered(&digit.to_string()).await;
        self.try_enqueue_as(hook.settings, delivery, change(digit)).await.unwrap();
        self.claim().await.job
    }
}

#[tokio::test]
async fn labels_of_a_hook_are_kept() {
    let stage = Stage::new().await;
    let store = &stage.store;
    assert!(store.hooks().hook(stage.hook).await.unwrap().unwrap().settings.labels.is_empty());
    let most = (0..10).map(|number| format!("{number}{} ", "x".repeat(39))).collect::<String>();
    for labels in ["gpu,arm64", &most, ""] {
        let changed = stage.ask_for(labels).await;
        assert_eq!(changed.settings.labels, labels.parse().unwrap());
        assert_eq!(store.hooks().hooks_of(stage.project).await.unwrap(), [changed]);
    }
    let with = HookSettings { labels: "gpu".parse().unwrap(), ..hook_settings() };
    let added = store.hooks().add_hook(stage.project, &with, NOW).await.unwrap();
    assert_eq!(store.hooks().hook(added.id).await.unwrap().unwrap().settings, with);
}

#[tokio::test]
async fn a_change_of_labels_counts_for_new_builds_only() {
    let stage = Stage::new().await;
    stage.ask_for("gpu").await;
    let first = stage.begin('a').await;
    stage.ask_for("arm64").await;
    let outcome = Outcome::Returned(1);
    stage.store.queue().finish_job(first.attempt(), &outcome, NOW).await.unwrap().unwrap();
    stage.store.queue().restart_job(first.id, NOW).await.unwrap().unwrap();
    let again = stage.claim().await.job;
    assert_eq!((again.id, again.attempt, again.spec.labels.to_string()), (first.id, 2, "gpu".to_owned()));
    assert_eq!(stage.begin('b').await.spec.labels.to_string(), "arm64");
}
