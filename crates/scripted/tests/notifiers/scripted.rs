//! The scripted channel, which is its own other side.

use crate::other_side::{Arrived, Message, OtherSide};
use async_trait::async_trait;
use kozmic_edges::notifier::{Channel, Notifier, NotifyError};
use kozmic_model::{news::NotifierName, notice::Notice};
use kozmic_scripted::{Behaviour, ScriptedChannel};
use std::sync::Arc;

pub(crate) struct ScriptedSide(ScriptedChannel);

impl ScriptedSide {
    pub(crate) fn start() -> Self {
        Self(ScriptedChannel::new(NotifierName::new("scripted")))
    }
}

#[async_trait]
impl OtherSide for ScriptedSide {
    fn notifier(&self) -> Notifier {
        Notifier::Channel(Arc::new(self.0.clone()))
    }

    async fn send(&self, message: &Message) -> Result<(), NotifyError> {
        let Message { id, title, text } = message.clone();
        self.0.send(&Notice { id, title, text, url: "https://ci.example.org/".to_owned() }).await
    }

    async fn behave(&mut self, behaviour: Behaviour) {
        self.0.set(behaviour);
    }

    async fn hangs(&self) {
        self.0.hangs().await;
    }

    fn arrived(&self) -> Vec<Arrived> {
        let arrived =
            |Notice { id, title, text, .. }| Arrived { id: Some(id), title, text, smuggled: Vec::new() };
        self.0.notices().into_iter().map(arrived).collect()
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}
