//! All that the monitor shows at one moment, and the differences between two moments. It is pure, so that each rule can
//! be tested.

use super::{card::Card, json, sight::Sight};
use axum::extract::ws::Utf8Bytes;
use kozmic_model::{ids::JobId, job::Attempt};
use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

/// Number of ended builds that are shown.
pub(super) const HISTORY: usize = 25;

/// A job's card, with its JSON for the page's script, rendered once.
#[derive(Debug)]
pub(crate) struct Shown {
    card: Card,
    json: String,
}

/// All that the monitor shows.
#[derive(Debug, Default)]
pub(crate) struct View {
    running: Vec<Arc<Shown>>,
    ended: Vec<Arc<Shown>>,
    /// The frames for viewers who may see everything in them.
    status: OnceLock<Utf8Bytes>,
    history: OnceLock<Utf8Bytes>,
}

/// A difference between two views, as it is sent to viewers.
#[derive(Clone, Debug)]
pub(crate) enum Difference {
    /// A build began, changed or just ended.
    Update(Arc<Shown>, Utf8Bytes),
    /// A running build disappeared without having ended, or other viewers may see it now: the whole list is sent again.
    Status,
    /// Builds ended.
    History,
}

impl View {
    /// This view with other cards. An unchanged card is not rendered again. A job that is in both lists stands in the
    /// list of the later look: ended jobs are read after running ones, or are those that were known before.
    pub(super) fn with(&self, running: Vec<Card>, ended: Option<Vec<Card>>) -> Self {
        let known = |card: Card| {
            let same = self.running.iter().chain(&self.ended).find(|known| known.card == card);
            same.map_or_else(|| Arc::new(Shown::new(card)), Arc::clone)
        };
        let mut running = running.into_iter().map(known).collect::<Vec<_>>();
        let ended = match ended {
            Some(cards) => {
                let ended = cards.into_iter().map(known).collect::<Vec<_>>();
                running.retain(|shown| find(&ended, shown.card.id).is_none());
                ended
            }
            None => {
                let still = self.ended.iter().filter(|shown| find(&running, shown.card.id).is_none());
                still.cloned().collect()
            }
        };
        Self { running, ended, status: OnceLock::new(), history: OnceLock::new() }
    }

    /// True if a job that ran in `before` is missing in `running`: it has ended or is hidden.
    pub(super) fn lacks_any_of(running: &[Card], before: &Self) -> bool {
        before.running.iter().any(|known| running.iter().all(|card| card.id != known.card.id))
    }

    /// The attempts whose logs are shown.
    pub(super) fn attempts(&self) -> HashSet<Attempt> {
        self.running.iter().chain(&self.ended).map(|shown| shown.card.attempt).collect()
    }

    /// The differences for viewers who know `before`.
    pub(super) fn differences_from(&self, before: &Self) -> Vec<Difference> {
        let changed =
            self.running.iter().filter(|shown| !before.running.iter().any(|known| Arc::ptr_eq(known, shown)));
        let mut differences = changed.map(Shown::update).collect::<Vec<_>>();
        let gone = before.running.iter().filter(|known| find(&self.running, known.card.id).is_none());
        let (ended, lost) =
            gone.map(|known| find(&self.ended, known.card.id)).partition::<Vec<_>, _>(Option::is_some);
        differences.extend(ended.into_iter().flatten().map(Shown::update));
        if !lost.is_empty() || self.changes_hands(before) {
            differences.push(Difference::Status);
        }
        let is_same = self.ended.len() == before.ended.len()
            && self.ended.iter().zip(&before.ended).all(|(one, other)| Arc::ptr_eq(one, other));
        if !is_same {
            differences.push(Difference::History);
        }
        differences
    }

    /// True if other viewers than before may see a running job. A viewer who may not see it any more does not receive
    /// the change itself.
    fn changes_hands(&self, before: &Self) -> bool {
        let was_private = |id| find(&before.running, id).map(|known| known.card.is_private);
        self.running
            .iter()
            .any(|shown| was_private(shown.card.id).is_some_and(|was| was != shown.card.is_private))
    }

