//! `kozmic recipes check`: reads a working copy of the configuration repository as a server would read it after a push.
//! It needs no server, network or server settings.

use crate::{
    failure::Failure,
    settings::{SettingsFault, Written, read_file},
};
use clap::{Args, Subcommand};
use kozmic_model::recipe::{self, ConfigFile, RecipeDefaults, harmless};
use std::{
    fs::{self, DirEntry},
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Number of bytes of a file that are read. That is more than a recipe may have, so that a recipe that is too large is
/// reported.
const READ: u64 = 1024 * 1024;

/// Image in which a server runs scripts by default.
const DEFAULT_IMAGE: &str = "ubuntu:16.04";

/// Commands for recipes.
#[derive(Subcommand)]
pub(crate) enum RecipesCommand {
    /// Check a working copy of the configuration repository.
    ///
    /// The command prints a line for each branch and for each fault. It needs no server, no network and no settings.
    /// The exit code is 1 if there is a fault, and 2 if the directory cannot be read.
    Check(CheckArguments),
}

/// Directory to check, and defaults for what recipes may leave out.
#[derive(Args)]
pub(crate) struct CheckArguments {
    /// The working copy.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print the names of all artifacts, and not only the names that several artifacts would have.
    #[arg(long)]
    names: bool,
    /// The server's directory of artifacts for recipes without `archives`.
    #[arg(long, env = "KOZMIC_AUTOBUILD_DEFAULT_ARCHIVES", value_name = "DIR")]
    archives: Option<String>,
    /// The server's image for recipes without `baseimage`; the default is ubuntu:16.04.
    #[arg(long, env = "KOZMIC_AUTOBUILD_DEFAULT_BASEIMAGE", value_name = "IMAGE")]
    baseimage: Option<String>,
}

/// Runs the command. `config` is the settings file, if one is named.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) fn recipes(config: Option<&Path>, command: &RecipesCommand) -> Result<ExitCode, Failure> {
    let RecipesCommand::Check(arguments) = command;
    let defaults = defaults(config, arguments)?;
    let mut copy = WorkingCopy::default();
    copy.take(&arguments.dir, "")?;
    let reading = recipe::configuration(&copy.files, &defaults);
    for passed_over in &copy.passed_over {
        println!("--  {passed_over}");
    }
    let lines = if arguments.names { reading.lines_with_names() } else { reading.lines() };
    for line in lines {
        println!("{line}");
    }
    Ok(ExitCode::from(u8::from(!reading.faults.is_empty())))
}

/// Defaults for what recipes leave out: from the command line, the environment or the settings file. Other settings in
/// the file are ignored.
fn defaults(config: Option<&Path>, arguments: &CheckArguments) -> Result<RecipeDefaults, SettingsFault> {
    let file = settings_file(config)?;
    let set = |argument: &Option<String>, name: &str| {
        let in_file = || file.get(name).and_then(toml::Value::as_str).map(str::to_owned);
        argument.clone().or_else(in_file).filter(|text| !text.trim().is_empty())
    };
    let image = set(&arguments.baseimage, "autobuild_default_baseimage");
    let image = image.unwrap_or_else(|| DEFAULT_IMAGE.to_owned());
    Ok(RecipeDefaults {
        archives: set(&arguments.archives, "autobuild_default_archives"),
        image: image.parse().map_err(|_| {
            let written = Written {
                setting: "autobuild_default_baseimage",
                place: "the environment, the settings file or --baseimage",
                value: Some(&image),
            };
            SettingsFault::wrong(written, "the name of a Docker image, such as ubuntu:16.04")
        })?,
    })
}

fn settings_file(config: Option<&Path>) -> Result<toml::Table, SettingsFault> {
    let implied = Path::new("kozmic.toml");
    let Some(path) = config.or_else(|| implied.exists().then_some(implied)) else {
        return Ok(toml::Table::new());
    };
    let text = read_file(path)?;
    toml::from_str(&text).map_err(|fault| {
        let before = &text[..text.floor_char_boundary(fault.span().map_or(0, |span| span.start))];
        SettingsFault::Syntax {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            words: fault.message().to_owned(),
        }
    })
}

fn unreadable(path: &Path, cause: io::Error) -> SettingsFault {
    SettingsFault::Unreadable { path: path.to_owned(), cause }
}

fn is_yaml(path: &str) -> bool {
    [".yaml", ".yml"].iter().any(|end| path.to_ascii_lowercase().ends_with(end))
}

/// The greatest depth of directories that are read. Each level takes room on the stack.
const DEEPEST: usize = 100;

/// Files that a commit of the working copy would have, as far as they matter.
#[derive(Default)]
struct WorkingCopy {
    files: Vec<ConfigFile>,
    /// Paths that look like recipes but are none, a line each.
    passed_over: Vec<String>,
}

impl WorkingCopy {
    /// Reads the files of a directory. `below` is its path in the repository: empty, or with a slash at its end.
    fn take(&mut self, dir: &Path, below: &str) -> Result<(), SettingsFault> {
        let entries = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = entries.map_err(|cause| unreadable(dir, cause))?;
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let shown = name.to_string_lossy();
            match name.to_str() {
                _ if shown.starts_with('.') => {}
                Some(name) => self.take_entry(&entry.path(), format!("{below}{name}"))?,
                None if is_yaml(&shown) || entry.path().is_dir() => {
                    self.pass_over(&format!("{below}{shown}"), "not called by a name in UTF-8");
                }
                None => {}
            }
        }
        Ok(())
    }

    fn take_entry(&mut self, at: &Path, path: String) -> Result<(), SettingsFault> {
        let kind = fs::symlink_metadata(at).map_err(|cause| unreadable(at, cause))?.file_type();
        let is_yaml = is_yaml(&path);
        if kind.is_symlink() && (is_yaml || at.is_dir()) {
            self.pass_over(&path, "a symbolic link");
        } else if kind.is_dir() && at.join(".git").exists() {
            self.pass_over(&path, "a repository of its own");
        } else if kind.is_dir() && path.matches('/').count() >= DEEPEST {
            self.pass_over(&path, "a directory that is too deep for a recipe");
        } else if kind.is_dir() {
            self.take(at, &format!("{path}/"))?;
        } else if kind.is_file() && is_yaml {
            let content = content(at).map_err(|cause| unreadable(at, cause))?;
            self.files.push(ConfigFile { path, content });
        }
        Ok(())
    }

    fn pass_over(&mut self, path: &str, what: &str) {
        let path = harmless(path);
        self.passed_over.push(format!("{path} is {what}, and passed over"));
    }
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(READ).read_to_end(&mut content)?;
    Ok(content)
}
