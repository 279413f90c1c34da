//! Tests of install scripts: they run once, are kept as images, and are used again.

use super::{
    ledger::Notes,
    stage::{IMAGE, Stage, installing},
};
use kozmic_model::job::Outcome;
use kozmic_scripted::{At, Fault, Sample, Verb};
use std::time::Duration;

#[test]
fn an_install_script_runs_once_for_the_same_files_and_its_image_is_used() {
    let stage = Stage::new();
    let spec = installing(Some("echo out installed\ntouch /opt/tool"), "cat /opt/tool\necho out built");
    stage.ledger.give(stage.order(1, spec.clone()));
    assert_eq!(stage.run(1), Outcome::Returned(0));
    assert_eq!(stage.printed(1), ["out installed", "out built"]);
    stage.ledger.give(stage.order(2, spec));
    assert_eq!(stage.run(2), Outcome::Returned(0));
    assert_eq!(stage.printed(2), ["out built"]);
    assert!(stage.log(2).contains("Skipping install script"), "{}", stage.log(2));
    assert_eq!(stage.ledger.notes().images.len(), 1);
}

#[test]
fn an_image_that_somebody_removed_is_made_again() {
    let stage = Stage::new();
    let spec = installing(Some("echo out installed"), "echo out built");
    stage.ledger.give(stage.order(1, spec.clone()));
    assert_eq!(stage.run(1), Outcome::Returned(0));
    let cached = stage.engine.image_names().into_iter().find(|name| name.starts_with("kozmic-cache/"));
    stage.remove_image(&cached.expect("it was kept"));
    stage.ledger.give(stage.order(2, spec));
    assert_eq!(stage.run(2), Outcome::Returned(0));
    assert_eq!(stage.printed(2), ["out installed", "out built"]);
    assert!(stage.log(2).contains("nothing changed, but no image is kept"), "{}", stage.log(2));
}

#[test]
fn an_image_that_the_coordinator_does_not_know_any_more_is_made_anew() {
    let stage = Stage::new();
    let spec = installing(Some("echo out installed"), "echo out built");
    stage.ledger.give(stage.order(1, spec.clone()));
    assert_eq!(stage.run(1), Outcome::Returned(0));
    let before = stage.cached_image().expect("it was kept");
    stage.ledger.notes().images.clear();
    stage.ledger.give(stage.order(2, spec.clone()));
    assert_eq!(stage.run(2), Outcome::Returned(0));
    assert_eq!(stage.printed(2), ["out installed", "out built"]);
    let anew = stage.cached_image().expect("it was kept again");
    assert_ne!(anew, before, "the former image was kept");
    stage.ledger.give(stage.order(3, spec));
    assert_eq!(stage.run(3), Outcome::Returned(0));
    assert_eq!(stage.printed(3), ["out built"]);
    assert_eq!(stage.cached_image(), Some(anew));
}

#[test]
fn another_base_image_is_a_reason_to_install_anew_and_the_log_names_it() {
    let stage = Stage::new();
    let spec = installing(Some("echo out installed"), "echo out built");
    stage.ledger.give(stage.order(1, spec.clone()));
    assert_eq!(stage.run(1), Outcome::Returned(0));
    stage.engine.add_image(&IMAGE.parse().unwrap(), Sample::debian().with_file("/new", b"1"));
    stage.ledger.give(stage.order(2, spec));
    assert_eq!(stage.run(2), Outcome::Returned(0));
    assert_eq!(stage.printed(2), ["out installed", "out built"]);
    let log = stage.log(2);
    assert!(log.contains("Running the install script: the base image changed"), "{log}");
}

#[test]
fn a_container_that_cannot_be_removed_yet_holds_up_no_job() {
    let stage = Stage::new();
    let refusal = Fault::Refused { status: 500, message: "device or resource busy".to_owned() };
    stage.engine.fail(At::Next(Verb::Remove), refusal);
    stage.ledger.give(stage.order(1, installing(Some("echo out installed"), "echo out built")));
    assert_eq!(stage.run(1), Outcome::Returned(0));
    assert_eq!(stage.printed(1), ["out installed", "out built"]);
    assert_eq!(stage.engine.faults_left(), 0);
}

#[test]
fn the_right_to_make_an_image_outlives_an_engine_that_goes_away() {
    let stage = Stage::new();
    let script = "echo out installed\n# engine: away\nwhile [ ! -e /tmp/go ]; do sleep 0.01; done";
    let spec = installing(Some(script), "echo out built");
    stage.ledger.give(stage.order(1, spec.clone()));
    stage.live(async {
        let begun = |notes: &Notes| notes.calls.contains(&"begin_script").then_some(());
        stage.ledger.when(begun).await;
        let container = stage.engine.container_ids()[0].clone();
        stage.ledger.give(stage.order(2, spec));
        tokio::time::sleep(Duration::from_secs(60)).await;
        stage.engine.come_back();
        while !stage.log_now(2).await.contains("Waiting: another job") {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        stage.engine.put_file(&container, "/tmp/go", b"");
        stage.over(1).await;
        stage.over(2).await;
    });
    assert_eq!(stage.printed(2), ["out built"], "{}", stage.log(2));
}

#[test]
fn an_install_script_that_fails_ends_the_job_and_keeps_nothing() {
    let stage = Stage::new();
    stage.ledger.give(stage.order(1, installing(Some("echo out installed\nexit 7"), "echo out built")));
    assert_eq!(stage.run(1), Outcome::NotInstalled(7));
    assert_eq!(stage.printed(1), ["out installed"]);
    assert!(stage.ledger.notes().images.is_empty());
    assert!(stage.engine.container_ids().is_empty());
}