    /// The frame with all running jobs that this viewer may see.
    pub(crate) fn status_frame(&self, sight: &Sight) -> Utf8Bytes {
        frame(&self.running, &self.status, sight, |seen| {
            let builds = seen.iter().map(|shown| format!("\"{}\":{}", shown.card.id, shown.json));
            format!(r#"{{"event":"status","payload":{{{}}}}}"#, joined(builds))
        })
    }

    /// The frame with the builds that ended last, as far as this viewer may see them.
    pub(crate) fn history_frame(&self, sight: &Sight) -> Utf8Bytes {
        let newest = &self.ended[..];
        frame(newest, &self.history, sight, |seen| {
            let builds = seen.iter().take(HISTORY).map(|shown| shown.json.clone());
            format!(r#"{{"event":"history","payload":[{}]}}"#, joined(builds))
        })
    }
}

impl Shown {
    fn new(card: Card) -> Self {
        Self { json: json::live(&card), card }
    }

    /// True if this viewer may see the card.
    pub(crate) fn is_for(&self, sight: &Sight) -> bool {
        self.card.is_for(sight)
    }

    fn update(this: &Arc<Self>) -> Difference {
        let frame = format!(r#"{{"event":"update","payload":{}}}"#, this.json);
        Difference::Update(Arc::clone(this), frame.into())
    }
}

fn find(among: &[Arc<Shown>], id: JobId) -> Option<&Arc<Shown>> {
    among.iter().find(|shown| shown.card.id == id)
}

/// The frame for this viewer. If nothing is hidden, it is the common frame, which is made only once.
fn frame(
    all: &[Arc<Shown>],
    common: &OnceLock<Utf8Bytes>,
    sight: &Sight,
    render: impl Fn(&[&Arc<Shown>]) -> String,
) -> Utf8Bytes {
    let seen = all.iter().filter(|shown| shown.is_for(sight)).collect::<Vec<_>>();
    match seen.len() == all.len() {
        true => common.get_or_init(|| render(&seen).into()).clone(),
        false => render(&seen).into(),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::samples::card;
    use kozmic_model::{ids::ProjectId, status::Status};
    use serde_json::Value;

    fn running(ids: &[i64]) -> Vec<Card> {
        ids.iter().map(|id| card(*id, Status::Pending)).collect()
    }

    fn ended(ids: &[i64]) -> Option<Vec<Card>> {
        Some(ids.iter().map(|id| card(*id, Status::Success)).collect())
    }

    /// The differences in short: `+` and the job's number for an update, `status`, `history`.
    fn told(after: &View, before: &View) -> Vec<String> {
        let short = |difference: Difference| match difference {
            Difference::Update(shown, frame) => {
                let frame = serde_json::from_str::<Value>(&frame).unwrap();
                assert_eq!(frame["payload"]["id"], shown.card.id.to_string());
                format!("{} {}", shown.card.id, shown.card.state)
            }
            Difference::Status => "status".to_owned(),
            Difference::History => "history".to_owned(),
        };
        after.differences_from(before).into_iter().map(short).collect()
    }

    fn payload(frame: &Utf8Bytes, event: &str) -> Value {
        let mut frame = serde_json::from_str::<Value>(frame).unwrap();
        assert_eq!(frame["event"], event);
        frame["payload"].take()
    }

    #[test]
    fn nothing_is_told_when_nothing_changed() {
        let view = View::default().with(running(&[1, 2]), ended(&[3]));
        assert!(told(&view.with(running(&[1, 2]), ended(&[3])), &view).is_empty());
        assert!(told(&view.with(running(&[1, 2]), None), &view).is_empty());
        assert!(told(&view, &view).is_empty());
    }

    #[test]
    fn only_what_is_new_or_has_changed_is_told() {
        let view = View::default().with(running(&[1]), ended(&[]));
        let mut cards = running(&[1, 2]);
        assert_eq!(told(&view.with(cards.clone(), None), &view), ["2 creating"]);
        cards[0].container = "0123456789".into();
        let after = view.with(cards, None);
        assert_eq!(told(&after, &view), ["1 creating", "2 creating"]);
    }

    #[test]
    fn what_ended_is_told_with_its_last_state_before_the_history() {
        let view = View::default().with(running(&[1, 2]), ended(&[3]));
        let after = view.with(running(&[2]), ended(&[1, 3]));
        assert_eq!(told(&after, &view), ["1 success", "history"]);
    }

    #[test]
    fn what_runs_again_leaves_the_history() {
        let view = View::default().with(running(&[]), ended(&[1, 3]));
        let after = view.with(running(&[1]), ended(&[3]));
        assert_eq!(told(&after, &view), ["1 creating", "history"]);
        assert_eq!(told(&view.with(running(&[3]), None), &view), ["3 creating", "history"]);
    }

    #[test]
    fn what_vanished_without_an_end_has_all_that_runs_told_anew() {
        let view = View::default().with(running(&[1, 2]), ended(&[3]));
        assert_eq!(told(&view.with(running(&[2]), None), &view), ["status"]);
        assert!(View::lacks_any_of(&running(&[2]), &view));
        assert!(!View::lacks_any_of(&running(&[1, 2, 4]), &view));
    }

    #[test]
    fn what_ended_between_two_looks_is_told_as_ended_only() {
        let view = View::default().with(running(&[1, 2]), ended(&[3]));
        let torn = view.with(running(&[1, 2]), ended(&[1, 3]));
        assert_eq!(told(&torn, &view), ["1 success", "history"]);
        assert_eq!(torn.running.len(), 1);
    }

    #[test]
    fn who_may_not_see_a_build_any_more_is_told_what_is_left() {
        let view = View::default().with(running(&[1, 2]), ended(&[3]));
        let mut cards = running(&[1, 2]);
        cards[1].is_private = true;
        let mut before = ended(&[3]).unwrap();
        before[0].is_private = true;
        let after = view.with(cards, Some(before));
        assert_eq!(told(&after, &view), ["2 creating", "status", "history"]);
        let stranger = Sight::OwnAndPublic(HashSet::new());
        assert_eq!(payload(&after.status_frame(&stranger), "status").as_object().unwrap().len(), 1);
        assert!(payload(&after.history_frame(&stranger), "history").as_array().unwrap().is_empty());
    }

    #[test]
    fn each_sees_what_they_may_and_those_who_see_all_share_a_frame() {
        let mut cards = running(&[1, 2]);
        cards[1].is_private = true;
        cards[1].project = ProjectId(7);
        let mut before = ended(&[3, 4]).unwrap();
        (before[1].is_private, before[1].project) = (true, ProjectId(7));
        let view = View::default().with(cards, Some(before));
        let stranger = Sight::OwnAndPublic(HashSet::new());
        let member = Sight::OwnAndPublic(HashSet::from([ProjectId(7)]));
        let ids = |sight: &Sight| {
            let status = payload(&view.status_frame(sight), "status");
            let history = payload(&view.history_frame(sight), "history");
            assert_eq!(status.as_object().unwrap().len(), history.as_array().unwrap().len());
            status.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(ids(&stranger), ["1"]);
        assert_eq!(ids(&member), ["1", "2"]);
        assert_eq!(ids(&Sight::Everything), ["1", "2"]);
        let (one, other) = (view.status_frame(&member), view.status_frame(&Sight::Everything));
        assert_eq!(one.as_ptr(), other.as_ptr());
    }

    #[test]
    fn the_history_is_no_longer_than_it_should_be() {
        let all = (0..40).collect::<Vec<_>>();
        let view = View::default().with(Vec::new(), ended(&all));
        let history = payload(&view.history_frame(&Sight::Everything), "history");
        assert_eq!(history.as_array().unwrap().len(), HISTORY);
        assert_eq!(history[0]["id"], "0");
    }
}
