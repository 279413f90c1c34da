//! Messages of the line, the connection that stays open as long as a runner lives.

use super::{
    At,
    outcome::End,
    text::{SENTENCE, cut},
};
use kozmic_model::runner::RunnerFacts;
use kozmic_runner::coordinator::State;
use serde::{Deserialize, Serialize};

/// A runner's message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum FromRunner {
    /// The first message.
    Hello(Hello),
    /// The runner is alive.
    Beat { state: Slots },
    /// The runner's state changed.
    State { state: Slots },
    /// The facts about the runner's machine changed.
    Facts { facts: RunnerFacts },
    /// The runner wants to hear when an attempt must stop.
    Watch { of: At },
    /// The runner no longer needs to hear of an attempt.
    Leave { of: At },
    /// A message that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The server's message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum FromServer {
    /// The answer to the first message.
    Welcome(Welcome),
    /// The server is alive.
    Beat,
    /// There may be a job.
    Wake,
    /// An attempt must stop.
    Stop { of: At, outcome: End },
    /// The runner takes no new jobs, or takes jobs again.
    Drain { on: bool },
    /// The runner should remove images that nobody needs.
    Images,
    /// The server ends: connect again.
    Over,
    /// A message that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A runner's first message on its line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The version of the protocol.
    pub(crate) protocol: u32,
    /// Words for abilities that not every runner has.
    #[serde(default)]
    pub(crate) features: Vec<String>,
    /// The facts about its machine.
    #[serde(default)]
    pub(crate) facts: RunnerFacts,
    /// The runner's state.
    pub(crate) state: Slots,
    /// The attempts that it holds.
    #[serde(default)]
    pub(crate) holds: Vec<At>,
    /// A random word of its process; empty: a runner of before.
    #[serde(default)]
    pub(crate) process: String,
}

/// A runner's state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Slots {
    slots: usize,
    busy: usize,
    trouble: Option<String>,
}

/// The server's first message on a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) protocol: u32,
    pub(crate) installation: String,
    pub(crate) lease_seconds: u64,
    /// Attempts of `holds` that the runner no longer holds.
    #[serde(default)]
    pub(crate) gone: Vec<At>,
}

/// The most characters of a feature.
const FEATURE: usize = 100;

/// The most characters of a process's word.
const PROCESS: usize = 64;

/// The most features.
const FEATURES: usize = 50;

/// The most slots of a runner.
const SLOTS: usize = 10_000;

impl Hello {
    /// The runner's state.
    pub(crate) fn state(&self) -> State {
        self.state.clone().into()
    }

    /// The message with its lists cut to their limits.
    pub(crate) fn cut(mut self) -> Self {
        self.features.truncate(FEATURES);
        self.features = self.features.into_iter().map(|word| cut(word, FEATURE)).collect();
        self.process = cut(self.process, PROCESS);
        self
    }
}

impl From<&State> for Slots {
    fn from(state: &State) -> Self {
        let State { slots, busy, trouble } = state.clone();
        Self { slots, busy, trouble }
    }
}

impl From<Slots> for State {
    fn from(sent: Slots) -> Self {
        let Slots { slots, busy, trouble } = sent;
        let trouble = trouble.map(|trouble| cut(trouble, SENTENCE));
        Self { slots: slots.min(SLOTS), busy: busy.min(SLOTS), trouble }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_fields_of_a_newer_side_are_ignored() {
        let unknown = serde_json::from_str(r#"{"kind":"sing","song":[1,2]}"#).unwrap();
        assert!(matches!(unknown, FromServer::Unknown));
        let unknown = serde_json::from_str(r#"{"kind":"sing"}"#).unwrap();
        assert!(matches!(unknown, FromRunner::Unknown));
        let hello = r#"{"kind":"hello","protocol":2,"mood":"good","facts":{"architecture":"amd64","moons":3},
                        "state":{"slots":2,"busy":1,"trouble":null,"mood":1}}"#;
        let FromRunner::Hello(hello) = serde_json::from_str(hello).unwrap() else { panic!("it is one") };
        assert_eq!((hello.protocol, hello.state().slots, hello.holds.len()), (2, 2, 0));
        assert_eq!(hello.facts.architecture.as_deref(), Some("amd64"));
    }

    #[test]
    fn long_texts_and_lists_are_cut() {
        let long = "x".repeat(9_000);
        let state = Slots { slots: usize::MAX, busy: usize::MAX, trouble: Some(long.clone()) };
        let (facts, features) = (RunnerFacts::default(), vec![long.clone(); 900]);
        let (holds, process) = (Vec::new(), long);
        let hello = Hello { protocol: 1, features, facts, state, holds, process }.cut();
        assert_eq!((hello.features.len(), hello.features[0].len(), hello.process.len()), (50, 100, 64));
        let state = hello.state();
        assert_eq!(
            (state.slots, state.busy, state.trouble.map(|text| text.len())),
            (10_000, 10_000, Some(4_000))
        );
    }
}
