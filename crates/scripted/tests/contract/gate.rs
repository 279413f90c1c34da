//! The gate: a running container whose script waits for a line on its input.

use crate::lab::{AROUND, Lab, MARK, all, both, up_to, volume};
use kozmic_edges::engine::{Attached, ContainerId, Limits, NewContainer, OutputStream};
use std::{pin::Pin, time::Duration};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// The first line of the shell that the runner puts around a script, without the last step of the checkout.
const WAIT: &str =
    "read -r _ || exit 75; : >/kozmic/.ended && : >/kozmic/.started && cd /kozmic/src || exit; _g=10\n";

/// A container at its gate.
struct AtGate {
    container: ContainerId,
    output: OutputStream,
    input: Pin<Box<dyn AsyncWrite + Send>>,
}

fn wanted(lab: &Lab) -> NewContainer {
    NewContainer {
        takes_input: true,
        volumes: vec![volume("/kozmic", true)],
        environment: vec![("TINI_KILL_PROCESS_GROUP".to_owned(), "1".to_owned())],
        ..lab.script(&format!("{WAIT}{}", AROUND.replace(MARK, "(exec /kozmic/script.sh 2>&1)")))
    }
}

/// A container at its gate. Its files arrive through a helper container.
async fn at_gate(lab: &Lab, script: Option<&str>) -> AtGate {
    let script = script.map(|script| format!("#!/bin/sh\n{script}\n"));
    at_gate_of(lab, &wanted(lab), script.as_deref()).await
}

async fn at_gate_of(lab: &Lab, wanted: &NewContainer, script: Option<&str>) -> AtGate {
    let container = lab.create(wanted).await;
    let beside = lab.engine.create_beside(&container, wanted).await.unwrap();
    let Attached { output, input } = lab.engine.attach(&container, false).await.unwrap();
    lab.engine.start(&container).await.unwrap();
    lab.put(&beside, "/kozmic/src/file", "").await;
    if let Some(script) = script {
        lab.put(&beside, "/kozmic/script.sh", script).await;
    }
    lab.engine.remove(&beside).await.unwrap();
    AtGate { container, output, input }
}

impl AtGate {
    async fn open(mut self) -> (ContainerId, OutputStream) {
        self.input.write_all(b"go\n").await.unwrap();
        self.input.shutdown().await.unwrap();
        (self.container, self.output)
    }
}

/// A script that has begun and printed its word `ready`.
async fn ready(lab: &Lab, script: &str) -> (ContainerId, OutputStream) {
    let (container, mut output) = at_gate(lab, Some(script)).await.open().await;
    up_to(&mut output, b"ready\n").await;
    (container, output)
}

async fn note(lab: &Lab, container: &ContainerId) -> Option<String> {
    lab.file(container, "/kozmic/.ended").await
}

pub(crate) async fn a_script_begins_when_its_line_comes_and_its_end_is_noted(lab: &Lab) {
    let gate = at_gate(lab, Some("echo out; echo err >&2; cat file; echo 1 > new; exit 3")).await;
    for note in ["/kozmic/.started", "/kozmic/.ended"] {
        assert!(!lab.engine.has_file(&gate.container, note).await.unwrap());
    }
    let (container, output) = gate.open().await;
    assert_eq!(both(output).await, (b"out\nerr\n".to_vec(), Vec::new()));
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 3);
    assert_eq!(lab.file(&container, "/kozmic/.started").await.as_deref(), Some(""));
    assert_eq!(note(lab, &container).await.as_deref(), Some("3\n"));
    assert_eq!(lab.file(&container, "/kozmic/src/new").await.as_deref(), Some("1\n"));
    assert_eq!(lab.text(&container).await, "out\nerr\n");
}

pub(crate) async fn a_gate_whose_input_ends_closes_without_a_word(lab: &Lab) {
    for is_dropped in [true, false] {
        let AtGate { container, output, mut input } = at_gate(lab, Some("echo never")).await;
        if is_dropped {
            drop((output, input));
        } else {
            input.shutdown().await.unwrap();
            assert!(all(output).await.is_empty());
        }
        assert_eq!(lab.engine.wait(&container).await.unwrap(), 75);
        assert_eq!(note(lab, &container).await, None);
        assert_eq!(lab.text(&container).await, "");
    }
}

