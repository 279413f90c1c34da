//! Tests of Kozmic's lines in a job's log, and of jobs without output.

use super::{
    programs::recipe,
    stage::{IMAGE, Stage, hook, installing},
};
use crate::order::Order;
use kozmic_model::{job::Outcome, spec::Task};
use kozmic_scripted::{At, Fault, Side, Verb};

#[test]
fn a_log_tells_each_part_of_a_job_and_no_wait_that_is_none() {
    let stage = Stage::new();
    stage.ledger.give(stage.order(1, installing(Some("true"), "true")));
    assert_eq!(stage.run(1), Outcome::Returned(0));
    let log = stage.log(1);
    let sha = stage.order(1, hook("true")).sha;
    assert!(log.contains(&format!("checkout  {} of main", sha.short())), "{log}");
    assert!(log.contains("Running the install script: this hook has no image yet."), "{log}");
    assert!(!log.contains("Waiting"), "nobody else makes the image: {log}");
    let key = stage.ledger.notes().images.keys().next().unwrap().clone();
    assert!(log.contains(&format!("kept as image {}, ", &key[..12])), "{log}");
    assert!(log.contains(&format!(" in {IMAGE} as kozmic")), "{log}");
}

#[test]
fn a_log_says_that_the_attempt_before_was_interrupted_and_of_no_other() {
    for (interruptions, says) in [(0, false), (1, true), (2, true)] {
        let stage = Stage::new();
        stage.ledger.give(Order { interruptions, ..stage.order(1, hook("true")) });
        assert_eq!(stage.run(1), Outcome::Returned(0));
        let log = stage.log(1);
        assert_eq!(log.contains("Attempt 1: the one before was interrupted."), says, "{log}");
    }
}

#[test]
fn a_script_that_printed_nothing_is_not_run_twice() {
    let stage = Stage::new();
    stage.give(1, "touch /tmp/a\nexit 3");
    let held = stage.engine.hold(At::Next(Verb::Wait), Side::Question);
    stage.live(async {
        tokio::select! {
            () = held.arrived() => {}
            _ = stage.ledger.end_of(1) => panic!("somebody waits for its end"),
        }
    });
    drop(held);
    assert_eq!(stage.run(1), Outcome::Returned(3));
    let calls = stage.ledger.notes().calls.clone();
    assert_eq!(calls.iter().filter(|call| **call == "begin_script").count(), 1);
    assert!(!stage.log(1).contains("it starts now"), "{}", stage.log(1));
}

#[test]
fn a_program_that_the_commit_has_not_is_named_before_anything_is_made() {
    let stage = Stage::new();
    let mut spec = recipe("thing");
    if let Task::Program(program) = &mut spec.task {
        program.path = "/hello/absent.sh".to_owned();
    }
    stage.ledger.give(stage.order(1, spec));
    let Outcome::Broken(why) = stage.run(1) else { panic!("it is broken") };
    assert!(why.starts_with("There is no script absent.sh at "), "{why}");
    assert!(!stage.engine.calls().contains(&Verb::Create));
}

/// An engine has a fault of its own when it should create a container. If it goes away, it answers no more.
fn after_a_fault_of_the_engines_own(goes_away: bool) -> Outcome {
    let stage = Stage::new();
    stage.give(1, "true");
    let (status, message) = (500, "the daemon is shutting down".to_owned());
    stage.engine.fail(At::Next(Verb::Create), Fault::Refused { status, message });
    let held = stage.engine.hold(At::Next(Verb::Create), Side::Question);
    stage.live(async {
        held.arrived().await;
        if goes_away {
            stage.engine.fail(At::Next(Verb::Ping), Fault::Unreachable);
        }
        held.release();
        stage.over(1).await
    })
}

#[test]
fn what_an_engine_says_in_its_last_moment_ends_no_job() {
    assert_eq!(after_a_fault_of_the_engines_own(true), Outcome::Returned(0));
    let Outcome::Broken(why) = after_a_fault_of_the_engines_own(false) else { panic!("it is broken") };
    assert!(why.contains("the daemon is shutting down"), "{why}");
}

#[test]
fn a_log_tells_of_lines_that_an_engine_may_have_lost() {
    let stage = Stage::new();
    stage.give(1, "echo out one\n# engine: restart\necho out two\nexit 0");
    assert_eq!(stage.run(1), Outcome::Returned(0));
    let log = stage.log(1);
    assert!(log.contains("what the script printed around then may be missing here."), "{log}");
}
