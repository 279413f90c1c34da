//! `kozmic man`: manual pages of the program and of each of its commands.

use crate::{failure::Failure, version::VERSION};
use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::{
    fs::{self, DirBuilder, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Place for the pages.
#[derive(Args)]
pub(crate) struct ManArguments {
    /// The directory for the pages; without it, the command prints the program's own page.
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Exit codes of the program, as in `failure.rs`.
const EXIT: [(&str, &str); 5] = [
    ("0", "The command succeeded."),
    ("1", "The command failed, and printed the reason. For kozmic check: a line begins with FAIL."),
    ("2", "A setting or an argument is wrong or missing. Another try does not help."),
    ("3", "The server cannot listen at its address and port."),
    ("4", "Another process uses the data directory."),
];

/// Files of an installation.
const FILES: [(&str, &str); 2] = [
    ("/etc/kozmic/kozmic.toml", "The settings of the service: the unit names it in KOZMIC_CONFIG."),
    ("/var/lib/kozmic", "The data directory of the service: database, logs, mirrors and keys."),
];

/// Writes or prints the pages of this command line.
pub(crate) fn man(program: Command, arguments: &ManArguments) -> Result<ExitCode, Failure> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    match &arguments.dir {
        None => print(&program)?,
        Some(dir) => {
            // Manual pages are for everybody, unlike all other files that the program writes.
            DirBuilder::new().recursive(true).mode(0o755).create(dir).with_context(|| in_place(dir))?;
            write_pages(&program, "kozmic", dir)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn in_place(path: &Path) -> String {
    format!("write manual pages to {}", path.display())
}

fn print(program: &Command) -> Result<(), Failure> {
    let page = page(program, "kozmic").context("write the manual page")?;
    // A reader that ends early, such as `head`, has what it wanted.
    let _ = io::stdout().write_all(&page);
    Ok(())
}

/// Writes the page of this command, and those of the commands below it.
fn write_pages(command: &Command, name: &str, dir: &Path) -> anyhow::Result<()> {
    let file = dir.join(format!("{name}.1"));
    page(command, name)
        .and_then(|page| fs::write(&file, page))
        .and_then(|()| fs::set_permissions(&file, Permissions::from_mode(0o644)))
        .with_context(|| in_place(&file))?;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, &format!("{name}-{}", below.get_name()), dir)?;
    }
    Ok(())
}

fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    let manual = Man::new(command.clone())
        .source(format!("Kozmic {VERSION}"))
        .manual("Kozmic, continuous integration")
        .date(env!("BUILT_FROM").split_once(' ').map_or("", |(_, date)| date));
    let mut page = Vec::new();
    manual.render(&mut page)?;
    if name == "kozmic" {
        of_all_commands().to_writer(&mut page)?;
    }
    Ok(page)
}

/// Sections that apply to all commands.
fn of_all_commands() -> Roff {
    let mut sections = Roff::new();
    for (title, rows) in [("EXIT STATUS", &EXIT[..]), ("FILES", &FILES[..])] {
        sections.control("SH", [title]);
        for (word, meaning) in rows {
            sections.control("TP", []).text([bold(*word)]).text([roman(*meaning)]);
        }
    }
    sections
}
