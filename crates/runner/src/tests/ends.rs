//! Tests of every way in which an attempt of a hook ends.

use super::stage::{Stage, hook, in_image, installing, now};
use kozmic_edges::{engine::Engine, git::TreeSize};
use kozmic_model::{
    ending::Cause,
    job::{Failure, Outcome},
};
use kozmic_scripted::{At, Fault, Sample, Side, Verb};
use std::time::Duration;

#[test]
fn a_scripts_code_is_its_outcome_and_its_output_is_the_log() {
    let stage = Stage::new();
    stage.give(1, "echo out one\necho out two >&2\nexit 3");
    assert_eq!(stage.run(1), Outcome::Returned(3));
    assert_eq!(stage.printed(1), ["out one", "out two"]);
    assert!(stage.engine.container_ids().is_empty(), "its containers are gone");
}

#[test]
fn a_job_that_somebody_cancels_is_stopped() {
    let stage = Stage::new();
    stage.give(1, "echo out one\nsleep infinity");
    let outcome = stage.live(async {
        stage.ledger.when(|notes| notes.calls.contains(&"begin_script").then_some(())).await;
        stage.ledger.cancel(1, "By anna.");
        stage.ledger.end_of(1).await
    });
    assert_eq!(outcome, Outcome::Canceled("By anna.".to_owned()));
    assert!(stage.log(1).contains("By anna."));
}

#[test]
fn a_program_that_tidies_up_is_heard_to_its_last_word() {
    let stage = Stage::new();
    let program = r#"sh -c 'trap "sleep 1; echo out tidy" TERM; sleep infinity'"#;
    let mut order = stage.order(1, hook(&format!("echo out one\n{program}")));
    order.limits.silence = Duration::from_secs(600);
    stage.ledger.give(order);
    assert_eq!(stage.run(1), Outcome::Stalled(Duration::from_secs(600)));
    assert_eq!(stage.printed(1), ["out one", "out tidy"]);
}

#[test]
fn a_process_that_is_killed_for_want_of_memory_is_the_reason() {
    let failed =
        |code, of_install| Outcome::Explained(Failure { code, cause: Cause::OutOfMemory, of_install });
    let starve = "head -c 300000000 /dev/zero | tail -n 1";
    let cases = [
        (hook(&format!("{starve}; exit 2")), failed(2, false)),
        (hook(starve), failed(137, false)),
        (installing(Some(starve), "true"), failed(137, true)),
        (hook(&format!("{starve}; exit 0")), Outcome::Returned(0)),
        (in_image("tiny:1", hook(starve)), failed(137, false)),
    ];
    for (spec, outcome) in cases {
        let stage = Stage::new();
        stage.engine.limit_memory(32 << 20);
        stage.engine.add_image(&"tiny:1".parse().unwrap(), Sample::without_shell());
        stage.ledger.give(stage.order(1, spec));
        assert_eq!(stage.run(1), outcome);
    }
}

#[test]
fn a_script_that_says_last_that_a_disk_is_full_failed_for_that() {
    let full = Outcome::Explained(Failure { code: 1, cause: Cause::DiskFull, of_install: false });
    let said = "echo 'cp: error writing: No space left on device' >&2";
    let much = "yes 0123456789 | head -n 1000";
    for (script, outcome) in [
        (format!("{said}\nexit 1"), full),
        (format!("{said}\n{much}\nexit 1"), Outcome::Returned(1)),
        (format!("{said}\nexit 0"), Outcome::Returned(0)),
    ] {
        let stage = Stage::new();
        stage.give(1, &script);
        assert_eq!(stage.run(1), outcome);
    }
}

#[test]
fn a_job_that_was_canceled_while_nobody_was_there_ends_so() {
    let stage = Stage::new();
    stage.give(1, "echo out one\nsleep infinity");
    stage.live(stage.ledger.when(|notes| notes.calls.contains(&"begin_script").then_some(())));
    stage.ledger.cancel(1, "By anna.");
    assert_eq!(stage.run(1), Outcome::Canceled("By anna.".to_owned()));
}

#[test]
fn a_script_of_before_is_stopped_though_nobody_can_say_which_jobs_are_held() {
    let stage = Stage::new();
    stage.give(1, "echo out one\nsleep infinity");
    stage.live(stage.ledger.when(|notes| notes.calls.contains(&"begin_script").then_some(())));
    stage.ledger.notes().silences = usize::MAX;
    stage.ledger.cancel(1, "The server is away.");
    let outcome = stage.live_at_once(async {
        let [container] = &stage.engine.container_ids()[..] else { panic!("one container runs") };
        stage.engine.wait(container).await.unwrap();
        // The reason stays although the coordinator has none any more.
        stage.ledger.forgive(1);
        stage.ledger.notes().silences = 0;
        stage.ledger.end_of(1).await
    });
    assert_eq!(outcome, Outcome::Canceled("The server is away.".to_owned()));
    assert_eq!(stage.printed(1), ["out one"]);
}

