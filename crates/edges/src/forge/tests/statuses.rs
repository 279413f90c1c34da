//! Commit statuses.

use super::{
    SeenStatus,
    stage::{APP, Stage},
};
use kozmic_model::{
    commit_status::{CommitState, CommitStatus},
    git::Sha,
    ids::{BuildId, ProjectId},
};

fn status(sha: &Sha, state: CommitState, context: &str, description: &str) -> CommitStatus {
    CommitStatus {
        project: ProjectId(1),
        build: BuildId(1),
        sha: sha.clone(),
        context: context.to_owned(),
        state,
        description: description.to_owned().into(),
        target_url: "https://ci.example.org/builds/1/".to_owned(),
    }
}

async fn set(stage: &Stage, status: &CommitStatus) {
    stage.forge().set_status(&stage.token(), &stage.app().await, status).await.unwrap();
}

pub(super) async fn each_state_stands_beside_its_commit(stage: &Stage) {
    let sha = stage.other.push(APP, "main", &["Second"]).await;
    for state in [CommitState::Pending, CommitState::Success, CommitState::Failure, CommitState::Error] {
        set(stage, &status(&sha, state, "Kozmic-CI", "A sentence")).await;
        let seen = SeenStatus {
            context: "Kozmic-CI".to_owned(),
            state,
            description: "A sentence".to_owned(),
            target_url: "https://ci.example.org/builds/1/".to_owned(),
        };
        assert_eq!(stage.other.statuses(APP, &sha).last(), Some(&seen));
    }
}

pub(super) async fn texts_of_any_length_are_taken(stage: &Stage) {
    let sha = stage.other.push(APP, "main", &["Second"]).await;
    let contexts = ["1", "2"].map(|end| format!("kozmic/{}{end}", "ü".repeat(10_000)));
    for context in &contexts {
        set(stage, &status(&sha, CommitState::Failure, context, &"ä".repeat(10_000))).await;
    }
    let [one, other] = &stage.other.statuses(APP, &sha)[..] else { panic!("two statuses") };
    assert_ne!(one.context, other.context, "a long name stays different from another one");
    assert!(one.description.starts_with("ää"), "{}", one.description);
}
