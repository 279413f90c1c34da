//! Tests of recipes' programs and their results.

use super::stage::{IMAGE, Stage};
use kozmic_model::{
    artifact::{ArtifactName, Format, Product},
    interruption::IfInterrupted,
    job::Outcome,
    spec::{Base, JobSpec, Origin, Program, Task},
};

/// The spec of a recipe's job, whose artifact is a file of this name.
pub(super) fn recipe(path: &str) -> JobSpec {
    let product = Product {
        path: path.to_owned(),
        format: Format::Binary,
        name: ArtifactName { versioned: "thing-1".to_owned(), stable: "thing".to_owned() },
        keep: Some("hello:main".parse().unwrap()),
        is_met: false,
    };
    let program = Program {
        image: IMAGE.parse().unwrap(),
        base: Base::Named,
        source: "/hello".to_owned(),
        before: String::new(),
        path: "/hello/build.sh".to_owned(),
        arguments: Vec::new(),
        output: "/out".to_owned(),
        product,
    };
    JobSpec {
        title: "build.sh".to_owned(),
        if_interrupted: IfInterrupted::Again,
        origin: Origin::Recipe { script: "build.sh".to_owned(), tag: None },
        labels: kozmic_model::label::Labels::default(),
        task: Task::Program(program),
    }
}

#[test]
fn a_programs_artifact_is_published_and_its_container_kept() {
    let stage = Stage::new();
    stage.ledger.give(stage.order(1, recipe("thing")));
    assert_eq!(stage.run(1), Outcome::Returned(0));
    assert_eq!(stage.printed(1), ["out built"]);
    let log = stage.log(1);
    assert!(log.contains("It is on its way.") && log.contains("thing-1"), "{log}");
    assert_eq!(stage.ledger.notes().published.len(), 1);
    assert!(stage.ledger.notes().kept.contains_key("hello:main"));
}

#[test]
fn an_artifact_whose_result_is_lost_is_sent_again() {
    let stage = Stage::new();
    stage.ledger.notes().lost_results = 2;
    stage.ledger.give(stage.order(1, recipe("thing")));
    assert_eq!(stage.run(1), Outcome::Returned(0));
    assert_eq!(stage.printed(1), ["out built"], "the script runs once");
    let log = stage.log(1);
    assert_eq!(log.matches("Sending the artifact again.").count(), 2, "{log}");
    let published = stage.ledger.notes().published.clone();
    assert!(published.len() == 3 && published.iter().all(|archive| *archive == published[0]));
}

#[test]
fn a_program_that_leaves_nothing_breaks_its_job() {
    let stage = Stage::new();
    stage.ledger.give(stage.order(1, recipe("other")));
    assert_eq!(stage.run(1), Outcome::Broken("The script left no /out/other.".to_owned()));
    assert!(stage.ledger.notes().published.is_empty() && stage.ledger.notes().kept.is_empty());
}

#[test]
fn an_artifact_that_is_refused_breaks_its_job() {
    let stage = Stage::new();
    stage.ledger.notes().refusal = Some("The name is another's.".to_owned());
    stage.ledger.give(stage.order(1, recipe("thing")));
    assert_eq!(stage.run(1), Outcome::Broken("The name is another's.".to_owned()));
}

#[test]
fn a_job_that_can_come_to_nothing_begins_nothing() {
    let stage = Stage::new();
    let mut order = stage.order(1, recipe("thing"));
    order.hindrance = Some("There is no hub.".to_owned());
    stage.ledger.give(order);
    assert_eq!(stage.run(1), Outcome::Broken("There is no hub.".to_owned()));
    assert!(stage.printed(1).is_empty());
}

#[test]
fn a_kept_image_of_a_newer_push_stays() {
    let stage = Stage::new();
    for (job, has_newer) in [(1, false), (2, true), (3, false)] {
        stage.ledger.notes().has_newer = has_newer;
        let before = stage.ledger.notes().kept.clone();
        stage.ledger.give(stage.order(job, recipe("thing")));
        assert_eq!(stage.run(job), Outcome::Returned(0));
        assert_eq!(stage.ledger.notes().kept == before, has_newer, "{job}");
        assert_eq!(stage.log(job).contains("hello:main stays as it is: it is of a newer push."), has_newer);
    }
}
