//! The program: reads settings, selects the concrete edges, and serves.
//!
//! It connects all parts of the way of a push, and decides nothing itself.
// A future that works with the store holds those of the layers below it.
#![recursion_limit = "256"]

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
    /// The settings file; the default is kozmic.toml in the current directory.
    #[arg(long, env = "KOZMIC_CONFIG", global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    OfServer(ServerCommand),
    /// Ask for the settings of a server, try them, and write them.
    ///
    /// As root, the command also offers to make a service of systemd.
    Setup(commands::SetupArguments),
    /// Check recipes without a server.
    #[command(subcommand)]
    Recipes(commands::RecipesCommand),
    /// Show the settings of an installation, or an example with all settings.
    #[command(subcommand)]
    Config(commands::ConfigCommand),
    /// Print the completions for a shell.
    Completions(commands::CompletionsArguments),
    /// Print the manual page, or write the pages of all commands into a directory.
    Man(commands::ManArguments),
}

/// Commands that need a server's settings.
#[derive(Subcommand)]
enum ServerCommand {
    /// Start the server.
    ///
    /// It serves pages, takes deliveries and runs jobs, in one process.
    Serve,
    /// Check that a server can work with its settings, and change nothing.
    ///
    /// The command prints a line for each finding. The exit code is 0 if no line begins with FAIL.
    Check(commands::CheckArguments),
    /// List or remove artifacts that belong to no project.
    #[command(subcommand)]
    Artifacts(commands::ArtifactsCommand),
    /// Remove images that install scripts made.
    #[command(subcommand)]
    Cache(commands::CacheCommand),
    /// List projects, or delete a project that nobody can delete on its page.
    #[command(subcommand)]
    Projects(commands::ProjectsCommand),
    /// Run jobs of a server on this machine.
    ///
    /// The server is another one, and `kozmic runners add` gave this runner its token there.
    Runner(commands::RunnerArguments),
    /// Look after the runners on other machines.
    #[command(subcommand)]
    Runners(commands::RunnersCommand),
    /// Update the database's tables, or copy everything to another database.
    ///
    /// No server may run meanwhile.
    Migrate(commands::MigrateArguments),
    /// Take over an installation of the original Kozmic CI.
    ///
    /// No server may run meanwhile.
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
        ServerCommand::Runner(arguments) => runtime.block_on(commands::runner(settings, arguments)),
        ServerCommand::Runners(command) => runtime.block_on(commands::runners(settings, command)),
        ServerCommand::Migrate(arguments) => runtime.block_on(commands::migrate(settings, arguments)),
        ServerCommand::Import(arguments) => runtime.block_on(commands::import(settings, arguments)),
    }
}
