//! Tests of the rules that say which events wake a hook.

use super::{NOW, Stage, hook_settings};
use kozmic_model::{
    form::FieldFaults,
    hook::HookSettings,
    wake::{Wake, WakeDraft},
};

fn rules() -> Wake {
    let draft = WakeDraft {
        on: "pulls".into(),
        branches: "main\n!ü/**".into(),
        tags: "v*".into(),
        targets: "main".into(),
        drafts: "rest".into(),
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
