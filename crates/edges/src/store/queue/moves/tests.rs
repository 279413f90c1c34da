//! Tests of the order of pushes: the newest push of a ref is its newest build, in whatever order moves become known.

use super::builds;
use crate::store::{
    Enqueued, RefAtForge, Subject,
    tests::{NOW, Stage},
};
use kozmic_model::{
    git::{GitRef, Sha},
    ids::ProjectId,
    job::CanceledBy,
    project::ProjectSettings,
    status::Status,
};
use sea_orm::{ConnectionTrait, DbBackend, QuerySelect, QueryTrait, Statement};

const MAIN: &str = "refs/heads/main";

/// A push: the commit before, the commit after, and its time in seconds.
type Push = (char, char, i64);

fn main() -> GitRef {
    MAIN.parse().unwrap()
}

fn seen<'a>(git_ref: &'a GitRef, sha: Option<&'a Sha>, last_known: i64) -> RefAtForge<'a> {
    RefAtForge { git_ref, sha, last_known }
}

async fn badge(stage: &Stage) -> Option<Status> {
    stage.store.builds().last_verdict(stage.project, &main()).await.unwrap().map(|build| build.status)
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let with_last = |order: Vec<usize>| {
        (0..count).map(move |place| {
            let mut order = order.clone();
            order.insert(place, count - 1);
            order
        })
    };
    orders(count - 1).into_iter().flat_map(with_last).collect()
}

#[tokio::test]
async fn whatever_the_order_of_arrival_the_newest_push_is_the_latest_and_is_built() {
    let ways: [(&[Push], char); 4] = [
        (&[('0', 'a', 1), ('a', 'b', 1), ('b', 'c', 1)], 'c'),
        (&[('0', 'c', 1), ('c', 'b', 1), ('b', 'a', 1)], 'a'),
        (&[('0', 'a', 1), ('a', 'b', 10), ('b', 'a', 20)], 'a'),
        (&[('0', 'a', 1), ('a', '0', 10), ('0', 'b', 11)], 'b'),
    ];
    for (way, head) in ways {
        for order in orders(way.len()) {
            let stage = Stage::new().await;
            for index in &order {
                let (before, after, second) = way[*index];
                if after == '0' {
                    stage.gone(&index.to_string(), before, second).await;
                } else {
                    stage.told(&index.to_string(), (before, after), second).await;
                }
            }
            assert_eq!(stage.latest().await, head, "{way:?} in {order:?}");
            let others = "abc".replace(head, "");
            stage.run_all(&others).await;
            assert_eq!(badge(&stage).await, Some(Status::Success), "{way:?} in {order:?}");
        }
    }
}

#[tokio::test]
async fn what_a_newer_push_canceled_runs_when_its_branch_is_back() {
    let stage = Stage::new().await;
    let Enqueued::Job(_, first) = stage.told("1", ('0', 'a'), 1).await else { panic!("a job") };
    stage.told("2", ('a', 'b'), 10).await;
    let canceled = stage.store.builds().job_by_id(first).await.unwrap().unwrap();
    assert_eq!((canceled.status, canceled.canceled_by), (Status::Canceled, Some(CanceledBy::Push)));
    stage.told("3", ('b', 'a'), 20).await;
    let back = stage.store.builds().job_by_id(first).await.unwrap().unwrap();
    assert_eq!((back.status, back.canceled_by, back.attempt), (Status::Enqueued, None, 1));
    stage.run_all("").await;
    assert_eq!((stage.latest().await, badge(&stage).await), ('a', Some(Status::Success)));
    let Enqueued::BuiltBefore = stage.told("4", ('b', 'a'), 20).await else { panic!("told twice") };
}

#[tokio::test]
async fn what_is_stopped_while_it_runs_begins_again_if_its_branch_is_back_by_then() {
    let stage = Stage::new().await;
    let all = ProjectSettings { cancel_waiting: true, cancel_running: true, ..ProjectSettings::default() };
    stage.store.projects().change_project(stage.project, all).await.unwrap();
    let Enqueued::Job(_, first) = stage.told("1", ('0', 'a'), 1).await else { panic!("a job") };
    let claimed = stage.claim().await;
    stage.told("2", ('a', 'b'), 10).await;
    stage.told("3", ('b', 'a'), 20).await;
    let outcome = kozmic_model::job::Outcome::Canceled("Canceled.".into());
    stage.store.queue().finish_job(claimed.job.attempt(), &outcome, NOW).await.unwrap().unwrap();
    let again = stage.store.builds().job_by_id(first).await.unwrap().unwrap();
    assert_eq!((again.status, again.attempt), (Status::Enqueued, 1));
}

#[tokio::test]
async fn a_verdict_stands_when_its_branch_is_back_and_what_was_stopped_by_hand_runs() {
    let stage = Stage::new().await;
    let Enqueued::Job(_, first) = stage.told("1", ('0', 'a'), 1).await else { panic!("a job") };
    stage.run_all("a").await;
    let Enqueued::Job(_, second) = stage.told("2", ('a', 'b'), 10).await else { panic!("a job") };
    stage.store.queue().request_cancel(second, "Canceled by anna.", None, NOW).await.unwrap();
    let Enqueued::BuiltBefore = stage.told("3", ('b', 'a'), 20).await else { panic!("it failed") };
    assert_eq!((stage.latest().await, badge(&stage).await), ('a', Some(Status::Failure)));
    let Enqueued::Job(_, again) = stage.told("4", ('a', 'b'), 30).await else { panic!("a job") };
    assert_eq!((again, stage.latest().await), (second, 'b'));
    assert_eq!(stage.store.builds().job_by_id(first).await.unwrap().unwrap().attempt, 1);
}

