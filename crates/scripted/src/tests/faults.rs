//! Tests of faults that a test plans.

use super::{all, debian, engine, listen, script};
use crate::{At, Fault, Restart, ScriptedEngine, Side, Verb};
use futures_util::TryStreamExt;
use kozmic_edges::engine::{ContainerId, Engine, EngineError};
use std::time::Duration;
use tokio::sync::mpsc;

/// The calls of a runner's step with a container: each once, in this order.
async fn run(engine: &ScriptedEngine) -> Result<i64, EngineError> {
    let container = engine.create(&script("echo a; cat /tmp/in; exit 3")).await?;
    let (sender, archive) = mpsc::channel(1);
    let mut files = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o644);
    files.append_data(&mut header, "tmp/in", b"b".as_slice()).unwrap();
    sender.try_send(Ok(files.into_inner().unwrap().into())).unwrap();
    drop(sender);
    engine.upload(&container, "/", archive).await?;
    let attached = engine.attach(&container, false).await?;
    engine.start(&container).await?;
    attached.output.try_collect::<Vec<_>>().await?;
    let code = engine.wait(&container).await?;
    engine.remove(&container).await?;
    Ok(code)
}

/// Removes the leftovers of the step, and runs it again.
async fn run_again(engine: &ScriptedEngine) -> i64 {
    for found in engine.containers("here").await.unwrap() {
        engine.remove(&found.id).await.unwrap();
    }
    run(engine).await.unwrap()
}

const CALLS: [Verb; 6] = [Verb::Create, Verb::Upload, Verb::Attach, Verb::Start, Verb::Wait, Verb::Remove];

#[tokio::test(start_paused = true)]
async fn calls_are_noted_in_their_order() {
    let engine = engine();
    assert_eq!(run(&engine).await.unwrap(), 3);
    assert_eq!(engine.calls(), CALLS);
    engine.forget_calls();
    assert!(engine.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_call_of_a_run_may_fail_in_every_way() {
    for (number, verb) in CALLS.into_iter().enumerate() {
        for fault in [
            Fault::Unreachable,
            Fault::Lost,
            Fault::Away,
            Fault::Restart(Restart::Kills),
            Fault::Cut,
            Fault::Refused { status: 500, message: "no".to_owned() },
        ] {
            let engine = engine();
            engine.fail(At::Call(number), fault.clone());
            let failed = run(&engine).await.unwrap_err();
            assert_eq!(failed.is_unreachable(), !matches!(fault, Fault::Refused { .. }), "{fault:?}");
            // A listener notices a lost connection only after the start.
            let later = usize::from(fault == Fault::Cut && verb == Verb::Attach);
            assert_eq!((engine.faults_left(), engine.calls().len()), (0, number + 1 + later));
            engine.come_back();
            assert_eq!(run_again(&engine).await, 3, "{fault:?} at {number}");
            assert!(engine.container_ids().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_runner_may_crash_before_and_after_each_call_has_its_effect() {
    for (number, verb) in CALLS.into_iter().enumerate() {
        for side in [Side::Question, Side::Answer] {
            let engine = engine();
            let held = engine.hold(At::Call(number), side);
            let runner = tokio::spawn({
                let engine = engine.clone();
                async move { run(&engine).await }
            });
            held.arrived().await;
            runner.abort();
            assert!(runner.await.unwrap_err().is_cancelled());
            held.release();
            let there = match (verb, side) {
                (Verb::Create, Side::Question) | (Verb::Remove, Side::Answer) => 0,
                _ => 1,
            };
            assert_eq!(engine.container_ids().len(), there, "{verb} {side:?}");
            assert_eq!(run_again(&engine).await, 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_lost_has_its_effect_and_one_that_is_unreachable_has_none() {
    for (fault, count) in [(Fault::Lost, 1), (Fault::Unreachable, 0)] {
        let engine = engine();
        engine.fail(At::Next(Verb::Create), fault);
        assert!(engine.ping().await.is_ok());
        assert!(engine.create(&script("true")).await.unwrap_err().is_unreachable());
        assert_eq!(engine.container_ids().len(), count);
        assert!(engine.create(&script("true")).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_call_answers_when_it_is_released() {
    let engine = engine();
    let held = engine.hold(At::Next(Verb::Image), Side::Question);
    let name = debian();
    let mut call = std::pin::pin!(engine.image(&name));
    assert!(tokio::time::timeout(Duration::from_secs(3_600), call.as_mut()).await.is_err());
    held.arrived().await;
    held.release();
    assert!(call.await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn streams_break_off_or_end_too_early() {
    let engine = engine();
    engine.fail(At::Next(Verb::Output), Fault::Unreachable);
    engine.fail(At::Next(Verb::Output), Fault::Cut);
    let (container, _) = listen(&engine, "echo a; echo b; echo c > /tmp/c").await;
    let (said, fault) = all(engine.output(&container).await.unwrap()).await;
    assert!(said.is_empty() && fault.unwrap().is_unreachable());
    let (said, fault) = all(engine.output(&container).await.unwrap()).await;
    assert!(said == "a\n" && fault.unwrap().is_unreachable());
    let whole = download(&engine, &container).await.unwrap();
    engine.fail(At::Next(Verb::Download), Fault::Cut);
    assert!(download(&engine, &container).await.unwrap_err().is_unreachable());
    engine.fail(At::Next(Verb::Download), Fault::Torn);
    assert_eq!(download(&engine, &container).await.unwrap(), whole / 2);
}

/// The length of a file's archive.
async fn download(engine: &ScriptedEngine, container: &ContainerId) -> Result<usize, EngineError> {
    let pieces = engine.download(container, "/tmp/c").await?.try_collect::<Vec<_>>().await?;
    Ok(pieces.iter().map(|piece| piece.len()).sum())
}
