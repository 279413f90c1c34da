//! All that a runner says and asks about one job, from its claim to its end.

use crate::{registry::Known, stage::order};
use kozmic_edges::{
    engine::RegistryLogin,
    logs::{Logs, Source},
};
use kozmic_model::{
    cache::CacheInputs,
    image::ImageName,
    job::Outcome,
    phase::{Phase, PhaseKind},
    runner::RunnerFacts,
    time::Timestamp,
};
use kozmic_remote::{Away, Push};
use kozmic_runner::{
    coordinator::{Beginning, Complaint, Coordinator, ImageChange, Leave, State},
    new_key,
    order::{Order, ProgramLimits},
};
use std::time::Duration;

/// Longest wait for an answer.
const LONGEST: Duration = Duration::from_secs(30);

/// Lets a runner work for a server; `known` is the server's side, if it is one of today.
pub(super) async fn deal(away: &Away, logs: &Logs, known: Option<&Known>) {
    tokio::time::timeout(LONGEST, whole(away, logs, known)).await.expect("it is answered");
}

async fn whole(away: &Away, logs: &Logs, known: Option<&Known>) {
    away.welcomed().await;
    tell(away).await;
    if let Some(known) = known {
        known.ledger.give(rich());
    }
    away.woken().await;
    let order = away.claim(&new_key()).await.unwrap().expect("a job waits");
    assert_eq!((order.attempt.job.0, order.attempt.number), (1, 1));
    ask(away, &order).await;
    let beginning = Beginning { container: "one", cache_key: Some("key"), phases: &phases() };
    assert!(away.begin_script(&order, &beginning).await.unwrap());
    let mut writer = logs.writer(order.attempt).await.unwrap();
    writer.begin_container(Timestamp(1)).await.unwrap();
    writer.append(Source::Output, "words\n".into(), Timestamp(2)).await.unwrap();
    away.log_grew(&order);
    end(away, &order, known).await;
}

/// A new state and new facts.
async fn tell(away: &Away) {
    let trouble = Some("No engine.".to_owned());
    away.note_state(&State { slots: 2, busy: 1, trouble }).await.unwrap();
    away.note_facts(RunnerFacts {
        architecture: Some("amd64".to_owned()),
        engine: Some("27.5.1".to_owned()),
        version: Some("0.1.0".to_owned()),
        disk_free: Some(5),
        disk_total: Some(7),
    });
}

async fn ask(away: &Away, order: &Order) {
    let (one, inputs) = (image(), inputs());
    away.note_phases(order, &phases()).await.unwrap();
    assert!(away.standing(order.attempt).await.unwrap().is_some());
    let repository = away.repository(order, Some(Complaint::Lost)).await.unwrap();
    assert_eq!(repository.default_branch, "main");
    assert_eq!(away.compare_inputs(order, &inputs).await.unwrap(), None);
    assert_eq!(away.compare_inputs(order, &inputs).await.unwrap(), Some(inputs));
    assert_eq!(away.use_image(order, "key").await.unwrap(), None);
    away.note_image(order, ImageChange::Made { key: "key", size: 7 }).await.unwrap();
    assert_eq!(away.use_image(order, "key").await.unwrap().expect("it was made").size, 7);
    away.note_image(order, ImageChange::Pulling(&one)).await.unwrap();
    away.note_image(order, ImageChange::Pulled { name: &one, has_login: false }).await.unwrap();
    assert_eq!(away.leave(order, &one, "id").await.unwrap(), Leave::Given);
    assert_eq!(away.image_name(order, &one).await.unwrap().name, one);
    assert_eq!(away.kept_image(&one).await.unwrap(), None);
}

async fn end(away: &Away, order: &Order, known: Option<&Known>) {
    if let Some(known) = known {
        known.push(Push::Drain(false));
        known.push(Push::Images);
    }
    away.images_are_to_be_removed().await;
    assert!(away.surplus_images(&[image()]).await.unwrap().is_empty());
    if let Some(known) = known {
        known.ledger.cancel(1, "By anna.");
    }
    let canceled = Outcome::Canceled("By anna.".to_owned());
    assert_eq!(away.stopped(order.attempt).await, canceled);
    away.standing(order.attempt).await.unwrap();
    away.forget_container(order.attempt).await.unwrap();
    away.end(order, &canceled).await.unwrap();
    away.cleared(order.attempt).await;
}

fn image() -> ImageName {
    "a.example/one:1".parse().unwrap()
}

fn inputs() -> CacheInputs {
    CacheInputs { base: "one".to_owned(), script: "s".to_owned(), tracked: Vec::new() }
}

fn phases() -> [Phase; 1] {
    [Phase { finished_at: Some(Timestamp(9)), ..Phase::begin(PhaseKind::Pull, Timestamp(5)) }]
}

/// An order that has everything that an order can have.
fn rich() -> Order {
    let mut rich = order(1);
    let (registry, username) = ("registry.example.org:5000".to_owned(), "anna".to_owned());
    rich.login = Ok(Some(RegistryLogin { registry, username, password: "secret".into() }));
    rich.hindrance = Some("No hub.".to_owned());
    rich.bases.insert("anna/hello:main".to_owned(), "anna/hello main".to_owned());
    rich.phases = phases().to_vec();
    rich.cache_key = Some("key".to_owned());
    let (extra_hosts, capabilities) = (vec!["a:1.2.3.4".to_owned()], vec!["SYS_PTRACE".to_owned()]);
    rich.limits.program = Some(ProgramLimits { memory: Some(7), extra_hosts, capabilities });
    rich
}
