//! `kozmic config`: the settings of an installation, and an example with all settings.

use crate::{failure::Failure, settings::Shown};
use clap::Subcommand;
use std::{path::PathBuf, process::ExitCode};

/// The file that explains every setting.
const EXAMPLE: &str = include_str!("../../../../kozmic.example.toml");

/// Commands for settings.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a settings file with every setting, its default and its meaning.
    Example,
    /// Print every setting with its value and its source.
    ///
    /// Secrets are not shown.
    Show,
}

/// Runs the command. If settings are wrong or missing, `show` ends like `serve`.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) fn config(file: Option<PathBuf>, command: &ConfigCommand) -> Result<ExitCode, Failure> {
    match command {
        ConfigCommand::Example => {
            print!("{EXAMPLE}");
            Ok(ExitCode::SUCCESS)
        }
        ConfigCommand::Show => {
            let Shown { lines, faults } = Shown::read(file)?;
            print!("{lines}");
            faults.map_or(Ok(ExitCode::SUCCESS), |faults| Err(faults.into()))
        }
    }
}
