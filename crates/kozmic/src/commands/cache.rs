//! `kozmic cache clean`: takes cached images off the engine that are too many, or all that no job uses.

use crate::{data_dir::DataDir, failure::Failure, settings::Settings, wire};
use clap::Subcommand;
use kozmic_flow::cache;
use std::process::ExitCode;

/// Commands for cached images.
#[derive(Subcommand)]
pub(crate) enum CacheCommand {
    /// Removes images beyond the limit for each project, the least recently used first, and images that nobody knows
    /// of any more. None that a job uses. The server may run meanwhile.
    Clean {
        /// Removes all images that no job uses.
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
    let instance = dir.instance()?;
    let work = async {
        let removed = cache::trim(&store, &engine, &instance, limit).await?;
        anyhow::Ok((removed, cache::remove_strays(&store, &engine, &instance).await?))
    };
    let (removed, strays) = wire::closing(&store, work).await?;
    println!("{} removed; {strays} of them belonged to no project any more", images(removed + strays));
    Ok(ExitCode::SUCCESS)
}

fn images(count: usize) -> String {
    match count {
        1 => "1 image".to_owned(),
        count => format!("{count} images"),
    }
}
