//! The program: reads settings, selects the concrete edges, and serves.
//!
//! It connects all parts of the way of a push, and decides nothing itself.

mod version;
mod settings;
mod at_rest;
mod data_dir;
mod files;
mod failure;
mod people;
mod sole;
mod wire;
mod commands;

use clap::{CommandFactory, Parser, Subcommand};
use failure::Failure;
use settings::Settings;
use std::{path::PathBuf, process::ExitCode};

/// A self-hosted continuous integration server.
#[derive(Parser)]
#[command(name = "kozmic", version = version::VERSION)]
struct Arguments {
    /// The settings file; kozmic.toml in the current directory if it is there.
    #[arg(long, env = "KOZMIC_CONFIG", global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    OfServer(ServerCommand),
    /// Asks what a server has to know, tries it, and writes the settings and, as root, a service of systemd.
    Setup(commands::SetupArguments),
    /// Looks after recipes, without a server.
    #[command(subcommand)]
    Recipes(commands::RecipesCommand),
    /// Shows settings: those of an installation, or an example with all that there are.
    #[command(subcommand)]
    Config(commands::ConfigCommand),
    /// Prints what a shell completes: bash, zsh, fish and others.
    Completions(commands::CompletionsArguments),
    /// Prints the manual page, or writes those of all commands into a directory.
    Man(commands::ManArguments),
}

/// Commands that need a server's settings.
#[derive(Subcommand)]
enum ServerCommand {
    /// Serves pages, takes deliveries and runs jobs, in one process.
    Serve,
    /// Says what is reachable and what is not, a line each, and changes nothing. Exit code 0 if no line begins with
    /// FAIL.
    Check(commands::CheckArguments),
    /// Looks after artifacts that belong to no project any more.
    #[command(subcommand)]
    Artifacts(commands::ArtifactsCommand),
    /// Looks after the images that install scripts made.
    #[command(subcommand)]
    Cache(commands::CacheCommand),
    /// Lists projects, and deletes those that nobody else can delete any more.
    #[command(subcommand)]
    Projects(commands::ProjectsCommand),
    /// Brings the database's tables up to date, or moves everything to another database, while no server runs.
    Migrate(commands::MigrateArguments),
    /// Takes over an installation of the original Kozmic CI, while no server runs.
    Import(commands::ImportArguments),
}

fn main() -> ExitCode {
    at_rest::close_new();
    // All TLS uses one cryptography library. A second installation would be a fault of this program.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Arguments { config, command } = Arguments::parse();
    let ended = match &command {
        Command::OfServer(command) => run(config, command),
        Command::Setup(arguments) => commands::setup(config.as_deref(), arguments),
        Command::Recipes(command) => commands::recipes(config.as_deref(), command),
        Command::Config(command) => commands::config(config, command),
        Command::Completions(arguments) => commands::completions(Arguments::command(), arguments),
        Command::Man(arguments) => commands::man(Arguments::command(), arguments),
    };
    match ended {
        Ok(code) => code,
        Err(failure) => failure.tell(),
    }
}

fn run(config: Option<PathBuf>, command: &ServerCommand) -> Result<ExitCode, Failure> {
    let settings = match command {
        ServerCommand::Serve | ServerCommand::Check(_) => Settings::read(config)?,
        _ => Settings::read_without_forge(config)?,
    };
    commands::init_log(&settings);
    let runtime = tokio::runtime::Runtime::new().map_err(|fault| Failure::other(fault.into()))?;
    match command {
        ServerCommand::Serve => runtime.block_on(commands::serve(settings)),
        ServerCommand::Check(arguments) => Ok(runtime.block_on(commands::check(settings, arguments))),
        ServerCommand::Artifacts(command) => runtime.block_on(commands::artifacts(settings, command)),
        ServerCommand::Cache(command) => runtime.block_on(commands::cache(settings, command)),
        ServerCommand::Projects(command) => runtime.block_on(commands::projects(settings, command)),
        ServerCommand::Migrate(arguments) => runtime.block_on(commands::migrate(settings, arguments)),
        ServerCommand::Import(arguments) => runtime.block_on(commands::import(settings, arguments)),
    }
}
