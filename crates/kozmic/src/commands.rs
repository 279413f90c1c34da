//! The program's commands.

mod artifacts;
mod cache;
mod check;
mod config;
mod finding;
mod completions;
mod import;
mod looks;
mod man;
mod migrate;
mod projects;
mod recipes;
mod runner;
mod runners;
mod serve;
mod setup;

pub(crate) use artifacts::{ArtifactsCommand, artifacts};
pub(crate) use cache::{CacheCommand, cache};
pub(crate) use check::{CheckArguments, check};
pub(crate) use completions::{CompletionsArguments, completions};
pub(crate) use config::{ConfigCommand, config};
pub(crate) use import::{ImportArguments, import};
pub(crate) use man::{ManArguments, man};
pub(crate) use migrate::{MigrateArguments, migrate};
pub(crate) use projects::{ProjectsCommand, projects};
pub(crate) use recipes::{RecipesCommand, recipes};
pub(crate) use runner::{RunnerArguments, runner};
pub(crate) use runners::{RunnersCommand, runners};
pub(crate) use serve::serve;
pub(crate) use setup::{SetupArguments, setup};

use crate::settings::Settings;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts the server's own log, on standard error.
pub(crate) fn init_log(settings: &Settings) {
    // Migrations of the database are logged only if they fail, and PostgreSQL's notices during them are no faults.
    // Faults of certificates are logged by the code that handles them.
    let quiet = "sea_orm_migration=warn,sqlx::postgres::notice=warn,rustls_platform_verifier=off";
    let filter = format!("{quiet},{}", settings.log.filter);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().with_writer(std::io::stderr);
    match settings.log.is_json {
        true => tracing_subscriber::registry().with(filter).with(lines.json()).init(),
        false => tracing_subscriber::registry().with(filter).with(lines.with_ansi(false)).init(),
    }
}
