//! `kozmic cache clean`: removes surplus cached images from the engine, or all that no job uses.

use crate::{data_dir::DataDir, failure::Failure, settings::Settings, wire};
use clap::Subcommand;
use kozmic_flow::images::{self, Shelf, Turns};
use kozmic_model::audit::Actor;
use std::{process::ExitCode, sync::Arc};

/// Commands for cached images.
#[derive(Subcommand)]
pub(crate) enum CacheCommand {
    /// Remove images that are over the limit of their project, and images of no project.
    ///
    /// The least recently used images go first. An image that a job uses stays. The server may run meanwhile.
    Clean {
        /// Remove all images that no job uses.
        #[arg(long)]
        all: bool,
    },
}

/// Runs the command.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) async fn cache(settings: Settings, command: &CacheCommand) -> Result<ExitCode, Failure> {
    let CacheCommand::Clean { all } = command;
    let limit = if *all { 0 } else { settings.runner.cached_images };
    let dir = DataDir::share(&settings.server.data_dir)?;
    let (store, engine) = wire::store_and_engine(&settings, &dir).await?;
    let shelf = Shelf::new(Arc::new(engine), Turns::default(), &dir.runner()?);
    let work = async {
        let removed = images::trim(&store.acting(Actor::Operator), &shelf, limit).await?;
        anyhow::Ok((removed, images::remove_strays(&store, &shelf).await?))
    };
    let (removed, strays) = wire::closing(&store, work).await?;
    println!("{} removed; {strays} of them belonged to no project any more", counted(removed + strays));
    Ok(ExitCode::SUCCESS)
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 image".to_owned(),
        count => format!("{count} images"),
    }
}
