//! Ends of containers: by themselves, by a stop, by their removal.

use crate::lab::{GO, Lab, up_to};
use kozmic_edges::engine::{ContainerState, Limits, NewContainer};
use std::time::Duration;

pub(crate) async fn a_containers_state_goes_from_created_to_exited(lab: &Lab) {
    let container = lab.create(&lab.script(&format!("{GO}; exit 3"))).await;
    let state = async || lab.engine.state(&container).await.unwrap();
    assert_eq!(state().await, Some(ContainerState::Created));
    lab.engine.start(&container).await.unwrap();
    assert_eq!(state().await, Some(ContainerState::Running));
    lab.put(&container, "/tmp/go", "").await;
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 3);
    assert_eq!(state().await, Some(ContainerState::Exited(3)));
    lab.engine.remove(&container).await.unwrap();
    assert_eq!(state().await, None);
}

pub(crate) async fn one_that_was_not_started_is_not_waited_for(lab: &Lab) {
    let container = lab.create(&lab.script("exit 3")).await;
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 0);
    lab.engine.start(&container).await.unwrap();
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 3);
}

pub(crate) async fn everybody_who_waits_learns_what_a_container_returned(lab: &Lab) {
    let container = lab.start(&lab.script(&format!("{GO}; exit 255"))).await;
    let (first, second, ()) = tokio::join!(
        lab.engine.wait(&container),
        lab.engine.wait(&container),
        lab.put(&container, "/tmp/go", "")
    );
    assert_eq!((first.unwrap(), second.unwrap()), (255, 255));
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 255, "it ended before");
}

pub(crate) async fn a_container_has_processes_while_it_runs(lab: &Lab) {
    let container = lab.create(&lab.script("sleep infinity")).await;
    let has_processes = async || lab.engine.has_processes(&container).await.unwrap();
    assert!(!has_processes().await);
    lab.engine.start(&container).await.unwrap();
    assert!(has_processes().await);
    lab.engine.stop(&container, Duration::from_secs(10)).await.unwrap();
    assert!(!has_processes().await);
    lab.engine.remove(&container).await.unwrap();
    assert!(!has_processes().await);
}

pub(crate) async fn a_stop_is_sigterm_and_sigkill_for_those_that_withstand(lab: &Lab) {
    let to_all = vec![("TINI_KILL_PROCESS_GROUP".to_owned(), "1".to_owned())];
    for (trap, environment, code) in
        [("true", Vec::new(), 143), ("trap 'exit 7' TERM", to_all.clone(), 7), ("trap '' TERM", to_all, 137)]
    {
        let script = format!("{trap}; echo ready; sleep infinity");
        let (container, mut heard) = lab.listen(&NewContainer { environment, ..lab.script(&script) }).await;
        up_to(&mut heard, b"ready\n").await;
        let grace = if code == 137 { Duration::ZERO } else { Duration::from_secs(10) };
        lab.engine.stop(&container, grace).await.unwrap();
        assert_eq!(lab.engine.state(&container).await.unwrap(), Some(ContainerState::Exited(code)));
    }
}

pub(crate) async fn one_that_is_not_running_is_stopped_already(lab: &Lab) {
    let created = lab.create(&lab.script("true")).await;
    let (ended, _) = lab.run(&lab.script("exit 3")).await;
    for (container, state) in [(created, ContainerState::Created), (ended, ContainerState::Exited(3))] {
        lab.engine.stop(&container, Duration::ZERO).await.unwrap();
        assert_eq!(lab.engine.state(&container).await.unwrap(), Some(state));
        lab.engine.remove(&container).await.unwrap();
        lab.engine.stop(&container, Duration::ZERO).await.unwrap();
    }
}

pub(crate) async fn a_container_is_removed_whatever_it_does(lab: &Lab) {
    let created = lab.create(&lab.script("true")).await;
    let running = lab.start(&lab.script("sleep infinity")).await;
    let (ended, _) = lab.run(&lab.script("true")).await;
    for container in [created, running, ended] {
        for _ in 0..2 {
            lab.engine.remove(&container).await.unwrap();
            assert_eq!(lab.engine.state(&container).await.unwrap(), None);
        }
    }
    assert!(lab.engine.containers(&lab.instance).await.unwrap().is_empty());
}

pub(crate) async fn a_signal_of_its_own_ends_a_script(lab: &Lab) {
    assert_eq!(lab.run(&lab.script("echo a; kill -9 $$; echo b")).await.1, 137);
}

pub(crate) async fn a_process_that_is_killed_for_want_of_memory_is_known_when_its_container_ended(lab: &Lab) {
    let limits = Limits { memory: Some(32 << 20), ..Limits::default() };
    let script = "head -c 300000000 /dev/zero | tail -n 1; exit 2";
    let starved = NewContainer { limits, ..lab.script(script) };
    let mut container = lab.run(&starved).await.0;
    // Docker learns of the kill and of the end separately. On a busy machine it may miss the kill because of the end.
    for _ in 0..20 {
        if lab.engine.lacked_memory(&container).await.unwrap() {
            break;
        }
        container = lab.run(&starved).await.0;
    }
    assert!(lab.engine.lacked_memory(&container).await.unwrap());
    assert_eq!(lab.engine.state(&container).await.unwrap(), Some(ContainerState::Exited(2)));
    lab.engine.remove(&container).await.unwrap();
    assert!(!lab.engine.lacked_memory(&container).await.unwrap(), "it is gone");
    let (killed, code) = lab.run(&lab.script("kill -9 $$")).await;
    assert_eq!((code, lab.engine.lacked_memory(&killed).await.unwrap()), (137, false));
}

pub(crate) async fn a_program_that_is_not_there_ends_with_127(lab: &Lab) {
    let command = vec!["/no/such".to_owned()];
    let (container, code) = lab.run(&NewContainer { command, ..lab.script("") }).await;
    assert_eq!(code, 127);
    assert!(lab.text(&container).await.contains("/no/such"));
}
