//! Tests of containers that are attached before their start, with a terminal and without.

use super::*;
use crate::engine::{Output, OutputStream};

/// Waits until this file exists.
const GO: &str = "while [ ! -e /tmp/go ]; do sleep 0.01; done";

impl Lab {
    async fn listen(&self, script: &str, has_terminal: bool) -> (ContainerId, OutputStream) {
        let wanted = NewContainer { has_terminal, ..self.script(script).await };
        let container = self.engine.create(&wanted).await.unwrap();
        let output = self.engine.attach(&container, has_terminal).await.unwrap().output;
        self.engine.start(&container).await.unwrap();
        (container, output)
    }

    async fn heard(&self, script: &str, has_terminal: bool) -> Vec<u8> {
        let (_, output) = self.listen(script, has_terminal).await;
        all(output).await
    }
}

async fn all(output: OutputStream) -> Vec<u8> {
    let pieces = output.try_collect::<Vec<_>>().await.unwrap();
    pieces.into_iter().flat_map(|piece| piece.bytes).collect()
}

#[tokio::test]
async fn unfinished_lines_are_heard_while_their_container_runs_on() {
    let lab = Lab::new();
    let script = format!(r"printf '\000\001\002 50 %%'; {GO}; printf '\r\377\303 100 %%'");
    for has_terminal in [true, false] {
        let (container, mut output) = lab.listen(&script, has_terminal).await;
        let mut heard = Vec::new();
        while heard.len() < 8 {
            let Output { channel, bytes } = output.next().await.unwrap().unwrap();
            assert_eq!(channel, Channel::Output);
            heard.extend_from_slice(&bytes);
        }
        assert_eq!(heard, b"\0\x01\x02 50 %");
        lab.engine.upload(&container, "/tmp", archive("go", b"")).await.unwrap();
        assert_eq!(all(output).await, b"\r\xff\xc3 100 %");
    }
}

#[tokio::test]
async fn many_bytes_are_heard_whole() {
    let lab = Lab::new();
    let line = "0123456789".repeat(100);
    for (has_terminal, end) in [(true, "\r\n"), (false, "\n")] {
        let heard = lab.heard(&format!("yes {line} | head -n 10000"), has_terminal).await;
        assert!(heard == format!("{line}{end}").repeat(10_000).as_bytes(), "{} bytes", heard.len());
    }
}

#[tokio::test]
async fn neither_first_nor_last_words_are_lost_when_a_container_ends_by_itself() {
    let lab = Lab::new();
    for _ in 0..5 {
        for (has_terminal, length) in [(true, 240_004), (false, 220_004)] {
            let heard = lab.heard("yes 0123456789 | head -n 20000; printf rest", has_terminal).await;
            assert_eq!(heard.len(), length);
            assert!(heard.starts_with(b"0123456789") && heard.ends_with(b"\nrest"));
        }
    }
}

#[tokio::test]
async fn the_last_words_before_a_kill_are_not_lost() {
    let lab = Lab::new();
    let script = "yes 0123456789 | head -n 20000; printf rest; : > /ready; exec sleep 1000";
    for _ in 0..5 {
        for (has_terminal, length) in [(true, 240_004), (false, 220_004)] {
            let (container, output) = lab.listen(script, has_terminal).await;
            let kill = async {
                while !lab.engine.has_file(&container, "/ready").await.unwrap() {}
                lab.engine.stop(&container, Duration::ZERO).await.unwrap();
            };
            let (heard, ()) = tokio::join!(all(output), kill);
            assert_eq!((heard.len(), &heard[length - 4..]), (length, b"rest".as_slice()));
        }
    }
}

#[tokio::test]
async fn silence_longer_than_the_engine_may_take_to_answer_ends_nothing() {
    let lab = Lab::new();
    let hasty = lab.engine.docker().unwrap().with_timeout(Duration::from_secs(1));
    let hasty = DockerEngine { docker: OnceLock::from(hasty), ..DockerEngine::clone(&lab.engine) };
    for has_terminal in [true, false] {
        let wanted = NewContainer { has_terminal, ..lab.script("sleep 2.5; printf end").await };
        let container = hasty.create(&wanted).await.unwrap();
        let output = hasty.attach(&container, has_terminal).await.unwrap().output;
        lab.engine.start(&container).await.unwrap();
        let (heard, read) = tokio::join!(all(output), all(hasty.output(&container).await.unwrap()));
        assert_eq!((heard, read), (b"end".to_vec(), b"end".to_vec()));
    }
}

#[tokio::test]
async fn nobody_listens_to_a_container_that_is_gone() {
    let lab = Lab::new();
    let wanted = NewContainer { has_terminal: true, ..lab.script("true").await };
    let container = lab.engine.create(&wanted).await.unwrap();
    lab.engine.remove(&container).await.unwrap();
    for has_terminal in [true, false] {
        let attached = lab.engine.attach(&container, has_terminal).await;
        assert!(attached.err().unwrap().is_missing());
    }
}
