//! Tests of base images, and of jobs that may not use them.

use super::{
    programs::recipe,
    stage::{IMAGE, Stage, hook, in_image},
};
use crate::order::Order;
use kozmic_edges::engine::RegistryLogin;
use kozmic_model::{
    ids::ProjectId,
    install::PullPolicy,
    job::Outcome,
    spec::{Base, JobSpec, Task},
};
use kozmic_scripted::{At, Sample, Side, Verb};

/// An image in a registry that requires a login.
const PRIVATE: &str = "127.0.0.1:5000/team/private:1";
const REPOSITORY: &str = "127.0.0.1:5000/team/private";

fn newer(mut spec: JobSpec) -> JobSpec {
    if let Task::Hook(task) = &mut spec.task {
        task.pull = PullPolicy::Newer;
    }
    spec
}

fn broken(outcome: Outcome) -> String {
    match outcome {
        Outcome::Broken(why) => why,
        other => panic!("{other:?}"),
    }
}

fn login() -> RegistryLogin {
    let registry = "127.0.0.1:5000".to_owned();
    RegistryLogin { registry, username: "bot".to_owned(), password: "secret".into() }
}

#[test]
fn what_another_projects_login_brought_has_to_be_given_by_its_registry() {
    let stage = Stage::new();
    stage.engine.offer_to(&PRIVATE.parse().unwrap(), "bot", "secret", Sample::debian());
    stage.pull(PRIVATE, &login());
    stage.ledger.notes().pulls.insert((REPOSITORY.to_owned(), ProjectId(2)), Some(true));
    let give = |job, login, spec: JobSpec| {
        let order = stage.order(job, in_image(PRIVATE, spec));
        stage.ledger.give(Order { login: Ok(login), ..order });
    };
    for (job, spec) in [(1, hook("echo out of it")), (2, newer(hook("echo out of it")))] {
        give(job, None, spec);
        let why = broken(stage.run(job));
        assert!(why.contains("denied"), "{why}");
        let log = stage.log(job);
        assert!(log.contains("a login brought") && !log.contains("out of it\n"), "{log}");
    }
    assert_eq!(stage.ledger.notes().pulls.len(), 1);
    for (job, login) in [(3, Some(login())), (4, None)] {
        give(job, login, hook("echo out of it"));
        assert_eq!(stage.run(job), Outcome::Returned(0), "{job}");
        assert_eq!(stage.log(job).contains("its registry is asked"), job == 3);
    }
}

#[test]
fn a_pull_with_a_login_is_noted_before_it_begins() {
    let stage = Stage::new();
    stage.engine.offer_to(&PRIVATE.parse().unwrap(), "bot", "secret", Sample::debian());
    let held = stage.engine.hold(At::Next(Verb::Pull), Side::Question);
    let order = stage.order(1, in_image(PRIVATE, hook("true")));
    stage.ledger.give(Order { login: Ok(Some(login())), ..order });
    let key = (REPOSITORY.to_owned(), ProjectId(1));
    stage.live(async {
        held.arrived().await;
        assert_eq!(stage.ledger.notes().pulls.get(&key), Some(&None));
        held.release();
        stage.over(1).await
    });
    assert_eq!(stage.ledger.notes().pulls.get(&key), Some(&Some(true)));
}

#[test]
fn an_image_that_nobody_pulled_is_everybodys() {
    let stage = Stage::new();
    stage.ledger.notes().pulls.insert(("debian".to_owned(), ProjectId(2)), Some(true));
    stage.give(1, "true");
    assert_eq!(stage.run(1), Outcome::Returned(0));
    assert!(!stage.engine.calls().contains(&Verb::Pull));
}

#[test]
fn what_kozmic_made_is_no_base_under_any_name() {
    let stage = Stage::new();
    for (job, image) in [(1, "kozmic-cache/0123:1"), (2, "docker.io/kozmic-cache/0123:1")] {
        stage.ledger.give(stage.order(job, in_image(image, hook("true"))));
        let why = broken(stage.run(job));
        assert!(why.contains("a name of Kozmic's own"), "{why}");
    }
    stage.ledger.give(stage.order(3, recipe("thing")));
    assert_eq!(stage.run(3), Outcome::Returned(0));
    stage.ledger.give(stage.order(4, in_image("hello:main", hook("true"))));
    let why = broken(stage.run(4));
    assert!(why.contains("is what a kernel build left"), "{why}");
}

