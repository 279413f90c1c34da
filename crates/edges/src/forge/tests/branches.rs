//! Branches and pull requests, as a forge tells of them when it is asked.

use super::{
    TagKind,
    stage::{APP, Stage},
};
use crate::forge::{MovedRef, Tip};
use kozmic_model::{
    event::Event,
    git::{GitRef, Sha},
};

async fn head(stage: &Stage, branch: &str) -> Option<(Sha, String)> {
    let head = stage.forge().head(&stage.token(), &stage.app().await, branch).await.unwrap();
    head.map(|head| (head.sha, head.message))
}

pub(super) async fn a_tag_is_never_taken_for_the_branch_of_its_name(stage: &Stage) {
    stage.other.push_tag(APP, "v1", TagKind::Annotated).await;
    assert_eq!(head(stage, "v1").await, None);
    let sha = stage.other.push(APP, "v1", &["On the branch"]).await;
    assert_eq!(head(stage, "v1").await, Some((sha.clone(), "On the branch".to_owned())));
    let (message, author) = stage.forge().commit(&stage.token(), &stage.app().await, &sha).await.unwrap();
    assert_eq!((message.as_str(), author.email.as_deref()), ("On the branch", Some("anna@example.com")));
}

pub(super) async fn a_branch_that_is_missing_has_no_head(stage: &Stage) {
    assert_eq!(head(stage, "none").await, None);
    stage.other.add_repository("anna/empty", false);
    let (forge, token) = (stage.forge(), stage.token());
    let empty = forge.repository_named(&token, "anna", "empty").await.unwrap().expect("a repository");
    assert_eq!(forge.head(&token, &empty, "main").await.unwrap(), None);
}

pub(super) async fn all_tips_are_listed(stage: &Stage) {
    let main = stage.other.push(APP, "main", &["Second"]).await;
    let side = stage.other.push(APP, "side", &["Aside"]).await;
    let proposal = stage.other.propose(APP, "eve").await;
    let tips = stage.forge().tips(&stage.token(), &stage.app().await).await.unwrap();
    for (git_ref, sha) in [
        (GitRef::Branch("main".into()), main),
        (GitRef::Branch("side".into()), side),
        (GitRef::PullRequest(proposal.number), proposal.sha),
    ] {
        assert!(tips.contains(&Tip { git_ref, sha }), "{tips:?}");
    }
    assert_eq!(tips.len(), 3, "{tips:?}");
}

pub(super) async fn a_step_is_told_as_its_delivery_would_have(stage: &Stage) {
    let branch = (GitRef::Branch("main".into()), stage.other.push(APP, "main", &["Second"]).await);
    let proposal = stage.other.propose(APP, "eve").await;
    let pull = (GitRef::PullRequest(proposal.number), proposal.sha);
    let (forge, token, app) = (stage.forge(), stage.token(), stage.app().await);
    for (git_ref, sha) in [branch, pull] {
        let moved = MovedRef { git_ref: &git_ref, before: None, after: Some(&sha) };
        let told = forge.replacement(&token, &app, moved).await.unwrap().expect("its words");
        let Ok(Event::Change(change)) = forge.event(&told.event, &told.payload) else { panic!("a change") };
        assert_eq!((&change.git_ref, &change.sha), (&git_ref, &sha));
        assert_eq!(forge.pushed_repository(&told.payload).unwrap(), app);
        let other = "c".repeat(40).parse().unwrap();
        let elsewhere = MovedRef { after: Some(&other), ..moved };
        assert!(forge.replacement(&token, &app, elsewhere).await.unwrap().is_none(), "it is elsewhere");
    }
}
