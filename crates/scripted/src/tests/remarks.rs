//! Tests of remarks in scripts.

use super::{all, engine, listen, script};
use crate::Restart;
use kozmic_edges::engine::{ContainerState, Engine, Memory, Moment, NewContainer};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_container_that_vanishes_is_gone_with_its_files() {
    let engine = engine();
    let (container, output) = listen(&engine, "echo a # engine: vanish\necho b").await;
    assert_eq!(all(output).await.0, "a\n");
    assert_eq!(engine.state(&container).await.unwrap(), None);
    assert!(engine.wait(&container).await.unwrap_err().is_missing());
    assert_eq!(engine.remembers(&container, Moment::Start).await.unwrap(), Memory::Seen);
    assert!(engine.container_ids().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cut_loses_the_output_and_not_the_script() {
    let engine = engine();
    let (container, output) = listen(&engine, "echo a\n# engine: cut\necho b; exit 3").await;
    let (heard, fault) = all(output).await;
    assert!(heard == "a\n" && fault.unwrap().is_unreachable());
    assert_eq!(engine.wait(&container).await.unwrap(), 3);
    assert_eq!(all(engine.output(&container).await.unwrap()).await.0, "a\nb\n");
}

#[tokio::test(start_paused = true)]
async fn a_blind_engine_misses_the_end() {
    let engine = engine();
    let (container, _output) = listen(&engine, "echo a\n# engine: blind\necho b > /tmp/b").await;
    assert_eq!(engine.state(&container).await.unwrap(), Some(ContainerState::Running));
    assert!(!engine.has_processes(&container).await.unwrap());
    assert_eq!(engine.file(&container, "/tmp/b").unwrap(), b"b\n");
    let late = tokio::time::timeout(Duration::from_secs(3_600), engine.wait(&container)).await;
    assert!(late.is_err(), "it waits for ever");
    assert!(engine.stop(&container, Duration::ZERO).await.is_err());
    engine.remove(&container).await.unwrap();
    assert!(engine.container_ids().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_answers_when_it_is_back() {
    let engine = engine();
    let (container, output) = listen(&engine, "echo a # engine: away\necho b; exit 3").await;
    assert!(engine.ping().await.unwrap_err().is_unreachable());
    assert!(all(output).await.1.unwrap().is_unreachable());
    engine.come_back();
    assert_eq!(engine.wait(&container).await.unwrap(), 3);
    assert_eq!(engine.remembers(&container, Moment::Start).await.unwrap(), Memory::Seen);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_started_anew_ends_containers_or_not_and_remembers_nothing() {
    for (remark, state, memory) in [
        ("restart", ContainerState::Running, [Memory::NotSeen; 2]),
        ("stop", ContainerState::Exited(143), [Memory::NotSeen; 2]),
        ("kill", ContainerState::Exited(137), [Memory::NotSeen, Memory::Seen]),
    ] {
        let engine = engine();
        let text = format!("echo a # engine: {remark}\nsleep infinity");
        let (container, output) = listen(&engine, &text).await;
        assert!(all(output).await.1.unwrap().is_unreachable());
        assert_eq!(engine.state(&container).await.unwrap(), Some(state), "{remark}");
        let mut remembered = Vec::new();
        for moment in [Moment::Start, Moment::End] {
            remembered.push(engine.remembers(&container, moment).await.unwrap());
        }
        assert_eq!(remembered, memory, "{remark}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_at_the_gate_loses_its_line_with_the_engine() {
    let engine = engine();
    let shell = "read -r _ || exit 75; : >/kozmic/.ended && : >/kozmic/.started";
    let wanted = NewContainer { takes_input: true, ..script(shell) };
    let container = engine.create(&wanted).await.unwrap();
    let attached = engine.attach(&container, false).await.unwrap();
    engine.start(&container).await.unwrap();
    engine.restart(Restart::RunsOn);
    assert_eq!(engine.state(&container).await.unwrap(), Some(ContainerState::Exited(75)));
    drop(attached);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_not_understood_is_told_to_all() {
    let engine = engine();
    let (container, output) = listen(&engine, "echo a\nmake all").await;
    let (said, _) = all(output).await;
    assert!(said.contains("does not understand line 2: make all") && !said.contains("a\n1"), "{said}");
    assert_eq!(engine.wait(&container).await.unwrap(), 127);
    assert_eq!(engine.complaints().len(), 1);
}

#[test]
#[should_panic(expected = "line 1: make all")]
fn an_engine_panics_that_kept_a_complaint_to_the_end() {
    let engine = engine();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { drop(listen(&engine, "make all").await) });
    drop(engine);
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_is_not_the_runners_is_no_gate() {
    let engine = engine();
    let wanted = NewContainer { takes_input: true, ..script("read -r line; echo \"$line\"") };
    let container = engine.create(&wanted).await.unwrap();
    engine.start(&container).await.unwrap();
    assert_eq!(engine.wait(&container).await.unwrap(), 127);
    assert_eq!(engine.complaints().len(), 1);
}