#[test]
fn a_local_image_is_not_looked_for_under_a_strangers_name() {
    let stage = Stage::new();
    let own = "team/base:1".parse().unwrap();
    stage.engine.add_image(&own, Sample::debian().with_file("/whose", b"ours\n"));
    stage.engine.offer(&own, Sample::debian().with_file("/whose", b"a stranger's\n"));
    for (job, name) in [(1, "team/base:1"), (3, "index.docker.io/team/base:1")] {
        stage.ledger.give(stage.order(job, in_image(name, newer(hook("cat /whose")))));
        assert_eq!(stage.run(job), Outcome::Returned(0));
        let log = stage.log(job);
        assert!(log.contains("ours") && log.contains("was not pulled from Docker Hub"), "{log}");
    }
    // An official image has one owner only.
    stage.engine.offer(&IMAGE.parse().unwrap(), Sample::debian().with_file("/whose", b"newer\n"));
    stage.ledger.give(stage.order(2, newer(hook("cat /whose"))));
    assert_eq!(stage.run(2), Outcome::Returned(0));
    let log = stage.log(2);
    assert!(log.contains("newer\n") && log.contains("debian:bookworm, newer"), "{log}");
    stage.ledger.give(stage.order(4, newer(hook("cat /whose"))));
    assert_eq!(stage.run(4), Outcome::Returned(0));
    assert!(stage.log(4).contains("debian:bookworm, as it was"), "{}", stage.log(4));
}

#[test]
fn the_engine_is_not_sent_into_the_servers_own_network() {
    let stage = Stage::new();
    for (job, image) in
        [(1, "127.0.0.1:22/x"), (2, "localhost:22/x"), (3, "169.254.169.254/latest:meta-data")]
    {
        stage.ledger.give(stage.order(job, in_image(image, hook("true"))));
        let why = broken(stage.run(job));
        assert!(why.contains("docker_private_registries"), "{why}");
    }
    assert!(!stage.engine.calls().contains(&Verb::Pull), "{:?}", stage.engine.calls());
}

/// A kernel's job that starts from the image of a branch.
fn dependent() -> JobSpec {
    let mut spec = recipe("thing");
    if let Task::Program(program) = &mut spec.task {
        (program.base, program.image) = (Base::LongestPrefix, "anna/base:main".parse().unwrap());
        program.product.keep = None;
    }
    spec
}

#[test]
fn a_kernel_starts_from_what_a_build_left_and_not_from_what_has_its_name() {
    let stage = Stage::new();
    let name = "anna/base:main".parse().unwrap();
    stage.ledger.give(stage.order(1, dependent()));
    let why = broken(stage.run(1));
    assert!(why.contains("No base image found for branch: main"), "{why}");
    let there = stage.engine.add_image(&name, Sample::debian());
    stage.ledger.give(stage.order(2, dependent()));
    assert_eq!(stage.run(2), Outcome::Returned(0), "it stood there before Kozmic");
    stage.ledger.notes().kept.insert(name.to_string(), there.id);
    stage.ledger.give(stage.order(3, dependent()));
    assert_eq!(stage.run(3), Outcome::Returned(0));
    stage.engine.add_image(&name, Sample::debian());
    stage.ledger.give(stage.order(4, dependent()));
    let why = broken(stage.run(4));
    assert!(why.contains("is not the image that a build of its branch left"), "{why}");
}

#[test]
fn a_kernel_does_not_start_from_a_strangers_image() {
    let stage = Stage::new();
    let name = "anna/base:main".parse().unwrap();
    stage.engine.offer(&name, Sample::debian());
    stage.ledger.give(stage.order(1, in_image("anna/base:main", hook("true"))));
    assert_eq!(stage.run(1), Outcome::Returned(0));
    stage.ledger.give(stage.order(2, dependent()));
    let why = broken(stage.run(2));
    assert!(why.contains("was pulled from a registry"), "{why}");
}

#[test]
fn an_official_image_is_everybodys_whoever_pulls_it() {
    let stage = Stage::new();
    stage.engine.offer(&"ubuntu:24.04".parse().unwrap(), Sample::debian());
    let order = stage.order(1, in_image("ubuntu:24.04", hook("true")));
    stage.ledger.give(Order { login: Ok(Some(login())), ..order });
    assert_eq!(stage.run(1), Outcome::Returned(0));
    let pulls = stage.ledger.notes().pulls.clone();
    assert_eq!(pulls.into_values().collect::<Vec<_>>(), [Some(false)]);
}

#[test]
fn an_image_of_kozmics_own_name_is_pulled_from_nowhere() {
    let stage = Stage::new();
    stage.engine.offer(&"kozmic/debian:bookworm".parse().unwrap(), Sample::debian());
    stage.ledger.give(stage.order(1, in_image("kozmic/debian:bookworm", hook("true"))));
    let why = broken(stage.run(1));
    assert!(why.contains("is pulled from nowhere: docker/base"), "{why}");
    stage.pull("kozmic/debian:bookworm", &login());
    stage.engine.forget_calls();
    stage.ledger.give(stage.order(2, newer(in_image("kozmic/debian:bookworm", hook("true")))));
    assert_eq!(stage.run(2), Outcome::Returned(0));
    assert!(!stage.engine.calls().contains(&Verb::Pull));
}
