//! The leftovers of an attempt are removed from the engine after its end, as soon as the engine can be reached.

use super::stage::Stage;
use kozmic_scripted::{At, Fault, Verb};

/// The number of containers that are left when a job is cleared away, after this fault.
fn left_after(fault: Fault) -> usize {
    let stage = Stage::new();
    stage.give(1, "true");
    // The helper container for the checkout is removed before.
    stage.engine.fail(At::Next(Verb::Remove), Fault::Lost);
    stage.engine.fail(At::Next(Verb::Remove), fault);
    let left = stage.live(async {
        stage.ledger.when(|notes| notes.calls.contains(&"cleared").then_some(())).await;
        let left = stage.engine.container_ids().len();
        stage.over(1).await;
        left
    });
    assert_eq!(stage.engine.faults_left(), 0);
    left
}

#[test]
fn an_engine_that_cannot_be_reached_is_asked_again_and_one_that_refuses_is_swept_later() {
    assert_eq!(left_after(Fault::Unreachable), 0);
    assert_eq!(left_after(Fault::Refused { status: 409, message: "it is in use".to_owned() }), 1);
}
