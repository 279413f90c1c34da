//! Sentences about deliveries that the forge could not deliver.

use kozmic_edges::{forge::Site, store::MissedCount};
use kozmic_model::time::{Timestamp, age};
use std::time::Duration;

/// Time for which a page mentions missed deliveries.
pub(super) const SHOWN: Duration = Duration::from_secs(7 * 86_400);

/// The sentences to show; empty if nothing was missed.
pub(super) fn sentences(count: &MissedCount, forge: &Site, now: Timestamp) -> Vec<String> {
    let &MissedCount { made_good, made_good_at, waiting, given_up, .. } = count;
    let mut said = Vec::new();
    if let Some(at) = made_good_at {
        let when = match age(now.since(at)).as_str() {
            "now" => "just now".to_owned(),
            age => format!("{age} ago"),
        };
        said.push(format!("{} that {forge} could not bring arrived in the end, {when}.", many(made_good)));
    }
    if waiting > 0 {
        said.push(format!(
            "{} did not arrive yet: {forge} is asked to send {} again.",
            many(waiting),
            them(waiting)
        ));
    }
    if given_up > 0 {
        said.push(lost(given_up, forge));
    }
    said
}

fn lost(count: usize, forge: &Site) -> String {
    let resend = forge.resend;
    let (many, they, them) = (many(count), if count == 1 { "it" } else { "they" }, them(count));
    format!(
        "Kozmic does not ask for {many} any more: {they} failed each time, or {forge} no longer keeps {them}. Push \
         again, or press {resend} at {forge} if it still lists {them}."
    )
}

fn them(count: usize) -> &'static str {
    if count == 1 { "it" } else { "them" }
}

fn many(count: usize) -> String {
    match count {
        1 => "1 delivery".to_owned(),
        count => format!("{count} deliveries"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_edges::forge::github::SITE;

    #[test]
    fn what_was_missed_is_said_by_what_became_of_it() {
        let now = Timestamp(600_000);
        assert!(sentences(&MissedCount::default(), &SITE, now).is_empty());
        let count = MissedCount {
            made_good: 3,
            made_good_at: Some(Timestamp(0)),
            waiting: 1,
            given_up: 2,
            faults: Vec::new(),
        };
        let said = sentences(&count, &SITE, now).join("\n");
        for words in [
            "3 deliveries that GitHub could not bring arrived in the end, 10 min ago.",
            "1 delivery did not arrive yet: GitHub is asked to send it again.",
            "Kozmic does not ask for 2 deliveries any more: they failed each time, or GitHub no longer keeps them. Push \
             again, or press Redeliver at GitHub if it still lists them.",
        ] {
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(
            lost(1, &SITE),
            "Kozmic does not ask for 1 delivery any more: it failed each time, or GitHub no longer keeps it. Push again, \
             or press Redeliver at GitHub if it still lists it."
        );
    }
}
