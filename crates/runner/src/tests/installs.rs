//! Install scripts: run once, kept as images, and used again.

use super::stage::{Stage, installing};
use kozmic_model::job::Outcome;

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
