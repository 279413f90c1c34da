//! A recorded conversation of protocol 1, in `recorded/1.json`: one job with its line, calls and log. So each end of today
//! gets the words of the other end of then, also without the fields that may be missing, and with fields that a newer
//! version may add. The calls of a restart, artifacts and the git door are not in it.
//!
//! `KOZMIC_RECORD=2 cargo nextest run a_recorded_conversation` records version 2 of the protocol into a new file. A
//! recorded version is never recorded anew.

mod deal;
mod fields;
mod relay;
mod replay;

use crate::stage::Stage;
use deal::deal;
use fields::{Side, paths};
use relay::Relay;
use replay::{OldRunner, OldServer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// The fields that a runner of an older version may leave out.
const OF_RUNNERS: [&str; 12] = [
    "features",
    "facts",
    "holds",
    "trouble",
    "cache_key",
    "log",
    "complaint",
    "architecture",
    "engine",
    "version",
    "disk_free",
    "disk_total",
];

/// The fields that a server of an older version may leave out.
const OF_SERVERS: [&str; 10] = [
    "gone",
    "cache_key",
    "asked_ms",
    "hindrance",
    "program",
    "memory",
    "finished_at",
    "container",
    "cancellation",
    "runner",
];

/// One message, or a call with its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Said {
    on: Channel,
    #[serde(skip_serializing_if = "Option::is_none")]
    runner: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Value>,
}

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Channel {
    Line,
    Call,
    Log,
}

fn file(version: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/recorded/{version}.json"))
}

fn recorded() -> Vec<Said> {
    serde_json::from_str(&std::fs::read_to_string(file("1")).unwrap()).unwrap()
}

/// The recorded conversation with changed messages of one side.
fn changed(side: Side, change: impl Fn(&mut Value)) -> Vec<Said> {
    let mut said = recorded();
    for said in &mut said {
        let message = match side {
            Side::Runner => &mut said.runner,
            Side::Server => &mut said.server,
        };
        message.iter_mut().for_each(&change);
    }
    said
}

/// The conversation without each of these fields, without all of them, and with fields that nobody knows.
fn variants(side: Side, fields: &[&str]) -> Vec<(String, Vec<Said>)> {
    let mut variants = vec![("as it was".to_owned(), recorded())];
    for field in fields {
        let without = changed(side, |message| fields::remove(message, &[field]));
        assert_ne!(format!("{without:?}"), format!("{:?}", recorded()), "{field} is not recorded");
        variants.push((format!("without {field}"), without));
    }
    let without = changed(side, |message| fields::remove(message, fields));
    variants.push(("without all of them".to_owned(), without));
    variants.push(("with unknown fields".to_owned(), changed(side, fields::add_unknown)));
    variants
}

/// A conversation of today, in the order in which it was heard.
async fn of_today() -> Vec<Said> {
    let stage = Stage::new().await;
    let relay = Relay::to(stage.proxy.address).await;
    let runner = stage.runner_by(relay.address);
    deal(&runner.away, &runner.logs, Some(&stage.known)).await;
    relay.said()
}

#[tokio::test]
async fn a_recorded_conversation_has_nothing_that_the_ends_of_today_do_not_say() {
    let today = of_today().await;
    if let Ok(version) = std::env::var("KOZMIC_RECORD") {
        let file = file(&version);
        assert!(!file.exists(), "version {version} is recorded already");
        std::fs::write(file, serde_json::to_string_pretty(&today).unwrap() + "\n").unwrap();
    }
    let known = |message: &Option<Value>, of: fn(&Said) -> &Option<Value>, on: Channel| {
        let Some(message) = message else { return true };
        let same = today.iter().filter(|said| said.on == on).filter_map(|said| of(said).as_ref());
        same.into_iter().any(|said| paths(message).is_subset(&paths(said)))
    };
    for said in recorded() {
        assert!(known(&said.runner, |said| &said.runner, said.on), "no runner says this any more: {said:?}");
        assert!(known(&said.server, |said| &said.server, said.on), "no server says this any more: {said:?}");
    }
}

#[tokio::test]
async fn a_runner_of_an_older_version_gets_the_answers_that_it_got_then() {
    for (variant, said) in variants(Side::Runner, &OF_RUNNERS) {
        let stage = Stage::new().await;
        let ended = OldRunner::of(&stage, said).talk().await;
        assert!(ended.is_ok(), "{variant}: {:?}", ended.err());
        assert_eq!(stage.known.ledger.notes().ended.len(), 1, "{variant}");
    }
}

#[tokio::test]
async fn a_server_of_an_older_version_gives_its_runner_all_that_a_job_needs() {
    for (variant, said) in variants(Side::Server, &OF_SERVERS) {
        println!("{variant}");
        let server = OldServer::start(said).await;
        let stage = Stage::new().await;
        let runner = stage.runner_by(server.address);
        deal(&runner.away, &runner.logs, None).await;
    }
}
