//! The scene of each case: a forge with some people and a repository, and an address for its deliveries.

use super::{
    OtherSide,
    letterbox::{Letter, Letterbox},
};
use crate::forge::{Forge, Interest, ReadDelivery, Webhook};
use kozmic_model::{
    event::{Change, Event},
    ids::WebhookId,
    project::Repository,
};
use secrecy::SecretString;

/// The secret of the scene's webhook.
pub(super) const SECRET: &str = "s3cret";

/// The scene's public repository. It is Anna's.
pub(super) const APP: &str = "anna/app";

/// A scene. Anna owns `anna/app`, which has one commit on `main`. Bob and Eve are people without rights.
pub(super) struct Stage {
    pub(super) other: Box<dyn OtherSide>,
    pub(super) letters: Letterbox,
}

impl Stage {
    pub(super) async fn new(other: impl OtherSide + 'static) -> Self {
        let stage = Self { other: Box::new(other), letters: Letterbox::open().await };
        for login in ["anna", "bob", "eve"] {
            stage.other.add_person(login);
        }
        stage.other.add_repository(APP, false);
        stage.other.push(APP, "main", &["First"]).await;
        stage
    }

    pub(super) fn forge(&self) -> &dyn Forge {
        self.other.forge()
    }

    /// Anna's token.
    pub(super) fn token(&self) -> SecretString {
        self.other.token("anna")
    }

    /// The scene's repository, as Anna sees it.
    pub(super) async fn app(&self) -> Repository {
        self.forge().repository_named(&self.token(), "anna", "app").await.unwrap().expect("a repository")
    }

    /// A webhook for the scene's address.
    pub(super) fn wanted(&self, interest: Interest) -> Webhook {
        Webhook { url: self.letters.url.clone(), interest, secret: SECRET.into() }
    }

    /// Makes a webhook at the scene's repository.
    pub(super) async fn listen(&self, interest: Interest) -> WebhookId {
        let (app, token) = (self.app().await, self.token());
        self.forge().ensure_webhook(&token, &app, &self.wanted(interest), None).await.unwrap()
    }

    /// Reads a letter as a server does.
    pub(super) fn read(&self, Letter { headers, body }: Letter) -> ReadDelivery {
        let proof = self.forge().proof(&headers).unwrap();
        self.forge().check(&proof, &SECRET.into(), &body).unwrap();
        self.forge().delivery(&headers, body).unwrap()
    }

    /// The next delivery that is more than a try of the address.
    pub(super) async fn heard(&self) -> (ReadDelivery, Event) {
        loop {
            let taken = self.read(self.letters.next().await);
            match self.forge().event(&taken.event, &taken.payload).unwrap() {
                Event::Ping => {}
                event => return (taken, event),
            }
        }
    }

    /// The next change.
    pub(super) async fn change(&self) -> Change {
        match self.heard().await.1 {
            Event::Change(change) => *change,
            other => panic!("a change: {other:?}"),
        }
    }
}
