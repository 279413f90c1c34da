//! Refusals and faults of a forge, and what each means for another try.

use super::{
    Trouble,
    stage::{APP, Stage},
};
use crate::forge::ForgeError;
use kozmic_model::commit_status::{CommitState, CommitStatus};
use kozmic_model::ids::{BuildId, ProjectId};
use std::time::Duration;

async fn fault(stage: &Stage, trouble: Trouble) -> ForgeError {
    let token = stage.token();
    let _trouble = stage.other.go_wrong(trouble);
    stage.forge().repositories(&token).await.unwrap_err()
}

pub(super) async fn a_forge_that_asks_to_wait_says_for_how_long(stage: &Stage) {
    let fault = fault(stage, Trouble::Limited(Duration::from_secs(90))).await;
    let ForgeError::RateLimited { wait, .. } = &fault else { panic!("a limit: {fault}") };
    assert!((80..=91).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(fault.try_again(), Some(*wait));
}

pub(super) async fn a_broken_forge_may_be_asked_again(stage: &Stage) {
    let fault = fault(stage, Trouble::Broken).await;
    assert!(matches!(fault, ForgeError::Broken { .. }) && fault.try_again().is_some(), "{fault}");
}

pub(super) async fn a_silent_forge_may_be_asked_again(stage: &Stage) {
    let fault = fault(stage, Trouble::Silent).await;
    assert!(matches!(fault, ForgeError::Unreachable { .. }) && fault.try_again().is_some(), "{fault}");
}

pub(super) async fn what_one_may_not_do_is_refused_for_good(stage: &Stage) {
    let sha = stage.other.push(APP, "main", &["Second"]).await;
    let status = CommitStatus {
        project: ProjectId(1),
        build: BuildId(1),
        sha: sha.clone(),
        context: "Kozmic-CI".to_owned(),
        state: CommitState::Success,
        description: "All is well".to_owned().into(),
        target_url: "https://ci.example.org/".to_owned(),
    };
    let (forge, eve, app) = (stage.forge(), stage.other.token("eve"), stage.app().await);
    let fault = forge.set_status(&eve, &app, &status).await.unwrap_err();
    assert!((fault.is_forbidden() || fault.is_missing()) && fault.try_again().is_none(), "{fault}");
    assert!(!fault.is_unauthorized() && stage.other.statuses(APP, &sha).is_empty());
    let fault = forge.collaborators(&eve, &app).await.unwrap_err();
    assert!((fault.is_forbidden() || fault.is_missing()) && fault.try_again().is_none(), "{fault}");
}
