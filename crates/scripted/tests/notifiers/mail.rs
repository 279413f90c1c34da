//! Mail, with a real mail server as its other side.

use crate::other_side::{Arrived, Message, OtherSide};
use async_trait::async_trait;
use kozmic_edges::notifier::{MailSender, Notifier, NotifyError};
use kozmic_model::mail::Mail;
use kozmic_scripted::Behaviour;
use kozmic_testkit::mail::{self, MailServer};
use std::time::Duration;

/// Longest wait for the mail server.
const LIMIT: Duration = Duration::from_secs(30);

const USER: &str = "kozmic-ci";
const PASSWORD: &str = "Sesame-Opens";
const RECIPIENT: &str = "anna@example.com";

pub(crate) struct MailSide {
    server: MailServer,
    sender: MailSender,
}

impl MailSide {
    pub(crate) async fn start() -> Self {
        let server = MailServer::start_with_login(USER, PASSWORD).await.unwrap();
        let url = server.url().parse().unwrap();
        let sender = MailSender::new(url, "Kozmic <kozmic@example.org>".parse().unwrap()).unwrap();
        Self { server, sender }
    }
}

#[async_trait]
impl OtherSide for MailSide {
    fn notifier(&self) -> Notifier {
        Notifier::Mail(self.sender.clone())
    }

    async fn send(&self, message: &Message) -> Result<(), NotifyError> {
        let Message { id: message_id, title: subject, text } = message.clone();
        let html = "<p>The same.</p>".to_owned();
        self.sender.send(RECIPIENT, &Mail { subject, text, html, message_id, list: None }).await
    }

    async fn behave(&mut self, behaviour: Behaviour) {
        let behaviour = match behaviour {
            Behaviour::Takes => mail::Behaviour::Takes,
            Behaviour::BreaksOff => mail::Behaviour::BreaksOff,
            Behaviour::Hangs => mail::Behaviour::Hangs,
            Behaviour::PutsOff { .. } => mail::Behaviour::PutsOff,
            Behaviour::Refuses => mail::Behaviour::Refuses,
            Behaviour::LocksOut => mail::Behaviour::LocksOut,
            Behaviour::Away => return self.server.stop().await.unwrap(),
        };
        self.server.stop().await.unwrap();
        self.server.start_again().await.unwrap();
        self.server.behave(behaviour).unwrap();
    }

    async fn hangs(&self) {
        self.server.wait_until_it_hangs(LIMIT).await.unwrap();
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.server.messages().unwrap().into_iter().map(arrived).collect()
    }

    fn secrets(&self) -> Vec<String> {
        [USER, PASSWORD, RECIPIENT].map(str::to_owned).into()
    }
}

fn arrived(mail: mail::Mail) -> Arrived {
    let id = mail.header("Message-ID").map(str::to_owned);
    let headers = ["Bcc", "X-Smuggled"].into_iter().filter_map(|name| mail.header(name)).map(str::to_owned);
    let others = mail.to.iter().chain(&mail.recipients).filter(|address| *address != RECIPIENT).cloned();
    let smuggled = headers.chain(others).collect();
    Arrived { id, smuggled, title: mail.subject, text: mail.text.unwrap_or_default() }
}