pub(crate) async fn a_gate_that_is_stopped_notes_nothing(lab: &Lab) {
    let AtGate { container, output, .. } = at_gate(lab, Some("echo never")).await;
    lab.engine.stop(&container, Duration::from_secs(10)).await.unwrap();
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 143);
    assert!(all(output).await.is_empty());
    assert_eq!(note(lab, &container).await, None);
}

pub(crate) async fn a_script_that_kills_itself_is_noted_without_a_signal(lab: &Lab) {
    let (container, output) = at_gate(lab, Some("echo ready; kill -9 $$")).await.open().await;
    assert_eq!(all(output).await, b"ready\n");
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 137);
    assert_eq!(note(lab, &container).await.as_deref(), Some("137\n"));
}

pub(crate) async fn a_stop_reaches_the_script_and_is_noted(lab: &Lab) {
    let (container, _output) = ready(lab, "echo ready; sleep infinity").await;
    assert_eq!(note(lab, &container).await.as_deref(), Some(""));
    lab.engine.stop(&container, Duration::from_secs(10)).await.unwrap();
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 143);
    assert_eq!(note(lab, &container).await.as_deref(), Some("143 signaled\n"));
}

pub(crate) async fn a_script_that_withstands_is_killed_and_noted_by_nobody(lab: &Lab) {
    let (container, _output) = ready(lab, "trap '' TERM\necho ready\nsleep infinity").await;
    lab.engine.stop(&container, Duration::ZERO).await.unwrap();
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 137);
    assert_eq!(note(lab, &container).await.as_deref(), Some(""));
}

pub(crate) async fn a_script_chooses_its_code_and_the_signal_is_noted(lab: &Lab) {
    let (container, _output) = ready(lab, "trap 'exit 7' TERM\necho ready\nsleep infinity").await;
    lab.engine.stop(&container, Duration::from_secs(10)).await.unwrap();
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 143);
    assert_eq!(note(lab, &container).await.as_deref(), Some("7 signaled\n"));
}

pub(crate) async fn a_program_below_a_script_has_the_time_to_tidy_up_at_a_stop(lab: &Lab) {
    let program = r#"sh -c 'trap "sleep 1; echo tidy" TERM; sleep infinity'"#;
    let (container, output) = ready(lab, &format!("echo ready\n{program}")).await;
    lab.engine.stop(&container, Duration::from_secs(60)).await.unwrap();
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 143);
    assert_eq!(note(lab, &container).await.as_deref(), Some("143 signaled\n"));
    // A shell may print before this that its program was terminated.
    let said = String::from_utf8(all(output).await).unwrap();
    assert!(said.ends_with("tidy\n"), "{said}");
}

pub(crate) async fn a_program_that_is_killed_for_want_of_memory_is_noted(lab: &Lab) {
    for (end, code) in [("exit 2", 2), ("exit", 137)] {
        let script = format!("#!/bin/sh\nhead -c 300000000 /dev/zero | tail -n 1; {end}\n");
        let limits = Limits { memory: Some(32 << 20), ..Limits::default() };
        let (container, _output) =
            at_gate_of(lab, &NewContainer { limits, ..wanted(lab) }, Some(&script)).await.open().await;
        assert_eq!(lab.engine.wait(&container).await.unwrap(), code);
        assert_eq!(note(lab, &container).await, Some(format!("{code} memory\n")));
    }
}

pub(crate) async fn a_script_that_is_not_there_is_noted(lab: &Lab) {
    let (container, output) = at_gate(lab, None).await.open().await;
    let said = String::from_utf8(all(output).await).unwrap();
    assert!(said.contains("/kozmic/script.sh"), "{said}");
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 127);
    assert_eq!(note(lab, &container).await.as_deref(), Some("127\n"));
}

pub(crate) async fn a_script_without_a_shell_around_it_begins_at_the_start(lab: &Lab) {
    let command = vec!["/kozmic/script.sh".to_owned()];
    let wanted = NewContainer { command, takes_input: false, ..wanted(lab) };
    let container = lab.create(&wanted).await;
    let beside = lab.engine.create_beside(&container, &wanted).await.unwrap();
    lab.put(&beside, "/kozmic/script.sh", "#!/bin/sh\necho out; echo err >&2; exit 3\n").await;
    let attached = lab.engine.attach(&container, false).await.unwrap();
    lab.engine.start(&container).await.unwrap();
    assert_eq!(both(attached.output).await, (b"out\n".to_vec(), b"err\n".to_vec()));
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 3);
    assert_eq!(note(lab, &container).await, None);
}
