//! The connection to the engine is lost at each of a job's calls: the job continues, and ends as if nothing had
//! happened.

use super::{
    programs::recipe,
    stage::{Mirror, Stage, hook, installing},
};
use kozmic_model::{job::Outcome, spec::JobSpec};
use kozmic_scripted::{At, Fault};

/// More calls than any of these jobs makes.
const MOST: usize = 200;

/// Loses the connection at each call. Returns the number of places.
fn at_each_call(spec: &JobSpec, fault: &Fault, printed: &[&str]) -> usize {
    let mirror = Mirror::new();
    for call in 0..MOST {
        let stage = Stage::with(&mirror);
        stage.ledger.give(stage.order(1, spec.clone()));
        stage.engine.fail(At::Call(call), fault.clone());
        let outcome = stage.run(1);
        assert_eq!(outcome, Outcome::Returned(0), "call {call}, {fault:?}:\n{}", stage.log(1));
        assert_eq!(stage.printed(1), printed, "call {call}, {fault:?}:\n{}", stage.log(1));
        assert_eq!(stage.ledger.notes().ended.len(), 1, "call {call}, {fault:?}");
        if stage.engine.faults_left() > 0 {
            return call;
        }
    }
    panic!("it makes more than {MOST} calls");
}

#[test]
fn a_hooks_job_outlives_a_lost_connection_at_each_call() {
    let spec = hook("echo out one\necho out two\nexit 0");
    for fault in [Fault::Unreachable, Fault::Lost, Fault::Cut] {
        assert!(at_each_call(&spec, &fault, &["out one", "out two"]) >= 8);
    }
}

#[test]
fn an_install_script_outlives_a_lost_connection_at_each_call() {
    let spec = installing(Some("echo out installed"), "echo out built");
    for fault in [Fault::Unreachable, Fault::Lost, Fault::Cut] {
        assert!(at_each_call(&spec, &fault, &["out installed", "out built"]) >= 16);
    }
}

#[test]
fn a_recipes_job_outlives_a_lost_connection_at_each_call() {
    for fault in [Fault::Unreachable, Fault::Lost, Fault::Cut] {
        assert!(at_each_call(&recipe("thing"), &fault, &["out built"]) >= 8);
    }
}
