//! The output of containers: heard at once, and read again from the stored copy.

use crate::lab::{GO, Lab, all, both, up_to};
use futures_util::TryStreamExt;
use kozmic_edges::{
    clock,
    engine::{NewContainer, TerminalSize},
};
use kozmic_model::time::Timestamp;
use std::time::Duration;

pub(crate) async fn output_is_read_twice_the_same(lab: &Lab) {
    let (container, code) = lab.run(&lab.script("seq 100; echo err >&2; printf rest")).await;
    assert_eq!(code, 0);
    let numbers = (1..=100).map(|number| format!("{number}\n")).collect::<String>();
    let printed = (format!("{numbers}rest").into_bytes(), b"err\n".to_vec());
    for _ in 0..2 {
        assert_eq!(both(lab.engine.output(&container).await.unwrap()).await, printed);
    }
}

pub(crate) async fn every_byte_is_heard_as_it_was_printed(lab: &Lab) {
    let script = r"printf '\000\001\002 50 %%\n\377\303x\r\nü'";
    for has_terminal in [false, true] {
        let wanted = NewContainer { has_terminal, ..lab.script(script) };
        let (container, heard) = lab.listen(&wanted).await;
        let end = if has_terminal { "\r\n" } else { "\n" };
        let of = |bad: &[&[u8]; 2]| {
            let text = [format!("\0\x01\x02 50 %{end}").as_bytes(), &bad.concat(), b"x\r"].concat();
            [&text, end.as_bytes(), "ü".as_bytes()].concat()
        };
        assert_eq!(all(heard).await, of(&[b"\xff", b"\xc3"]));
        let sign = "\u{fffd}".as_bytes();
        assert_eq!(lab.text(&container).await.into_bytes(), of(&[sign, sign]));
    }
}

pub(crate) async fn both_channels_are_told_apart_without_a_terminal_alone(lab: &Lab) {
    let script = "echo out; echo err >&2";
    let (container, heard) = lab.listen(&lab.script(script)).await;
    let apart = (b"out\n".to_vec(), b"err\n".to_vec());
    assert_eq!(both(heard).await, apart);
    assert_eq!(both(lab.engine.output(&container).await.unwrap()).await, apart);
    let (container, heard) = lab.listen(&NewContainer { has_terminal: true, ..lab.script(script) }).await;
    let as_one = (b"out\r\nerr\r\n".to_vec(), Vec::new());
    assert_eq!(both(heard).await, as_one);
    assert_eq!(both(lab.engine.output(&container).await.unwrap()).await, as_one);
}

pub(crate) async fn a_terminal_has_the_size_that_it_is_given(lab: &Lab) {
    let size = TerminalSize { rows: 24, columns: 120 };
    let wanted = NewContainer { has_terminal: true, ..lab.script(&format!("stty size; {GO}; stty size")) };
    let (container, mut heard) = lab.listen(&wanted).await;
    assert_eq!(up_to(&mut heard, b"\n").await, b"0 0\r\n");
    lab.engine.size_terminal(&container, size).await.unwrap();
    lab.put(&container, "/tmp/go", "").await;
    assert_eq!(all(heard).await, b"24 120\r\n");
    lab.engine.wait(&container).await.unwrap();
    lab.engine.size_terminal(&container, size).await.unwrap();
    lab.engine.remove(&container).await.unwrap();
    lab.engine.size_terminal(&container, size).await.unwrap();
    let without = lab.start(&lab.script("sleep infinity")).await;
    lab.engine.size_terminal(&without, size).await.unwrap();
}

pub(crate) async fn an_unfinished_line_is_heard_at_once_and_kept_when_its_container_ends(lab: &Lab) {
    let script = format!("echo a; printf b; {GO}; printf c");
    let (container, mut heard) = lab.listen(&lab.script(&script)).await;
    assert_eq!(up_to(&mut heard, b"b").await, b"a\nb");
    let mut kept = lab.engine.output(&container).await.unwrap();
    assert_eq!(up_to(&mut kept, b"\n").await, b"a\n");
    lab.put(&container, "/tmp/go", "").await;
    assert_eq!(all(heard).await, b"c");
    let rest = kept.try_collect::<Vec<_>>().await.unwrap();
    let rest = rest.iter().map(|piece| piece.bytes.as_ref()).collect::<Vec<_>>();
    assert_eq!(rest, [b"bc"]);
}

pub(crate) async fn a_long_line_is_kept_in_parts_that_break_characters(lab: &Lab) {
    let script = r"printf x; yes ü | head -n 30000 | tr -d '\n'; echo";
    for has_terminal in [false, true] {
        let (container, _) = lab.run(&NewContainer { has_terminal, ..lab.script(script) }).await;
        let signs = lab.text(&container).await.matches('\u{fffd}').count();
        assert_eq!(signs, 3 * 2, "two for the character at each cut of 16 KiB");
    }
}

pub(crate) async fn much_is_heard_and_kept_whole(lab: &Lab) {
    for (has_terminal, end) in [(false, "\n"), (true, "\r\n")] {
        let wanted = NewContainer { has_terminal, ..lab.script("yes 0123456789 | head -n 20000") };
        let (container, heard) = lab.listen(&wanted).await;
        let printed = format!("0123456789{end}").repeat(20_000);
        assert!(all(heard).await == printed.as_bytes());
        assert!(lab.text(&container).await == printed);
    }
}

pub(crate) async fn the_last_words_before_a_kill_are_not_lost(lab: &Lab) {
    let script = "yes 0123456789 | head -n 20000; printf rest; touch /tmp/ready; exec sleep infinity";
    let (container, heard) = lab.listen(&lab.script(script)).await;
    let kill = async {
        while !lab.engine.has_file(&container, "/tmp/ready").await.unwrap() {}
        lab.engine.stop(&container, Duration::ZERO).await.unwrap();
    };
    let (heard, ()) = tokio::join!(all(heard), kill);
    assert_eq!((heard.len(), &heard[220_000..]), (220_004, b"rest".as_slice()));
    assert!(lab.text(&container).await.into_bytes() == heard);
}

pub(crate) async fn what_was_kept_is_read_up_to_a_second(lab: &Lab) {
    for has_terminal in [false, true] {
        let wanted = NewContainer { has_terminal, ..lab.script("echo a") };
        let (container, _) = lab.run(&wanted).await;
        let until = async |time| all(lab.engine.output_until(&container, time).await.unwrap()).await;
        assert_eq!(until(clock::now()).await, lab.text(&container).await.into_bytes());
        assert_eq!(until(Timestamp(0)).await, b"");
    }
}