#[test]
fn a_script_of_before_that_ended_by_itself_keeps_its_result_though_its_job_is_stopped_later() {
    let stage = Stage::new();
    stage.give(1, "echo out one\nwhile [ ! -e /tmp/go ]; do sleep 0.01; done\nexit 3");
    stage.live(stage.ledger.when(|notes| notes.calls.contains(&"begin_script").then_some(())));
    stage.ledger.notes().silences = usize::MAX;
    let outcome = stage.live_at_once(async {
        let [container] = &stage.engine.container_ids()[..] else { panic!("one container runs") };
        // By now it was seen that it runs.
        tokio::time::sleep(Duration::from_secs(60)).await;
        stage.engine.put_file(container, "/tmp/go", b"");
        stage.engine.wait(container).await.unwrap();
        stage.ledger.cancel(1, "The server is away.");
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.ledger.forgive(1);
        stage.ledger.notes().silences = 0;
        stage.ledger.end_of(1).await
    });
    assert_eq!(outcome, Outcome::Returned(3));
}

#[test]
fn a_script_that_prints_nothing_is_stopped_after_its_limit() {
    let stage = Stage::new();
    let mut order = stage.order(1, hook("echo out one\nsleep infinity"));
    order.limits.silence = Duration::from_secs(600);
    stage.ledger.give(order);
    assert_eq!(stage.run(1), Outcome::Stalled(Duration::from_secs(600)));
    assert_eq!(stage.printed(1), ["out one"]);
}

#[test]
fn a_job_whose_time_is_over_is_stopped_even_if_that_was_while_nobody_was_there() {
    let stage = Stage::new();
    stage.give(1, "echo out one\nsleep infinity");
    stage.live(stage.ledger.when(|notes| notes.calls.contains(&"begin_script").then_some(())));
    let mut late = stage.order(1, hook(""));
    late.limits.time = Duration::from_secs(60);
    late.limits.deadline = now();
    stage.ledger.change_limits(1, late.limits);
    assert_eq!(stage.run(1), Outcome::TimedOut(Duration::from_secs(60)));
}

#[test]
fn a_log_that_grows_beyond_its_limit_ends_the_job() {
    let stage = Stage::new();
    // There are more pieces than are written at once: the limit is checked between them.
    let script = "echo out 0123456789\n".repeat(500) + "sleep infinity";
    let mut order = stage.order(1, hook(&script));
    order.limits.log = 100;
    stage.ledger.give(order);
    assert_eq!(stage.run(1), Outcome::Flooded(100));
    assert!(stage.printed(1).len() < 500);
}

#[test]
fn a_container_that_somebody_removes_is_named() {
    let stage = Stage::new();
    stage.give(1, "echo out one\n# engine: vanish\nsleep infinity");
    let Outcome::Broken(why) = stage.run(1) else { panic!("it is broken") };
    assert!(why.contains("No such container"), "{why}");
}

#[test]
fn a_container_that_was_removed_while_nobody_was_there_is_named() {
    let stage = Stage::new();
    stage.give(1, "echo out one\nsleep infinity");
    stage.live(stage.ledger.when(|notes| notes.calls.contains(&"begin_script").then_some(())));
    stage.engine.container_ids().iter().for_each(|container| stage.engine.vanish(container));
    let Outcome::Broken(why) = stage.run(1) else { panic!("it is broken") };
    assert!(why.contains("removed while Kozmic was not looking"), "{why}");
}

#[test]
fn an_engine_that_stops_or_is_killed_interrupts_the_job() {
    for how in ["stop", "kill"] {
        let stage = Stage::new();
        stage.give(1, &format!("echo out one\n# engine: {how}\nsleep infinity"));
        let outcome = stage.run(1);
        assert!(matches!(outcome, Outcome::Interrupted(_)), "{how}: {outcome:?}");
        assert!(stage.log(1).contains("The job runs again, as attempt 2."), "{}", stage.log(1));
    }
}

#[test]
fn a_script_that_ended_by_itself_is_told_so_whatever_became_of_its_engine() {
    let stage = Stage::new();
    stage.give(1, "echo out one\n# engine: restart\necho out two\nexit 4");
    assert_eq!(stage.run(1), Outcome::Returned(4));
    assert_eq!(stage.printed(1), ["out one", "out two"]);
}

#[test]
fn an_engine_that_was_away_loses_nothing() {
    let stage = Stage::new();
    stage.give(1, "echo out one\n# engine: away\necho out two\nexit 0");
    let outcome = stage.live(async {
        stage.ledger.when(|notes| notes.calls.contains(&"begin_script").then_some(())).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        stage.engine.come_back();
        stage.ledger.end_of(1).await
    });
    assert_eq!(outcome, Outcome::Returned(0));
    assert_eq!(stage.printed(1), ["out one", "out two"]);
}

