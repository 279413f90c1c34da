//! Turns news into messages: each notifier of the installation determines the recipients.

use super::mails;
use crate::Flow;
use anyhow::Result;
use kozmic_edges::{
    broker::Topic,
    clock,
    notifier::Notifier,
    store::{Outgoing, Recipient},
};
use kozmic_model::ids::BuildId;

/// Puts the notifiers' messages about a build into their lanes.
pub(crate) async fn spread(flow: &Flow, news: Outgoing, build: BuildId) -> Result<()> {
    let store = &flow.edges.store;
    let Some(build) = store.outbox().news(build).await? else { return Ok(()) };
    let mut recipients = Vec::new();
    for notifier in flow.edges.notifiers.iter() {
        match notifier {
            Notifier::Mail(_) => recipients.extend(mails::recipients(flow, &build).await?),
            Notifier::Channel(channel) => recipients.push(Recipient::Channel(channel.name())),
        }
    }
    store.outbox().spread_news(news, &build, &recipients, clock::now()).await?;
    flow.edges.broker.ring(Topic::Outbox);
    Ok(())
}