#[tokio::test]
async fn an_old_push_that_comes_late_is_built_and_changes_nothing_else() {
    let stage = Stage::new().await;
    stage.told("2", ('a', 'b'), 100).await;
    stage.run_all("").await;
    stage.news().await;
    stage.told("1", ('0', 'a'), 1).await;
    assert_eq!(stage.latest().await, 'b');
    stage.run_all("a").await;
    assert_eq!((stage.latest().await, badge(&stage).await), ('b', Some(Status::Success)));
    let is_news = |subject: &Subject| matches!(subject, Subject::News(_));
    assert!(!stage.news().await.iter().any(is_news), "nobody waits for it");
    stage.told("3", ('b', 'c'), 200).await;
    stage.run_all("").await;
    assert!(!stage.news().await.iter().any(is_news), "the one before was well");
}

#[tokio::test]
async fn the_forge_settles_what_the_pushes_leave_open() {
    let stage = Stage::new().await;
    let Enqueued::Job(_, first) = stage.told("1", ('b', 'a'), 1).await else { panic!("a job") };
    let (store, project) = (&stage.store, stage.project);
    assert_eq!(store.queue().doubt(project, &main()).await.unwrap(), None);
    stage.told("2", ('a', 'b'), 1).await;
    let last = store.queue().doubt(project, &main()).await.unwrap().unwrap();
    let latest = stage.latest().await;
    let other = if latest == 'a' { 'b' } else { 'a' };
    let sha = other.to_string().repeat(40).parse::<Sha>().unwrap();
    store.queue().note_seen(project, seen(&main(), Some(&sha), last - 1), NOW).await.unwrap();
    assert_eq!(stage.latest().await, latest, "more became known meanwhile");
    store.queue().note_seen(project, seen(&main(), Some(&sha), last), NOW).await.unwrap();
    assert_eq!((stage.latest().await, store.queue().doubt(project, &main()).await.unwrap()), (other, None));
    stage.run_all("").await;
    assert_eq!(badge(&stage).await, Some(Status::Success));
    let status = store.builds().job_by_id(first).await.unwrap().unwrap().status;
    assert_eq!(status == Status::Success, other == 'a', "the other one was canceled");
}

#[tokio::test]
async fn what_a_commit_came_to_elsewhere_counts_until_the_branch_is_gone() {
    let stage = Stage::new().await;
    stage.told("1", ('0', 'a'), 1).await;
    stage.push_to("other", 'a').await;
    let sha = 'a'.to_string().repeat(40).parse::<Sha>().unwrap();
    let refs = async || {
        let builds = stage.store.builds().builds_of_commit(stage.project, &sha).await.unwrap();
        builds.into_iter().map(|build| build.git_ref.label()).collect::<Vec<_>>()
    };
    assert_eq!(refs().await, ["other", "main"]);
    stage.news().await;
    stage.gone("2", 'a', 10).await;
    assert_eq!(refs().await, ["other"]);
    let is_status = |subject: &Subject| matches!(subject, Subject::CommitStatus(_));
    assert!(stage.news().await.iter().any(is_status), "the forge is told anew");
    stage.told("3", ('0', 'a'), 20).await;
    assert_eq!(refs().await.len(), 2);
}

#[tokio::test]
async fn a_branch_that_the_forge_does_not_know_is_gone_if_a_deletion_was_told_of() {
    let stage = Stage::new().await;
    let (store, project) = (&stage.store, stage.project);
    stage.push_to("other", 'a').await;
    stage.told("1", ('0', 'a'), 1).await;
    let is_on_main = async || {
        let sha = 'a'.to_string().repeat(40).parse::<Sha>().unwrap();
        let builds = store.builds().builds_of_commit(project, &sha).await.unwrap();
        builds.iter().any(|build| build.git_ref == main())
    };
    let look = async || {
        let last = store.queue().last_move(project, &main()).await.unwrap().unwrap();
        store.queue().note_seen(project, seen(&main(), None, last), NOW).await.unwrap();
    };
    look().await;
    assert!(is_on_main().await, "the repository may be hidden");
    stage.told("3", ('0', 'a'), 2).await;
    stage.gone("2", 'a', 2).await;
    assert!(is_on_main().await && store.queue().doubt(project, &main()).await.unwrap().is_some());
    look().await;
    assert!(!is_on_main().await && store.queue().doubt(project, &main()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_branch_counts_beside_its_commit_however_many_others_came_and_went_since() {
    let stage = Stage::new().await;
    stage.told("1", ('0', 'a'), 1).await;
    for number in 0..51 {
        let branch = format!("b{number}");
        stage.push_to(&branch, 'a').await;
        stage.gone_on(&branch, &format!("gone-{number}"), ('a', 2_000)).await;
    }
    let sha = 'a'.to_string().repeat(40).parse::<Sha>().unwrap();
    let builds = stage.store.builds().builds_of_commit(stage.project, &sha).await.unwrap();
    assert_eq!(builds.into_iter().map(|build| build.git_ref).collect::<Vec<_>>(), [main()]);
}

/// Tests of SQLite's query plans.
mod on_sqlite {
    use super::*;

    #[tokio::test]
    async fn a_push_reads_no_builds_of_its_ref_but_those_that_it_is_about() {
        let stage = Stage::new().await;
        let query = builds::marked(ProjectId(1), MAIN, true).limit(1).build(DbBackend::Sqlite);
        let plan = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {query}"));
        let plan = stage.store.db.reader.query_all_raw(plan).await.unwrap();
        let steps =
            plan.into_iter().map(|row| row.try_get::<String>("", "detail").unwrap()).collect::<Vec<_>>();
        assert!(steps.len() == 1 && steps[0].contains("ref_is_gone=?"), "{steps:?}");
    }
}
