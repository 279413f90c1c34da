//! Calls: their answers are lost, their tokens are wrong, their protocols are old.

use crate::stage::{LONGEST, Stage, order, until};
use axum::{Json, Router};
use futures_util::FutureExt;
use http::StatusCode;
use kozmic_edges::engine::RegistryLogin;
use kozmic_model::{
    cache::CacheInputs,
    image::ImageName,
    job::Outcome,
    phase::{Phase, PhaseKind},
    time::Timestamp,
};
use kozmic_remote::{PROTOCOL, RunnerToken};
use kozmic_runner::{
    coordinator::{Beginning, Complaint, Coordinator, ImageChange, Leave, Stopped},
    new_key,
    order::{Order, ProgramLimits},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

#[tokio::test]
async fn an_order_arrives_with_all_that_it_has() {
    let stage = Stage::new().await;
    let (registry, username) = ("registry.example.org:5000".to_owned(), "anna".to_owned());
    let login = RegistryLogin { registry, username, password: "secret".into() };
    let mut sent = order(1);
    sent.login = Ok(Some(login));
    sent.hindrance = Some("No hub.".to_owned());
    sent.bases.insert("anna/hello:main".to_owned(), "anna/hello main".to_owned());
    sent.phases = vec![Phase::begin(PhaseKind::Pull, Timestamp(5))];
    sent.cache_key = Some("key".to_owned());
    sent.asked = Instant::now().checked_sub(Duration::from_secs(60));
    let (extra_hosts, capabilities) = (vec!["a:1.2.3.4".to_owned()], vec!["SYS_PTRACE".to_owned()]);
    sent.limits.program = Some(ProgramLimits { memory: Some(7), extra_hosts, capabilities });
    stage.known.ledger.give(sent.clone());
    let runner = stage.runner();
    runner.away.welcomed().await;
    let got = runner.away.claim(&new_key()).await.unwrap().expect("a job waits");
    assert_eq!(plain(&got), plain(&sent));
    let login = got.login.unwrap().expect("it has one");
    assert_eq!((&*login.username, login.password.expose_secret()), ("anna", "secret"));
    let late = |one: Option<Instant>, other: Option<Instant>| one.unwrap().duration_since(other.unwrap());
    assert!(late(got.asked, sent.asked) < Duration::from_secs(50));
    let left = got.limits.deadline.duration_since(tokio::time::Instant::now());
    assert!(left <= Duration::from_secs(1_800) && left > Duration::from_secs(1_700), "{left:?}");
    let program = got.limits.program.expect("it has limits");
    assert_eq!((program.memory, program.capabilities.len()), (Some(7), 1));
}

/// All of an order that has no clock and no secret.
fn plain(order: &Order) -> String {
    let Order { attempt, build, project, spec, git_ref, remote_ref, sha, environment, .. } = order;
    let Order { installation, interruptions, phases, cache_key, limits, bases, hindrance, .. } = order;
    let limits = (limits.time, limits.silence, limits.log, limits.grace, limits.no_new_privileges);
    let ids = (attempt, build, project, interruptions);
    let git = (git_ref, remote_ref, sha);
    format!(
        "{ids:?} {git:?} {spec:?} {environment:?} {installation} {phases:?} {cache_key:?} {limits:?} {bases:?} {hindrance:?}"
    )
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_repeated_and_counts_once() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    let (away, ledger) = (&runner.away, &stage.known.ledger);
    let lost = || stage.proxy.lose_an_answer();
    let name = "a.example/one:1".parse::<ImageName>().unwrap();
    let phases = vec![Phase::begin(PhaseKind::Pull, Timestamp(5))];
    lost();
    away.note_phases(&order, &phases).await.unwrap();
    lost();
    assert_eq!(away.standing(order.attempt).await.unwrap().expect("it holds").phases, phases);
    let beginning = Beginning { container: "one", cache_key: Some("key"), phases: &phases };
    lost();
    assert!(away.begin_script(&order, &beginning).await.unwrap());
    lost();
    away.note_image(&order, ImageChange::Made { key: "key", size: 7 }).await.unwrap();
    lost();
    let image = away.use_image(&order, "key").await.unwrap().expect("it was made");
    assert_eq!(image.size, 7);
    lost();
    away.note_image(&order, ImageChange::Gone(&image)).await.unwrap();
    assert_eq!(away.use_image(&order, "key").await.unwrap(), None);
    lost();
    assert_eq!(away.leave(&order, &name, "id").await.unwrap(), Leave::Given);
    lost();
    assert_eq!(away.image_name(&order, &name).await.unwrap().name, name);
    lost();
    assert_eq!(away.kept_image(&name).await.unwrap(), None);
    let inputs = CacheInputs { base: "one".to_owned(), script: "s".to_owned(), tracked: Vec::new() };
    away.compare_inputs(&order, &inputs).await.unwrap();
    lost();
    assert_eq!(away.compare_inputs(&order, &inputs).await.unwrap(), Some(inputs));
    lost();
    assert_eq!(away.repository(&order, Some(Complaint::Lost)).await.unwrap().default_branch, "main");
    lost();
    away.forget_container(order.attempt).await.unwrap();
    assert_eq!(away.standing(order.attempt).await.unwrap().expect("it holds").container, None);
    lost();
    away.end(&order, &Outcome::Returned(0)).await.unwrap();
    assert_eq!(stage.proxy.answers_to_lose(), 0);
    assert_eq!(ledger.notes().ended, [(order.attempt, Outcome::Returned(0))]);
}

#[tokio::test]
async fn a_claim_whose_answer_is_lost_gives_the_same_order_to_its_key() {
    let stage = Stage::new().await;
    let runner = stage.runner();
    runner.away.welcomed().await;
    let key = new_key();
    stage.known.ledger.give(order(1));
    stage.known.ledger.give(order(2));
    stage.proxy.lose_an_answer();
    assert!(runner.away.claim(&key).await.is_err());
    let again = runner.away.claim(&key).await.unwrap().expect("it holds the job");
    assert_eq!(again.attempt.job.0, 1);
    assert_eq!(runner.away.held().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_is_given_up_with_the_outcome_when_its_attempt_must_stop() {
    let stage = Stage::with_lease(Duration::from_secs(3)).await;
    let (runner, order) = stage.claimed().await;
    runner.away.welcomed().await;
    stage.proxy.close();
    let fault =
        tokio::time::timeout(LONGEST, runner.away.note_phases(&order, &[])).await.unwrap().unwrap_err();
    let stopped = fault.downcast::<Stopped>().unwrap().0;
    assert_eq!(stopped, Outcome::Interrupted("The server could not be reached for 2 s.".to_owned()));
    // The end waits for the server, and gets there.
    let end = runner.away.end(&order, &stopped);
    tokio::pin!(end);
    assert!(end.as_mut().now_or_never().is_none());
    stage.proxy.open();
    end.await.unwrap();
    assert_eq!(stage.known.ledger.notes().ended, [(order.attempt, stopped.clone())]);
}

#[tokio::test]
async fn a_server_that_was_restarted_knows_its_runners_attempts() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    stage.restart().await;
    let beginning = Beginning { container: "one", cache_key: None, phases: &[] };
    assert!(runner.away.begin_script(&order, &beginning).await.unwrap());
    stage.known.ledger.cancel(1, "By anna.");
    assert_eq!(runner.away.stopped(order.attempt).await, Outcome::Canceled("By anna.".to_owned()));
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_so_is_a_removed_one() {
    let stage = Stage::new().await;
    let stranger = stage.runner_with(&RunnerToken::random());
    let fault = stranger.away.surplus_images(&[]).await.expect_err("it is refused");
    assert!(fault.to_string().contains("token is unknown"), "{fault:#}");
    let mut trouble = stranger.away.trouble();
    let trouble = trouble.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(trouble.contains("token is unknown"), "{trouble}");
    let runner = stage.runner();
    stage.known.has_connections(1).await;
    stage.known.remove();
    stage.known.has_connections(0).await;
    assert!(runner.away.surplus_images(&[]).await.is_err());
}

async fn post(stage: &Stage, protocol: Option<&str>, call: Value) -> (u16, Value) {
    let request = reqwest::Client::new().post(stage.url("call")).bearer_auth(stage.token.expose());
    let request = match protocol {
        Some(protocol) => request.header("kozmic-runner-protocol", protocol),
        None => request,
    };
    let response = request.json(&call).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn an_old_protocol_is_refused_with_a_sentence_and_unknown_fields_are_ignored() {
    let stage = Stage::new().await;
    let own = PROTOCOL.to_string();
    for protocol in [None, Some("0"), Some("9999"), Some("one")] {
        let (status, answer) = post(&stage, protocol, json!({"call": "held"})).await;
        assert_eq!((status, &answer["kind"]), (426, &json!("protocol")));
        assert!(answer["error"].as_str().unwrap().contains("update the"), "{answer}");
    }
    let (status, answer) = post(&stage, Some(&own), json!({"call": "held", "mood": {"good": true}})).await;
    assert_eq!((status, answer), (200, json!({"answer": "held", "attempts": []})));
    let (status, answer) = post(&stage, Some(&own), json!({"call": "sing"})).await;
    assert_eq!((status, &answer["kind"]), (400, &json!("invalid")));
}

#[tokio::test]
async fn a_runner_of_another_protocol_says_why_its_server_refuses_it() {
    for (protocol, advice) in [("0", "update the runner"), ("9999", "update the server first")] {
        let stage = Arc::new(Stage::new().await);
        let of_other = Arc::clone(&stage);
        // The server gets each request as one of the other version.
        let refuse = move || {
            let stage = Arc::clone(&of_other);
            async move {
                let (status, body) = post(&stage, Some(protocol), json!({"call": "held"})).await;
                (StatusCode::from_u16(status).unwrap(), Json(body))
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(refuse)).await });
        let runner = stage.runner_by(address);
        let mut trouble = runner.away.trouble();
        let trouble = trouble.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let sentence = format!("in the versions 1 to 1, and the runner speaks {protocol}: {advice}");
        assert!(trouble.ends_with(&sentence), "{trouble}");
        let fault = runner.away.surplus_images(&[]).await.expect_err("it is refused");
        assert!(fault.to_string().ends_with(&sentence), "{fault:#}");
    }
}

#[tokio::test]
async fn an_attempt_that_the_runner_does_not_hold_is_not_its_to_report_about() {
    let stage = Stage::new().await;
    let own = PROTOCOL.to_string();
    let of = json!({"job": 7, "attempt": 1});
    let image = json!({"call": "image", "of": of, "about": {"about": "use", "key": "k"}});
    let (status, answer) = post(&stage, Some(&own), image).await;
    assert_eq!((status, &answer["kind"]), (409, &json!("not_held")));
    let repository = json!({"call": "attempt", "of": of, "step": {"step": "repository", "complaint": null}});
    assert_eq!(post(&stage, Some(&own), repository).await.0, 409);
    let begin = json!({"step": "begin", "container": "c", "cache_key": null, "phases": []});
    let begin = json!({"call": "attempt", "of": of, "step": begin});
    assert_eq!(post(&stage, Some(&own), begin).await.1, json!({"answer": "begun", "is_ours": false}));
    let end = json!({"step": "end", "outcome": {"end": "returned", "code": 0}, "log": null});
    let end = json!({"call": "attempt", "of": of, "step": end});
    assert_eq!(post(&stage, Some(&own), end).await, (200, json!({"answer": "done"})));
    assert!(stage.known.ledger.notes().ended.is_empty());
}

#[tokio::test]
async fn an_end_without_the_whole_log_is_refused() {
    let stage = Stage::new().await;
    let (_runner, _order) = stage.claimed().await;
    let log = json!({"bytes": 5, "marks": 0});
    let end = json!({"step": "end", "outcome": {"end": "returned", "code": 0}, "log": log});
    let end = json!({"call": "attempt", "of": {"job": 1, "attempt": 1}, "step": end});
    let (status, answer) = post(&stage, Some(&PROTOCOL.to_string()), end).await;
    assert_eq!((status, &answer["kind"]), (409, &json!("log_incomplete")));
    assert!(stage.known.ledger.notes().ended.is_empty());
}

#[tokio::test]
async fn an_order_that_the_runner_cannot_read_ends_its_job() {
    let stage = Stage::new().await;
    let runner = stage.runner();
    runner.away.welcomed().await;
    stage.known.ledger.give(Order { remote_ref: "--upload-pack=touch".to_owned(), ..order(1) });
    let fault = runner.away.claim(&new_key()).await.err().expect("it cannot be read");
    assert!(fault.to_string().contains("no ref to fetch"), "{fault:#}");
    let ended = stage.known.ledger.notes().ended.clone();
    assert!(
        matches!(&ended[..], [(_, Outcome::Broken(why))] if why.contains("Update the runner.")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_job_that_is_given_back_waits_again() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    stage.proxy.lose_an_answer();
    runner.away.give_back(&order).await.unwrap();
    until(async || runner.away.standing(order.attempt).await.unwrap().is_none()).await;
}
