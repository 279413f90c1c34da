//! A runner's process dies at each of its calls, before or after it. The next process takes the job to the same end, no
//! script runs twice, and no line is lost or doubled.

use super::{
    ledger::Side,
    programs::recipe,
    stage::{Mirror, Stage, hook, installing},
};
use kozmic_model::{job::Outcome, spec::JobSpec};
use kozmic_scripted::{At, Side as EngineSide};

/// More calls than any of these jobs makes.
const MOST: usize = 200;

/// Dies at each call of the port. Returns the number of places.
fn at_each_call_of_the_port(spec: &JobSpec, printed: &[&str]) -> usize {
    let mirror = Mirror::new();
    for call in 0..MOST {
        for side in [Side::Question, Side::Answer] {
            let stage = Stage::with(&mirror);
            stage.ledger.give(stage.order(1, spec.clone()));
            stage.ledger.stop_at(call, side);
            let died = stage.live(async {
                tokio::select! {
                    () = stage.ledger.stopped_there() => true,
                    _ = stage.over(1) => false,
                }
            });
            check(&stage, printed, &format!("call {call} of the port, at its {side:?}"));
            if !died {
                return call;
            }
        }
    }
    panic!("it makes more than {MOST} calls");
}

/// Dies at each call of the engine. Returns the number of places.
fn at_each_call_of_the_engine(spec: &JobSpec, printed: &[&str]) -> usize {
    let mirror = Mirror::new();
    for call in 0..MOST {
        for side in [EngineSide::Question, EngineSide::Answer] {
            let stage = Stage::with(&mirror);
            stage.ledger.give(stage.order(1, spec.clone()));
            stage.engine.forget_calls();
            let held = stage.engine.hold(At::Call(call), side);
            let died = stage.live(async {
                tokio::select! {
                    () = held.arrived() => true,
                    _ = stage.over(1) => false,
                }
            });
            drop(held);
            check(&stage, printed, &format!("call {call} of the engine, at its {side:?}"));
            if !died {
                return call;
            }
        }
    }
    panic!("it makes more than {MOST} calls");
}

/// The next process brings the job to its end.
fn check(stage: &Stage, printed: &[&str], place: &str) {
    let outcome = stage.run(1);
    assert_eq!(outcome, Outcome::Returned(0), "{place}:\n{}", stage.log(1));
    assert_eq!(stage.printed(1), printed, "{place}:\n{}", stage.log(1));
    assert!(stage.engine.container_ids().is_empty(), "{place}: a container is left");
    assert_eq!(stage.ledger.notes().ended.len(), 1, "{place}: it ended once");
}

#[test]
fn a_hooks_job_outlives_a_crash_at_each_call() {
    let spec = hook("echo out one\necho out two\nexit 0");
    assert!(at_each_call_of_the_port(&spec, &["out one", "out two"]) >= 4);
    assert!(at_each_call_of_the_engine(&spec, &["out one", "out two"]) >= 8);
}

#[test]
fn an_install_script_outlives_a_crash_at_each_call() {
    let spec = installing(Some("echo out installed"), "echo out built");
    assert!(at_each_call_of_the_port(&spec, &["out installed", "out built"]) >= 10);
    assert!(at_each_call_of_the_engine(&spec, &["out installed", "out built"]) >= 16);
}

#[test]
fn a_recipes_job_outlives_a_crash_at_each_call() {
    assert!(at_each_call_of_the_port(&recipe("thing"), &["out built"]) >= 8);
    assert!(at_each_call_of_the_engine(&recipe("thing"), &["out built"]) >= 8);
}

#[test]
fn a_job_is_taken_up_although_nobody_could_say_at_first_which_are_held() {
    let stage = Stage::new();
    stage.give(1, "echo out one");
    stage.ledger.stop_at(2, Side::Answer);
    stage.live(stage.ledger.stopped_there());
    stage.ledger.notes().silences = 2;
    check(&stage, &["out one"], "after two silences");
    assert_eq!(stage.ledger.notes().silences, 0);
}
