//! `kozmic setup`: asks for the settings of a server, tries the answers, and writes settings and service, or prints
//! them.

mod browser;
mod dialogue;
mod draft;
mod installation;
mod pages;
mod place;
mod put;
mod questions;
mod report;
mod secret_line;
mod service;
mod terminal;
mod tries;
mod written;

use crate::failure::Failure;
use anyhow::Context;
use clap::{Args, ValueEnum};
use dialogue::Dialogue;
use draft::Draft;
use installation::Installation;
use place::Place;
use service::Service;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};
use terminal::Terminal;
use tokio::runtime::Runtime;
use written::Written;

/// Ways to take the answers and to use them.
#[derive(Args)]
pub(crate) struct SetupArguments {
    /// The directory of kozmic.toml and of the secret's file.
    ///
    /// The default is /etc/kozmic for root, and the current directory for others. --config names the settings file
    /// itself.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print the result, and write no file.
    ///
    /// The result is kozmic.toml, variables for a container (env), or the unit of the service. The unit needs no
    /// answers.
    #[arg(long, value_name = "toml|env|unit", num_args = 0..=1, require_equals = true, default_missing_value = "toml", value_enum, hide_possible_values = true)]
    print: Option<Printed>,
    /// Ask in a browser instead of the terminal.
    ///
    /// The terminal shows the link. Its address is on loopback, or this address of the machine.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, conflicts_with = "print", value_parser = address)]
    browser: Option<Option<SocketAddr>>,
}

/// Something to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// The settings file.
    Toml,
    /// The settings as variables.
    Env,
    /// The unit of systemd.
    Unit,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "it needs to be an address of this machine with a port, such as 127.0.0.1:8080")
}

/// Runs the command. `config` is the settings file, if one is named.
pub(crate) fn setup(config: Option<&Path>, arguments: &SetupArguments) -> Result<ExitCode, Failure> {
    if arguments.print == Some(Printed::Unit) {
        print(&service::unit());
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = Runtime::new().context("start")?;
    let place = Place::new(arguments.output.as_deref(), config)?;
    let printed = arguments.print.map_or_else(|| without_a_place(&place), |printed| Ok(Some(printed)))?;
    let installation = Installation::read(place)?;
    let terminal = Terminal::new();
    let written = match arguments.browser {
        Some(address) => runtime.block_on(browser::serve(installation, printed, address, &terminal))?,
        None => in_terminal(&installation, printed, &terminal, &runtime)?,
    };
    tell(&written, &terminal);
    Ok(ExitCode::SUCCESS)
}

/// Prints variables if this is a container without a place for settings. Elsewhere there has to be a place.
fn without_a_place(place: &Place) -> Result<Option<Printed>, Failure> {
    match (place.is_writable(), super::looks::is_in_container()) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(Printed::Env)),
        (false, false) => Err(Failure::other(anyhow::anyhow!(
            "{} cannot be written in by this user: run the command as root, name another directory with --output, or \
             have the settings printed with --print",
            place.dir().display()
        ))),
    }
}

/// Asks everything, shows the changes, asks for a confirmation, and writes.
fn in_terminal(
    installation: &Installation,
    printed: Option<Printed>,
    terminal: &Terminal,
    runtime: &Runtime,
) -> anyhow::Result<Written> {
    if printed.is_some() {
        terminal.say("Nothing is written: the settings are printed at the end.");
    }
    let answers = Dialogue { terminal, installation, runtime }.answers()?;
    let draft = Draft::new(installation, &answers);
    if printed.is_some() {
        return written::write(installation, &answers, None, printed);
    }
    summarize(installation, &draft, terminal);
    let is_wanted = draft.files(installation, None).is_empty() || terminal.agrees("Write that?", true)?;
    anyhow::ensure!(is_wanted, "nothing was written");
    let service = offer(Service::new(installation, &answers, &draft), terminal)?;
    written::write(installation, &answers, service.as_ref(), None)
}

fn summarize(installation: &Installation, draft: &Draft, terminal: &Terminal) {
    let changes = report::changes(draft);
    let path = installation.place.settings.display();
    if changes.is_empty() {
        return terminal.say(&format!("\nNothing changes in {path}."));
    }
    terminal.say(&format!("\n{path}"));
    changes.iter().for_each(|change| terminal.say(&format!("  {change}")));
    report::notes(installation, false).iter().for_each(|note| terminal.say(note));
}

/// Asks if the service should be made, if anything is missing for it.
fn offer(service: Option<Service>, terminal: &Terminal) -> anyhow::Result<Option<Service>> {
    let Some(service) = service else { return Ok(None) };
    if service.steps.is_empty() {
        return Ok(Some(service));
    }
    terminal.say("\nFor a service of systemd:");
    service.steps.iter().for_each(|step| terminal.say(&format!("  {}", step.in_words())));
    Ok(terminal.agrees("Do that?", true)?.then_some(service))
}

/// Tells the result. A text to copy goes to standard output.
fn tell(written: &Written, terminal: &Terminal) {
    let Written { files, text, commands } = written;
    files.iter().for_each(|file| terminal.say(&format!("Written: {file}")));
    if let Some(text) = text {
        terminal.say("");
        print(text);
    }
    if !commands.is_empty() {
        terminal.say("\nNext:");
        commands.iter().for_each(|command| terminal.say(&format!("  {command}")));
        report::of_service().into_iter().for_each(|line| terminal.say(line));
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn print(text: &str) {
    print!("{text}");
}
