//! Events: the meanings of deliveries.

use super::{
    TagKind,
    stage::{APP, Stage},
};
use crate::forge::Interest;
use kozmic_model::{
    event::{Event, Gone, Trigger},
    git::GitRef,
};

const ALL: Interest = Interest::PushesAndPulls;

async fn gone(stage: &Stage) -> Gone {
    match stage.heard().await.1 {
        Event::Gone(gone) => gone,
        other => panic!("gone: {other:?}"),
    }
}

pub(super) async fn a_push_tells_its_repository_and_its_commits(stage: &Stage) {
    let before = stage.other.push(APP, "main", &["Zeroth"]).await;
    stage.listen(Interest::Pushes).await;
    let sha = stage.other.push(APP, "main", &["Second\n\nWhy", "Third"]).await;
    let (taken, event) = stage.heard().await;
    let Event::Change(change) = event else { panic!("a change: {event:?}") };
    assert_eq!((&change.git_ref, &change.sha), (&GitRef::Branch("main".into()), &sha));
    assert_eq!((change.before.as_ref(), &change.after), (Some(&before), &sha));
    assert_eq!((&change.trigger, change.message.as_deref()), (&Trigger::Push, Some("Third")));
    let messages = change.commits.iter().map(|commit| commit.message.as_str()).collect::<Vec<_>>();
    assert_eq!(messages, ["Second", "Third"]);
    let app = stage.app().await;
    assert_eq!(stage.forge().pushed_repository(&taken.payload).unwrap(), app);
    let last = change.commits.last().expect("commits");
    assert_eq!(last.url, stage.forge().site().commit_page(&app, &sha));
    assert!(stage.forge().is_of_use(&taken.event, Interest::Pushes));
}

pub(super) async fn a_branch_begins_nowhere_and_ends_there(stage: &Stage) {
    stage.listen(ALL).await;
    let sha = stage.other.push(APP, "feature/x", &["New"]).await;
    let change = stage.change().await;
    assert!(change.before.is_some_and(|before| before.is_nowhere()));
    stage.other.delete_branch(APP, "feature/x").await;
    let gone = gone(stage).await;
    assert_eq!((gone.git_ref, gone.before), (GitRef::Branch("feature/x".into()), Some(sha)));
    assert!(gone.after.is_nowhere() && !gone.why.is_empty());
}

pub(super) async fn a_pushed_tag_is_a_change_at_its_commit(stage: &Stage) {
    let sha = stage.other.push(APP, "main", &["Second"]).await;
    stage.listen(ALL).await;
    for (tag, kind) in [("v1", TagKind::Light), ("v2", TagKind::Annotated)] {
        stage.other.push_tag(APP, tag, kind).await;
        let change = stage.change().await;
        assert_eq!((change.git_ref, change.sha), (GitRef::Tag(tag.to_owned()), sha.clone()));
    }
}

pub(super) async fn a_proposal_from_a_fork_is_a_change_of_its_own_until_it_is_closed(stage: &Stage) {
    stage.listen(ALL).await;
    let proposal = stage.other.propose(APP, "eve").await;
    let (taken, event) = stage.heard().await;
    let Event::Change(change) = event else { panic!("a change: {event:?}") };
    let git_ref = GitRef::PullRequest(proposal.number);
    assert_eq!((&change.git_ref, &change.sha), (&git_ref, &proposal.sha));
    assert!(matches!(change.trigger, Trigger::PullRequest { number, .. } if number == proposal.number));
    assert_eq!(change.pusher.as_ref().map(|pusher| pusher.login.as_str()), Some("eve"));
    assert!(stage.forge().is_of_use(&taken.event, ALL));
    assert!(!stage.forge().is_of_use(&taken.event, Interest::Pushes));
    stage.other.close(APP, proposal.number).await;
    assert_eq!(gone(stage).await.git_ref, git_ref);
}

pub(super) async fn an_author_may_ask_for_no_build(stage: &Stage) {
    stage.listen(ALL).await;
    for (message, is_skipped) in [("Docs [skip ci]", true), ("Code", false)] {
        stage.other.push(APP, "main", &[message]).await;
        assert_eq!(stage.change().await.skip_word().is_some(), is_skipped, "{message}");
    }
}

pub(super) async fn an_unknown_event_is_ignored_and_of_no_use(stage: &Stage) {
    let event = stage.forge().event("no such event", b"{}").unwrap();
    assert!(matches!(event, Event::Ignored(_)), "{event:?}");
    assert!(!stage.forge().is_of_use("no such event", ALL));
}

pub(super) async fn a_push_without_its_facts_cannot_be_read(stage: &Stage) {
    stage.listen(ALL).await;
    stage.other.push(APP, "main", &["Second"]).await;
    let (taken, _) = stage.heard().await;
    for payload in [&b"{}"[..], b"[]", b"7"] {
        stage.forge().event(&taken.event, payload).unwrap_err();
        stage.forge().pushed_repository(payload).unwrap_err();
    }
}
