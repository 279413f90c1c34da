//! Tests of claims that are repeated, and of jobs that are given back, also while others do the same. Each test passes on
//! every database.

use super::{
    races::{claimed_build, push},
    *,
};
use kozmic_model::{label::Labels, placement::WaitingJob, runner::ClaimKey};
use std::{collections::HashSet, sync::Arc};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_claim_that_is_repeated_with_its_key_gives_the_same_job_while_the_runner_holds_it() {
    let stage = Stage::new().await;
    let (queue, key) = (stage.store.queue(), ClaimKey::of([7; 16]));
    let lease = Lease { key: Some(&key), ..HERE };
    let claim = async |lease| queue.claim_job(Lane::Containers, lease, Among::All, NOW).await.unwrap();
    assert!(claim(lease).await.is_none());
    let first = stage.push_at('a', None).await;
    let second = stage.labeled(7, "gpu").await;
    for _ in 0..3 {
        let claimed = claim(lease).await.unwrap();
        assert_eq!((claimed.job.id, claimed.job.attempt, claimed.build.status), (first, 1, Status::Pending));
    }
    let chosen = Among::Job(second);
    let again = queue.claim_job(Lane::Containers, lease, chosen, NOW).await.unwrap().unwrap();
    assert_eq!(again.job.id, first);
    assert!(claim(Lease { runner: "there", ..lease }).await.is_none(), "the key is another runner's");
    let other = queue.claim_job(Lane::Containers, HERE, chosen, NOW).await.unwrap().unwrap();
    assert_eq!(other.job.id, second);
    assert!(queue.claim_job(Lane::Containers, HERE, chosen, NOW).await.unwrap().is_none());
    queue.finish_job(again.job.attempt(), &Outcome::Returned(0), NOW).await.unwrap().unwrap();
    assert!(claim(lease).await.is_none(), "the job has ended");
}

/// A key of a runner's claim in a test.
fn key(runner: u32, claim: u32) -> ClaimKey {
    let numbers = [runner, claim, 0, 0].map(u32::to_be_bytes).concat();
    ClaimKey::of(numbers.try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_claimers_that_have_labels_claim_each_of_200_jobs_once() {
    let stage = Arc::new(Stage::new().await);
    for number in 0..200 {
        stage.labeled(number, ["big", "gpu"][number as usize % 2]).await;
    }
    let mut claimers = JoinSet::new();
    for number in 0..8 {
        let store = stage.store.clone();
        claimers.spawn(async move {
            let (runner, mut claimed) = (format!("runner-{number}"), Vec::new());
            let own = ["big", "gpu"][number as usize % 2].parse::<Labels>().unwrap();
            let is_own = |job: &WaitingJob| job.class.labels == own;
            for claim in 0.. {
                let waiting = store.queue().waiting(JobId(0), 200).await.unwrap();
                let Some(chosen) = waiting.into_iter().find(is_own) else { break };
                let key = key(number, claim);
                let lease = Lease { runner: &runner, until: LATER, key: Some(&key) };
                let among = Among::Job(chosen.id);
                let one = store.queue().claim_job(Lane::Containers, lease, among, NOW).await.unwrap();
                claimed.extend(one.map(|one| (one.job.id, one.job.spec.labels == own, one.job.attempt)));
            }
            claimed
        });
    }
    let claimed = claimers.join_all().await.concat();
    assert_eq!((claimed.len(), claimed.iter().collect::<HashSet<_>>().len()), (200, 200));
    assert!(claimed.iter().all(|(_, has_labels, attempt)| *has_labels && *attempt == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_repeated_at_once_while_others_claim_gives_one_job() {
    let stage = Arc::new(Stage::new().await);
    // More jobs than claims: a claim that finds no free job does not wait for the one before it.
    for number in 0..50 {
        push(&stage, number).await;
    }
    let mut claimers = JoinSet::new();
    for number in 0..4 {
        let store = stage.store.clone();
        claimers.spawn(async move {
            let (runner, mut claimed) = (format!("runner-{number}"), Vec::new());
            for claim in 0..10 {
                let key = key(number, claim);
                let lease = Lease { runner: &runner, until: LATER, key: Some(&key) };
                let claim = || store.queue().claim_job(Lane::Containers, lease, Among::All, NOW);
                let (one, other) = tokio::join!(claim(), claim());
                let [one, other] = [one, other].map(|claimed| claimed.unwrap().map(|one| one.job.attempt()));
                assert_eq!(one, other);
                claimed.extend(one);
            }
            claimed
        });
    }
    let claimed = claimers.join_all().await.concat();
    assert_eq!((claimed.len(), claimed.into_iter().collect::<HashSet<_>>().len()), (40, 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_given_back_and_canceled_at_once_is_canceled() {
    for _ in 0..10 {
        let stage = Stage::new().await;
        stage.push('a').await;
        let job = stage.claim().await.job;
        let (one, other, attempt) = (stage.store.clone(), stage.store.clone(), job.attempt());
        let give_back = tokio::spawn(async move { one.queue().give_back(attempt, NOW).await.unwrap() });
        let cancel = tokio::spawn(async move {
            other.queue().request_cancel(attempt.job, "Enough.", None, NOW).await.unwrap()
        });
        let (is_given_back, ()) = (give_back.await.unwrap(), cancel.await.unwrap());
        let canceled = stage.store.builds().job_by_id(job.id).await.unwrap().unwrap();
        assert!(is_given_back);
        assert_eq!((canceled.status, canceled.reason.as_deref()), (Status::Canceled, Some("Enough.")));
        let build = stage.store.builds().build_by_id(job.build).await.unwrap().unwrap();
        assert_eq!(build.status, Status::Canceled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_begins_while_its_job_is_given_back_begins_or_the_job_waits() {
    for _ in 0..10 {
        let stage = Stage::new().await;
        stage.push('a').await;
        let job = stage.claim().await.job;
        let (one, other, attempt) = (stage.store.clone(), stage.store.clone(), job.attempt());
        let give_back = tokio::spawn(async move { one.queue().give_back(attempt, NOW).await.unwrap() });
        let begin =
            tokio::spawn(async move { other.queue().note_container(attempt, "c", None, &[]).await.unwrap() });
        let (is_given_back, has_begun) = (give_back.await.unwrap(), begin.await.unwrap());
        assert_ne!(is_given_back, has_begun);
        let job = stage.store.builds().job_by_id(job.id).await.unwrap().unwrap();
        let status = if has_begun { Status::Pending } else { Status::Enqueued };
        assert_eq!((job.status, job.container.is_some()), (status, has_begun));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_end_while_they_are_taken_up_again_have_ended() {
    for _ in 0..5 {
        let stage = Stage::new().await;
        let jobs = claimed_build(&stage, 4).await;
        let build = jobs[0].build;
        let store = stage.store.clone();
        let held =
            tokio::spawn(
                async move { store.queue().held_jobs(Lane::Containers, "here", NOW).await.unwrap() },
            );
        for job in jobs {
            let end = stage.store.queue().finish_job(job.attempt(), &Outcome::Returned(0), NOW).await;
            assert!(end.unwrap().is_some());
        }
        assert!(held.await.unwrap().len() <= 4);
        let build = stage.store.builds().build_by_id(build).await.unwrap().unwrap();
        assert_eq!((build.status, build.finished_at), (Status::Success, Some(NOW)));
    }
}
