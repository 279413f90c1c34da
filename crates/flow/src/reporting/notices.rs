//! Notices about news, one for each channel.

use crate::Flow;
use anyhow::Result;
use kozmic_edges::{clock, store::Outgoing};
use kozmic_model::{
    ids::BuildId,
    news::NotifierName,
    notice::{Notice, NoticeFacts},
};

/// Sends a notice to a notifier's channel, or drops it if it is outdated.
pub(crate) async fn send(flow: &Flow, outgoing: Outgoing, to: NotifierName, build: BuildId) -> Result<()> {
    let store = &flow.edges.store;
    let is_late = clock::now().since(outgoing.created_at) > super::LIFETIME;
    let Some(channel) = flow.edges.notifiers.channel(to).filter(|_| !is_late) else { return Ok(()) };
    let Some(build) = store.outbox().news(build).await? else { return Ok(()) };
    let Some(project) = store.projects().project(build.project).await? else { return Ok(()) };
    let notice = Notice::compose(&NoticeFacts {
        name: &format!("{}.{}", outgoing.id, outgoing.version),
        project: &project,
        build: &build,
        public_url: flow.settings.public_url.as_str(),
    });
    channel.send(&notice).await?;
    tracing::info!(build.id = build.id.0, notifier = to.as_str(), "a notice was sent");
    Ok(())
}
