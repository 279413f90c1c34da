//! The webhooks that tell the Auto Builder about pushes: one for each repository that it builds, and one for the
//! configuration repository.

use super::token;
use crate::{
    AutobuildSettings, Flow,
    at_forge::{interest, patience},
};
use anyhow::{Context, Result};
use kozmic_edges::{
    clock,
    forge::{ForgeError, Webhook},
    store::{Endpoint, Watched},
};
use kozmic_model::{ids::RepositoryId, project::Repository, recipe::Configuration};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// Brings all webhooks in line with the configuration in force.
pub(super) async fn all(flow: &Flow, settings: &AutobuildSettings) -> Result<()> {
    let configuration = flow.edges.store.configuration().configuration().await?;
    let configuration = configuration.map(|loaded| loaded.configuration).unwrap_or_default();
    for fault in of(flow, settings, &configuration).await? {
        tracing::warn!(fault, "a repository is not heard of");
    }
    Ok(())
}

/// Creates and corrects the webhooks that a configuration needs, and removes those that it no longer needs. Gives a
/// sentence for each repository whose pushes will not be noticed.
///
/// # Errors
/// The database does not answer, or the forge refuses or limits the Auto Builder altogether.
pub(super) async fn of(
    flow: &Flow,
    settings: &AutobuildSettings,
    configuration: &Configuration,
) -> Result<Vec<String>> {
    let token = token(flow).await?;
    let mut known = flow.edges.store.auto_builder().watched().await?;
    let (mut faults, mut heard) = (Vec::new(), BTreeSet::new());
    for name in names(settings, configuration).values() {
        match hear(flow, settings, &token, name, &known).await {
            Ok(repository) => drop(heard.insert(repository)),
            Err(fault) if is_hopeless(&fault) => return Err(fault),
            Err(fault) => {
                // Its pushes may still arrive by the webhook that it has.
                let there = known.iter().find(|watched| watched.full_name.eq_ignore_ascii_case(name));
                heard.extend(there.map(|watched| watched.repository));
                faults.push(format!("{name} is not heard of: {fault:#}."));
            }
        }
    }
    known.retain(|watched| !heard.contains(&watched.repository));
    for watched in known {
        forget(flow, &token, &watched).await?;
    }
    Ok(faults)
}

/// All repositories whose pushes are needed, by their names in lower case.
fn names(settings: &AutobuildSettings, configuration: &Configuration) -> BTreeMap<String, String> {
    let kernels = settings.kernels.iter().map(|rule| &rule.repository);
    let all = settings.configuration.iter().chain(configuration.repositories.keys()).chain(kernels);
    all.map(|name| (name.to_lowercase(), name.clone())).collect()
}

/// True if the fault will be the same for all other repositories.
fn is_hopeless(fault: &anyhow::Error) -> bool {
    let of_forge = fault.downcast_ref::<ForgeError>();
    of_forge.is_some_and(|fault| fault.is_unauthorized() || matches!(fault, ForgeError::RateLimited { .. }))
}

/// Creates or corrects the webhook of one repository.
async fn hear(
    flow: &Flow,
    settings: &AutobuildSettings,
    token: &SecretString,
    name: &str,
    known: &[Watched],
) -> Result<RepositoryId> {
    let (owner, short) = name.split_once('/').context("name the repository")?;
    let forge = &flow.edges.forge;
    let repository = forge.repository_named(token, owner, short).await?;
    let repository = repository.context("it is not there, or the Auto Builder's token may not see it")?;
    flow.edges.store.auto_builder().project_for(&repository, clock::now()).await?;
    let before = known.iter().find(|watched| watched.repository == repository.id);
    let wanted = Webhook {
        url: address(&flow.settings.public_url, &repository)?,
        interest: interest(Endpoint::AutoBuilder),
        secret: settings.webhook_secret.clone(),
    };
    let known = before.and_then(|known| known.webhook);
    // The note comes first: if the answer is lost, the note tells which webhook is to be removed one day.
    let watched = Watched { repository: repository.id, full_name: repository.full_name(), webhook: known };
    flow.edges.store.auto_builder().note_watched(&watched).await?;
    let webhook = forge.ensure_webhook(token, &repository, &wanted, known).await;
    let webhook = webhook.map_err(|fault| match fault.is_missing() {
        true => anyhow::anyhow!("the Auto Builder's token may not administer its webhooks"),
        false => fault.into(),
    })?;
    flow.edges.store.auto_builder().note_watched(&Watched { webhook: Some(webhook), ..watched }).await?;
    anyhow::ensure!(
        repository.full_name().eq_ignore_ascii_case(name),
        "it is called {} now: nothing is built of it before the configuration says so, too",
        repository.full_name()
    );
    Ok(repository.id)
}

/// Address `<public URL>/build/<repository>/hook`.
fn address(public_url: &Url, repository: &Repository) -> Result<Url> {
    let mut url = public_url.clone();
    url.path_segments_mut()
        .map_err(|()| anyhow::anyhow!("the public URL has no paths"))?
        .pop_if_empty()
        .extend(["build", repository.name.as_str(), "hook"]);
    Ok(url)
}

/// Removes a webhook that is no longer needed. If the forge refuses, the webhook stays there: its deliveries build
/// nothing.
async fn forget(flow: &Flow, token: &SecretString, watched: &Watched) -> Result<()> {
    if let Err(fault) = remove(flow, token, watched).await {
        if patience::may_pass(&fault) {
            return Ok(());
        }
        tracing::warn!(repository = watched.full_name, error = format!("{fault:#}"), "a webhook stays");
    }
    flow.edges.store.auto_builder().forget_watched(watched.repository).await
}

async fn remove(flow: &Flow, token: &SecretString, watched: &Watched) -> Result<()> {
    let Some(repository) = flow.edges.forge.repository(token, watched.repository).await? else {
        return Ok(());
    };
    let url = address(&flow.settings.public_url, &repository)?;
    Ok(flow.edges.forge.remove_webhook(token, &repository, &url, watched.webhook).await?)
}
