//! `kozmic artifacts`: lists and removes artifacts that belong to no project any more.

use crate::{data_dir::DataDir, failure::Failure, settings::Settings, wire};
use anyhow::Context;
use clap::{Args, Subcommand};
use kozmic_edges::{
    publisher::{Directory, Publishers},
    store::Store,
};
use kozmic_model::artifact::ArtifactPlace;
use std::{
    process::ExitCode,
    time::{Duration, SystemTime},
};

/// Commands for artifacts that belong to no project any more.
#[derive(Subcommand)]
pub(crate) enum ArtifactsCommand {
    /// List artifacts of no project, with their sizes in bytes.
    ///
    /// Each artifact is one line. It is of a deleted project, or it has a .sha256 file beside it and is not in the
    /// database of this server. Links may lead to it.
    List(Which),
    /// Remove artifacts of no project, and the links that lead nowhere afterwards.
    ///
    /// Artifacts on a hub stay there.
    Remove(Which),
}

/// Selection of such artifacts.
#[derive(Args)]
pub(crate) struct Which {
    /// The least age of the artifacts, in days.
    ///
    /// A job may be about to note an artifact that is newer.
    #[arg(long, default_value_t = 1, value_name = "DAYS")]
    older_than: u32,
}

/// An artifact that no project has.
struct Left<'a> {
    directory: &'a Directory,
    word: &'static str,
    name: String,
    size: u64,
}

/// Runs the command. The server may run meanwhile.
pub(crate) async fn artifacts(settings: Settings, command: &ArtifactsCommand) -> Result<ExitCode, Failure> {
    let dir = DataDir::share(&settings.server.data_dir)?;
    let (store, _engine) = wire::store_and_engine(&settings, &dir).await?;
    let publishers = wire::publishers(&settings, &dir, &wire::room(&settings, &dir))?;
    wire::closing(&store, go_through(&store, publishers, command)).await?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn go_through(store: &Store, publishers: Publishers, command: &ArtifactsCommand) -> anyhow::Result<()> {
    let Publishers { binaries, kernels, .. } = publishers;
    let places = [(binaries, ArtifactPlace::Binaries), (kernels, ArtifactPlace::Kernels)];
    let (which, removes) = match command {
        ArtifactsCommand::List(which) => (which, false),
        ArtifactsCommand::Remove(which) => (which, true),
    };
    let age = Duration::from_secs(u64::from(which.older_than) * 86_400);
    let left = left(store, &places, SystemTime::now().checked_sub(age)).await?;
    for one in &left {
        if removes {
            remove(store, one).await?;
        }
        let Left { word, name, size, .. } = one;
        println!("{word}/{name}  {size}{}", if removes { "  removed" } else { "" });
    }
    let all = left.iter().map(|left| left.size).sum::<u64>();
    println!("{}", total(left.len(), all));
    Ok(())
}

fn total(count: usize, bytes: u64) -> String {
    match count {
        0 => "no artifacts are left over".to_owned(),
        1 => format!("1 artifact belongs to no project, {bytes} bytes"),
        _ => format!("{count} artifacts belong to no project, {bytes} bytes"),
    }
}

async fn left<'a>(
    store: &Store,
    places: &'a [(Directory, ArtifactPlace)],
    moment: Option<SystemTime>,
) -> anyhow::Result<Vec<Left<'a>>> {
    let mut left = Vec::new();
    for (directory, place) in places {
        let word = place.directory().unwrap_or_default();
        // The order matters: artifacts that are noted in between count as known.
        let there = directory.put_before(moment.unwrap_or(SystemTime::UNIX_EPOCH)).await?;
        let known = store.artifacts().names_of_artifacts(place).await?;
        let unknown = there.into_iter().filter(|(name, _)| !known.contains(name));
        left.extend(unknown.map(|(name, size)| Left { directory, word, name, size }));
    }
    Ok(left)
}

/// Removes one artifact and the links to it. The links' names are free then.
async fn remove(store: &Store, Left { directory, word, name, .. }: &Left<'_>) -> anyhow::Result<()> {
    let links = directory.links_to(name).await?;
    directory.remove(name).await.with_context(|| format!("remove {name}"))?;
    for link in links {
        if !directory.leads_somewhere(&link).await? {
            directory.unlink(&link).await.with_context(|| format!("remove the link {link}"))?;
            store.artifacts().let_go_of_name(word, &link).await?;
        }
    }
    Ok(())
}
