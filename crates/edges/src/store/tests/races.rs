//! Tests of races: several tasks do the same at once. Each test passes on every database.

use super::*;
use crate::store::Recipient;
use kozmic_model::{
    ids::MailId,
    mail::{MailKind, MailTurn},
    names::{NameOwner, Wish},
};
use sea_orm::EntityTrait;
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};
use tokio::{
    sync::{Barrier, Notify},
    task::JoinSet,
};

/// Enqueues a commit on a branch of its own; gives the number of its build.
pub(super) async fn push(stage: &Stage, number: u32) -> i64 {
    let sha = format!("{number:040x}").parse::<Sha>().unwrap();
    let git_ref = GitRef::Branch(format!("b{number}"));
    let change = Change { git_ref, after: sha.clone(), sha, ..change('a') };
    let Enqueued::Job(build, _) = stage.enqueue(change).await else { panic!("a job") };
    build.number
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_pushes_at_once_are_numbered_without_a_gap() {
    let stage = Arc::new(Stage::new().await);
    let mut pushes = JoinSet::new();
    for number in 0..8 {
        let stage = Arc::clone(&stage);
        pushes.spawn(async move { push(&stage, number).await });
    }
    let numbers = pushes.join_all().await.into_iter().collect::<BTreeSet<_>>();
    assert_eq!(numbers, (1..=8).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_claimers_claim_each_of_200_jobs_once() {
    let stage = Arc::new(Stage::new().await);
    for number in 0..200 {
        push(&stage, number).await;
    }
    let mut claimers = JoinSet::new();
    for number in 0..8 {
        let store = stage.store.clone();
        claimers.spawn(async move {
            let (runner, mut claimed) = (format!("runner-{number}"), Vec::new());
            let lease = Lease { runner: &runner, until: LATER, key: None };
            while let Some(one) =
                store.queue().claim_job(Lane::Containers, lease, Among::All, NOW).await.unwrap()
            {
                assert_eq!((one.job.attempt, one.build.status), (1, Status::Pending));
                claimed.push(one.job.id);
            }
            claimed
        });
    }
    let claimed = claimers.join_all().await.concat();
    assert_eq!((claimed.len(), claimed.into_iter().collect::<HashSet<_>>().len()), (200, 200));
}

/// Plans a build with this number of jobs, and claims all of them.
pub(super) async fn claimed_build(stage: &Stage, jobs: usize) -> Vec<kozmic_model::job::Job> {
    let scripts = (0..jobs).map(|number| format!("{number}.sh")).collect::<Vec<_>>();
    let scripts = scripts.iter().map(String::as_str).collect::<Vec<_>>();
    stage.plan_heard(stage.project, ('a', NOW), &scripts, NOW).await;
    let mut claimed = Vec::new();
    while let Some(one) =
        stage.store.queue().claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap()
    {
        claimed.push(one.job);
    }
    assert_eq!(claimed.len(), jobs);
    claimed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_jobs_end_together_has_ended() {
    let stage = Stage::new().await;
    let jobs = claimed_build(&stage, 8).await;
    let build = jobs[0].build;
    let mut ends = JoinSet::new();
    for job in jobs {
        let store = stage.store.clone();
        ends.spawn(async move {
            store.queue().finish_job(job.attempt(), &Outcome::Returned(0), NOW).await.unwrap().unwrap()
        });
    }
    ends.join_all().await;
    let build = stage.store.builds().build_by_id(build).await.unwrap().unwrap();
    assert_eq!((build.status, build.finished_at), (Status::Success, Some(NOW)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_claimed_and_canceled_at_once_is_canceled_by_its_runner_or_never_begins() {
    for _ in 0..10 {
        let stage = Stage::new().await;
        let Enqueued::Job(_, id) = stage.push('a').await else { panic!("a job") };
        let (one, other) = (stage.store.clone(), stage.store.clone());
        let claim = tokio::spawn(async move {
            one.queue().claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap()
        });
        let cancel =
            tokio::spawn(
                async move { other.queue().request_cancel(id, "Enough.", None, NOW).await.unwrap() },
            );
        let (claimed, ()) = (claim.await.unwrap(), cancel.await.unwrap());
        let job = stage.store.builds().job_by_id(id).await.unwrap().unwrap();
        match claimed {
            Some(_) => assert_eq!((job.status, job.cancel_requested), (Status::Pending, true)),
            None => assert_eq!((job.status, job.attempt), (Status::Canceled, 1)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_delivery_that_comes_eight_times_at_once_is_new_once() {
    let stage = Arc::new(Stage::new().await);
    let mut deliveries = JoinSet::new();
    for _ in 0..8 {
        let stage = Arc::clone(&stage);
        deliveries.spawn(async move { stage.deliver("one").await });
    }
    let stored = deliveries.join_all().await;
    assert_eq!(stored.iter().filter(|stored| **stored == Stored::New).count(), 1);
}

#[tokio::test]
async fn a_delivery_that_was_handled_and_comes_again_stays_handled() {
    let stage = Stage::new().await;
    stage.push('a').await;
    let uuid = format!("refs/heads/main-{}", "a".repeat(40));
    assert_eq!(stage.deliver(&uuid).await, Stored::Duplicate);
    assert!(stage.store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_wait_for_their_turn_leave_connections_to_others() {
    const CHANGES: usize = 32;
    let stage = Stage::new().await;
    let (begun, end, asked) =
        (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Barrier::new(CHANGES + 1)));
    let mut changes = JoinSet::new();
    let (db, told, ended) = (stage.store.db.clone(), Arc::clone(&begun), Arc::clone(&end));
    changes.spawn(async move {
        let long = |_| async {
            told.notify_one();
            ended.notified().await;
            Ok(())
        };
        db.change("a long change", long).await.unwrap();
    });
    begun.notified().await;
    for _ in 0..CHANGES {
        let (db, asked) = (stage.store.db.clone(), Arc::clone(&asked));
        changes.spawn(async move {
            asked.wait().await;
            db.change("nothing", |_| async { Ok(()) }).await.unwrap();
        });
    }
    asked.wait().await;
    for _ in 0..200 {
        stage.store.ping().await.unwrap();
    }
    end.notify_one();
    changes.join_all().await;
}

/// Does the same eight times at once, each time through a database that was opened anew, as another process does it.
async fn at_once<T, Work>(stage: &Stage, work: impl Fn(usize, Store) -> Work) -> Vec<T>
where
    T: Send + 'static,
    Work: Future<Output = T> + Send + 'static,
{
    let (mut tasks, barrier) = (JoinSet::new(), Arc::new(Barrier::new(8)));
    for number in 0..8 {
        let barrier = Arc::clone(&barrier);
        let work = work(number, Store::open(&stage.url, &KEY.into()).await.unwrap());
        tasks.spawn(async move {
            barrier.wait().await;
            work.await
        });
    }
    tasks.join_all().await
}

/// A request of a branch for the name `plain`.
fn wish(branch: usize) -> Wish {
    let owner = NameOwner::recipe("anna/hello", &GitRef::Branch(branch.to_string()));
    Wish { owner, plain: "plain".into(), suffixed: format!("plain..{branch}"), is_certain: true }
}

async fn named(store: Store, wish: Wish) -> String {
    store.artifacts().give_name("binary", &wish).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_asks_for_a_name_eight_times_at_once_gets_one() {
    let stage = Stage::new().await;
    let names = at_once(&stage, |_, store| named(store, wish(0))).await;
    assert_eq!(names, vec!["plain"; 8]);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_owners_that_ask_for_one_name_at_once_get_different_ones() {
    let stage = Stage::new().await;
    let names = at_once(&stage, |number, store| named(store, wish(number))).await;
    let names = names.into_iter().collect::<HashSet<_>>();
    assert!(names.len() == 8 && names.contains("plain"), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_mails_to_one_person_at_once_are_counted_one_by_one() {
    let stage = Stage::new().await;
    stage.push('a').await;
    stage.run(1).await;
    let outbox = stage.store.outbox();
    let news = outbox.next_outgoing(OutboxLane::News).await.unwrap().unwrap();
    let Subject::News(build) = news.subject else { panic!("news") };
    let build = outbox.news(build).await.unwrap().unwrap();
    outbox.spread_news(news, &build, &[Recipient::Member(stage.user); 8], NOW).await.unwrap();
    let mails = rows::mail::Entity::find().all(&stage.store.db.reader).await.unwrap();
    let turns = at_once(&stage, |number, store| {
        let mail = MailId(mails[number].id);
        async move { store.outbox().take_mail_turn(mail, MailKind::Build, 100, NOW).await.unwrap() }
    });
    let count = |turn| match turn {
        MailTurn::Granted(count) => count.mails,
        MailTurn::TooMany { .. } => 0,
    };
    assert_eq!(turns.await.into_iter().map(count).collect::<BTreeSet<_>>(), (1..=8).collect());
}
