//! `kozmic completions`: prints the completions of the command line, for a shell to read.

use clap::{Args, Command};
use clap_complete::Shell;
use std::{io::Write, process::ExitCode};

use crate::failure::Failure;

/// Shell to complete words in.
#[derive(Args)]
pub(crate) struct CompletionsArguments {
    /// The shell that reads the completions.
    shell: Shell,
}

/// Prints the completions of this command line.
pub(crate) fn completions(
    mut program: Command,
    arguments: &CompletionsArguments,
) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, "kozmic", &mut script);
    // A reader that ends early, such as `head`, has what it wanted.
    let _ = std::io::stdout().write_all(&script);
    Ok(ExitCode::SUCCESS)
}
