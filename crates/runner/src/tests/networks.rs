//! Tests of networks of single attempts: they are gone when nothing needs them, in any order of ends.

use super::stage::Stage;
use kozmic_model::{ids::JobId, job::Attempt};
use kozmic_scripted::{At, Fault, Verb};
use std::time::Duration;

fn attempt(job: i64) -> Attempt {
    Attempt { job: JobId(job), number: 1 }
}

/// Waits until the script of the job 1 has begun.
async fn runs(stage: &Stage) {
    stage.ledger.when(|notes| notes.calls.contains(&"begin_script").then_some(())).await;
}

/// Waits until only these networks are left.
async fn only(stage: &Stage, jobs: &[i64], limit: Duration) {
    let wanted = jobs.iter().map(|job| attempt(*job)).collect::<Vec<_>>();
    let left = async {
        while stage.engine.networks_of("runner") != wanted {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(limit, left).await.unwrap();
}

/// Cancels the job when it runs and has a network of its own, and waits for its end.
async fn canceled(stage: &Stage) {
    runs(stage).await;
    stage.engine.add_network("runner", attempt(1));
    stage.ledger.cancel(1, "By anna.");
    stage.over(1).await;
}

#[test]
fn an_attempts_network_goes_after_its_containers() {
    let stage = Stage::new();
    stage.give(1, "sleep infinity");
    stage.live(async {
        canceled(&stage).await;
        only(&stage, &[], Duration::from_secs(10)).await;
    });
}

#[test]
fn networks_that_a_crash_left_are_swept_up_and_those_of_jobs_stay() {
    let stage = Stage::new();
    stage.give(1, "sleep infinity");
    stage.live(runs(&stage));
    for job in [1, 7] {
        stage.engine.add_network("runner", attempt(job));
    }
    stage.engine.add_network("another", attempt(7));
    stage.live(only(&stage, &[1], Duration::from_secs(10)));
    assert_eq!(stage.engine.networks_of("another"), [attempt(7)]);
}

#[test]
fn one_that_could_not_be_removed_is_swept_up_later() {
    let stage = Stage::new();
    let refusal = Fault::Refused { status: 403, message: "it has active endpoints".to_owned() };
    stage.engine.fail(At::Next(Verb::RemoveNetwork), refusal);
    stage.give(1, "sleep infinity");
    stage.live(async {
        canceled(&stage).await;
        only(&stage, &[], Duration::from_secs(3600)).await;
    });
    assert_eq!(stage.engine.faults_left(), 0);
}

#[test]
fn no_job_is_taken_as_long_as_the_engine_lacks_what_jobs_need() {
    let stage = Stage::new();
    let refusal = || Fault::Refused { status: 400, message: "no room for a network".to_owned() };
    (0..3).for_each(|_| stage.engine.fail(At::Next(Verb::Prepare), refusal()));
    stage.give(1, "true");
    stage.live(async {
        let trouble = stage.ledger.when(|notes| notes.troubles.first().cloned()).await;
        assert!(trouble.contains("no room for a network"), "{trouble}");
        stage.over(1).await
    });
    assert_eq!(stage.engine.faults_left(), 0);
}
