//! The cases. Each begins with an other side that takes messages and has none.

use crate::other_side::{Message, OtherSide};
use kozmic_edges::notifier::{LIMIT, NotifyError};
use kozmic_scripted::Behaviour;
use std::time::Duration;
use tokio::time::Instant;

/// The time for a polite end after the limit.
const POLITE: Duration = Duration::from_secs(5);

const PUTS_OFF: Behaviour = Behaviour::PutsOff { wait: Duration::ZERO };

/// Each behaviour of a side that answers, but takes nothing.
const UNWILLING: [Behaviour; 4] = [Behaviour::Refuses, PUTS_OFF, Behaviour::LocksOut, Behaviour::Away];

pub(crate) async fn a_message_arrives_once_with_its_news(side: &mut impl OtherSide) {
    for number in 1..=2 {
        side.send(&Message::number(number)).await.unwrap();
    }
    let arrived = side.arrived();
    assert_eq!(arrived.len(), 2, "{arrived:?}");
    for (number, arrived) in (1..).zip(&arrived) {
        let Message { id, title, text } = Message::number(number);
        assert!(arrived.id.as_ref().is_none_or(|known| *known == id), "{arrived:?}");
        assert_eq!(arrived.title, title);
        assert!(arrived.text.contains(&text) && arrived.smuggled.is_empty(), "{arrived:?}");
    }
}

pub(crate) async fn a_refusal_is_told_from_a_fault_that_may_pass(side: &mut impl OtherSide) {
    for (behaviour, may_pass) in
        [(Behaviour::Refuses, false), (PUTS_OFF, true), (Behaviour::Away, true), (Behaviour::BreaksOff, true)]
    {
        side.behave(behaviour).await;
        let fault = side.send(&Message::number(1)).await.unwrap_err();
        assert_eq!(fault.try_again().is_some(), may_pass, "{behaviour:?}: {fault}");
    }
}

pub(crate) async fn a_message_that_was_not_taken_arrives_later(side: &mut impl OtherSide) {
    for behaviour in UNWILLING {
        side.behave(behaviour).await;
        side.send(&Message::number(1)).await.unwrap_err();
        assert!(side.arrived().is_empty(), "{behaviour:?}");
    }
    side.behave(Behaviour::Takes).await;
    side.send(&Message::number(1)).await.unwrap();
    assert_eq!(side.arrived().len(), 1);
}

pub(crate) async fn a_message_that_is_sent_again_is_known_by_its_id(side: &mut impl OtherSide) {
    side.behave(Behaviour::BreaksOff).await;
    side.send(&Message::number(1)).await.unwrap_err();
    side.behave(Behaviour::Takes).await;
    side.send(&Message::number(1)).await.unwrap();
    side.send(&Message::number(2)).await.unwrap();
    let ids = side.arrived().into_iter().map(|arrived| arrived.id).collect::<Vec<_>>();
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[0], ids[1]);
    assert!(ids[2].is_none() || ids[2] != ids[1], "{ids:?}");
}

pub(crate) async fn a_side_that_hangs_is_left_at_the_limit(side: &mut impl OtherSide) {
    side.behave(Behaviour::Hangs).await;
    let message = Message::number(1);
    let sent = tokio::time::timeout(2 * LIMIT, side.send(&message));
    // Nothing happens after it hangs, so the clock may run ahead.
    let (sent, began) = tokio::join!(sent, async {
        side.hangs().await;
        tokio::time::pause();
        Instant::now()
    });
    let fault = sent.expect("the notifier ends the call by itself").unwrap_err();
    assert!(matches!(fault, NotifyError::Unreachable { .. }), "{fault}");
    assert!(began.elapsed() <= LIMIT + POLITE, "{:?}", began.elapsed());
}

pub(crate) async fn a_check_tells_if_messages_are_taken_and_sends_none(side: &mut impl OtherSide) {
    side.notifier().check().await.unwrap();
    for behaviour in [Behaviour::LocksOut, Behaviour::Away] {
        side.behave(behaviour).await;
        assert!(side.notifier().check().await.is_err(), "{behaviour:?}");
    }
    assert!(side.arrived().is_empty());
}

pub(crate) async fn no_fault_has_a_secret_in_it(side: &mut impl OtherSide) {
    let server = side.notifier().server();
    for behaviour in UNWILLING.into_iter().chain([Behaviour::BreaksOff]) {
        side.behave(behaviour).await;
        let fault = side.send(&Message::number(1)).await.unwrap_err();
        let words = format!("{fault} {fault:?}").to_lowercase();
        assert!(words.contains(&server), "{words}");
        for secret in side.secrets() {
            assert!(!words.contains(&secret.to_lowercase()), "{behaviour:?}: {words}");
        }
    }
    for secret in side.secrets() {
        assert!(!server.contains(&secret), "{server}");
    }
}

pub(crate) async fn texts_of_strangers_change_nothing_but_themselves(side: &mut impl OtherSide) {
    let hostile = [
        "\r\nBcc: eve@example.com\r\n\r\n<script>",
        "\nX-Smuggled: yes",
        "\r\n.\r\nRCPT TO:<eve@example.com>\r\nDATA",
        "\u{0}\u{7}\u{1b}[2J\u{85}\u{2028}\u{202e}",
    ];
    let long = "x".repeat(100_000);
    for (number, text) in (1..).zip(hostile.into_iter().chain([long.as_str()])) {
        let Message { id, title, text: begin } = Message::number(number);
        let title = format!("{title}{text}");
        let text = format!("{begin}{text}\nthe end");
        side.send(&Message { id, title, text }).await.unwrap();
        let arrived = side.arrived();
        assert_eq!(arrived.len(), number as usize, "{arrived:?}");
        let last = &arrived[arrived.len() - 1];
        assert!(last.smuggled.is_empty(), "{:?}", last.smuggled);
        assert!(last.text.contains(&begin) && last.text.contains("the end"), "{}", last.text);
        assert!(last.title.starts_with("[failure] anna/hello#"), "{}", last.title);
    }
}
