//! A claim whose answer was lost is repeated, so that its job does not wait for a runner that does not know of it.

use super::stage::Stage;
use kozmic_model::job::{Attempt, Outcome};

fn claims(stage: &Stage) -> usize {
    stage.ledger.notes().calls.iter().filter(|call| **call == "claim").count()
}

#[test]
fn a_job_begins_though_the_answer_to_its_claim_was_lost_twice() {
    let stage = Stage::new();
    stage.ledger.notes().lost_claims = 2;
    stage.give(1, "echo out one");
    assert_eq!(stage.run(1), Outcome::Returned(0));
    assert_eq!(stage.printed(1), ["out one"]);
    let notes = stage.ledger.notes();
    assert!(notes.troubles.contains(&"The answer was lost.".to_owned()), "{:?}", notes.troubles);
    assert!(notes.given_back.is_empty());
    drop(notes);
    assert!(claims(&stage) >= 3);
}

#[test]
fn each_claim_that_gave_an_order_has_a_key_of_its_own() {
    let stage = Stage::new();
    stage.ledger.notes().lost_claims = 1;
    (1..=3).for_each(|job| stage.give(job, "exit 0"));
    stage.live(async {
        for job in 1..=3 {
            assert_eq!(stage.over(job).await, Outcome::Returned(0));
        }
    });
}

#[test]
fn a_job_whose_claim_was_lost_is_given_back_if_the_engine_is_away_by_then() {
    let stage = Stage::new();
    stage.ledger.notes().lost_claims = 1;
    stage.give(1, "echo out one");
    let (given_back, outcome) = stage.live(async {
        stage.ledger.when(|notes| (notes.lost_claims == 0).then_some(())).await;
        stage.engine.go_away();
        let given_back = stage.ledger.when(|notes| notes.given_back.first().copied()).await;
        stage.engine.come_back();
        (given_back, stage.over(1).await)
    });
    assert_eq!((given_back.job.0, given_back.number, outcome), (1, 1, Outcome::Returned(0)));
    let next = Attempt { number: 2, ..given_back };
    assert_eq!(stage.ledger.notes().ended, [(next, Outcome::Returned(0))]);
}