#[test]
fn a_job_that_is_canceled_while_its_engine_is_away_does_not_wait_for_it() {
    let stage = Stage::new();
    stage.give(1, "echo out one\n# engine: away\nsleep infinity");
    let outcome = stage.live(async {
        stage.ledger.when(|notes| notes.calls.contains(&"begin_script").then_some(())).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        stage.ledger.cancel(1, "By anna.");
        stage.ledger.end_of(1).await
    });
    assert_eq!(outcome, Outcome::Canceled("By anna.".to_owned()));
}

#[test]
fn a_script_whose_end_the_engine_missed_ends_all_the_same() {
    let stage = Stage::new();
    stage.give(1, "echo out one\n# engine: blind\nexit 5");
    assert_eq!(stage.run(1), Outcome::Returned(5));
}

#[test]
fn a_job_that_another_runner_has_never_begins_its_script() {
    let stage = Stage::new();
    stage.ledger.notes().has_lost = true;
    stage.give(1, "echo out one");
    let Outcome::Broken(why) = stage.run(1) else { panic!("it is broken") };
    assert_eq!(why, "Another runner took the job over.");
    assert!(stage.printed(1).is_empty());
    assert!(stage.engine.container_ids().is_empty());
}

#[test]
fn an_image_without_a_shell_runs_its_script_at_once() {
    let stage = Stage::new();
    stage.engine.add_image(&"tiny:1".parse().unwrap(), Sample::without_shell());
    let spec = in_image("tiny:1", hook("echo out one\nexit 2"));
    stage.ledger.give(stage.order(1, spec));
    assert_eq!(stage.run(1), Outcome::Returned(2));
    assert_eq!(stage.printed(1), ["out one"]);
}

#[test]
fn an_image_that_is_nowhere_is_named_and_one_in_a_registry_is_pulled() {
    let stage = Stage::new();
    let spec = in_image("nowhere:1", hook("echo out one"));
    stage.ledger.give(stage.order(1, spec.clone()));
    let Outcome::Broken(why) = stage.run(1) else { panic!("it is broken") };
    assert!(why.contains("pull the image") || why.contains("Pull the image"), "{why}");
    stage.engine.offer(&"nowhere:1".parse().unwrap(), Sample::debian());
    stage.ledger.give(stage.order(2, spec));
    assert_eq!(stage.run(2), Outcome::Returned(0));
    assert_eq!(stage.printed(2), ["out one"]);
}

#[test]
fn an_engine_that_refuses_ends_the_job_with_its_words() {
    let stage = Stage::new();
    stage.give(1, "echo out one");
    let message = "no space left on device".to_owned();
    stage.engine.fail(At::Next(Verb::Create), Fault::Refused { status: 500, message });
    let Outcome::Broken(why) = stage.run(1) else { panic!("it is broken") };
    assert_eq!(why, "Create the container: the Docker engine says: no space left on device.");
}

#[test]
fn a_commit_with_more_files_than_are_allowed_is_not_written() {
    for (largest_checkout, word) in [
        (TreeSize { files: 0, bytes: 1 << 20 }, "more than 0 files and directories: checkout_files_limit"),
        (TreeSize { files: 100, bytes: 4095 }, "more than 4095 bytes of a disk: checkout_limit"),
    ] {
        let mut stage = Stage::new();
        stage.largest_checkout = largest_checkout;
        stage.give(1, "true");
        let Outcome::Broken(why) = stage.run(1) else { panic!("it is broken") };
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn a_container_that_cannot_be_stopped_does_not_hold_up_its_job_for_ever() {
    let stage = Stage::new();
    let mut order = stage.order(1, hook("sleep infinity"));
    order.limits.silence = Duration::from_secs(600);
    order.limits.grace = Duration::from_secs(60);
    stage.ledger.give(order);
    let held = stage.engine.hold(At::Next(Verb::Stop), Side::Question);
    stage.live(async {
        held.arrived().await;
        let begun = tokio::time::Instant::now();
        assert_eq!(stage.ledger.end_of(1).await, Outcome::Stalled(Duration::from_secs(600)));
        assert!(begun.elapsed() >= Duration::from_secs(89), "it has its grace, and the engine its time");
    });
}

#[test]
fn a_connection_that_is_lost_again_and_again_ends_the_job() {
    let stage = Stage::new();
    stage.give(1, "true");
    // As many faults as there are pauses, and one more.
    (0..5).for_each(|_| stage.engine.fail(At::Next(Verb::Create), Fault::Unreachable));
    let Outcome::Broken(why) = stage.run(1) else { panic!("it is broken") };
    assert!(why.starts_with("Create the container: "), "{why}");
    assert_eq!(stage.engine.faults_left(), 0);
}
