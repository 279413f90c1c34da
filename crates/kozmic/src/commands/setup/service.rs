//! The service of systemd: its user, its directories and its unit, as the page about installation has them.

use super::{
    draft::{Answers, Draft},
    installation::Installation,
    place::is_root,
    put::{NewFile, put},
    questions::SECRET,
};
use crate::people;
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// User and group of the service.
pub(super) const USER: &str = "kozmic";

/// The unit, as packages have it.
const UNIT: &str = include_str!("../../../../../packaging/kozmic.service");

/// The program that it starts: packages put it there.
const PACKAGED: &str = "/usr/bin/kozmic";

/// Directories in which units lie, those of this machine's administrator first.
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Name of the unit.
const NAME: &str = "kozmic.service";

/// The data directory that the unit has systemd make.
const DATA: &str = "/var/lib/kozmic";

/// The place of a program that no package brought.
const PROGRAM: &str = "/usr/local/bin/kozmic";

/// Directories below which a service may find its program: it does not see those of people.
const OF_PROGRAMS: [&str; 3] = ["/usr", "/opt", "/srv"];

/// A step towards the service.
pub(super) enum Step {
    /// A command, with its arguments.
    Run(Vec<String>),
    /// A file with its text.
    Write(PathBuf, String),
}

/// The service, and what is missing for it.
pub(super) struct Service {
    /// The steps before the settings are there.
    pub(super) steps: Vec<Step>,
    /// Whether there is a unit already.
    pub(super) is_known: bool,
}

/// The unit, as the page about installation has it: for a program that no package brought.
pub(super) fn unit() -> String {
    UNIT.replace(PACKAGED, PROGRAM)
}

impl Service {
    /// The service of this machine: none if that is not ours to make, or systemd does not run.
    pub(super) fn new(installation: &Installation, answers: &Answers, draft: &Draft) -> Option<Self> {
        if !is_root() || !Path::new("/run/systemd/system").is_dir() {
            return None;
        }
        let there =
            UNITS.iter().map(|dir| Path::new(dir).join(NAME)).find_map(|file| fs::read_to_string(file).ok());
        let wanted = Wanted::new(installation, answers, draft)?;
        let mut steps = user(answers);
        steps.extend(directories(installation, answers));
        if wanted.installs {
            let here = std::env::current_exe().ok()?.display().to_string();
            steps.push(run(&["install", "-m", "0755", &here, PROGRAM]));
        }
        let usual = unit();
        let base = there.as_deref().unwrap_or(&usual);
        if there.is_none() {
            steps.push(Step::Write(Path::new(UNITS[0]).join(NAME), usual.clone()));
        }
        if let Some(more) = wanted.beside(base) {
            let file = Path::new(UNITS[0]).join(format!("{NAME}.d/setup.conf"));
            if fs::read_to_string(&file).ok().as_deref() != Some(&more) {
                steps.push(Step::Write(file, more));
            }
        }
        Some(Self { steps, is_known: there.is_some() })
    }

    /// Does the steps, and has systemd read its units anew.
    ///
    /// # Errors
    /// Names the step that failed; those before it are done.
    pub(super) fn make(&self) -> Result<()> {
        self.steps.iter().try_for_each(Step::take)?;
        let writes = self.steps.iter().any(|step| matches!(step, Step::Write(..)));
        if writes { run(&["systemctl", "daemon-reload"]).take() } else { Ok(()) }
    }
}

/// Lines that the unit is to have.
struct Wanted {
    lines: Vec<String>,
    /// Whether the program has to be put where a service finds it.
    installs: bool,
}

impl Wanted {
    /// None: a path is in it that systemd would read in another way.
    fn new(installation: &Installation, answers: &Answers, draft: &Draft) -> Option<Self> {
        let program = std::env::current_exe().ok()?;
        let installs = !OF_PROGRAMS.iter().any(|dir| program.starts_with(dir));
        let program = if installs { PROGRAM.to_owned() } else { program.display().to_string() };
        let settings = installation.place.settings.display().to_string();
        let mut lines =
            vec![format!("Environment=KOZMIC_CONFIG={settings}"), format!("ExecStart={program} serve")];
        let variable = format!("KOZMIC_{}_FILE", SECRET.to_uppercase());
        // A secret in the settings themselves needs no file, and the unit's would not be there.
        lines.push(match draft.secret_file() {
            Some(file) => format!("Environment={variable}={file}"),
            None => format!("UnsetEnvironment={variable}"),
        });
        let data = answers.of("data_dir");
        if data != DATA {
            lines.push(format!("ReadWritePaths={data}"));
        }
        let is_plain = |line: &String| {
            line.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-=_ ".contains(letter))
        };
        let has_blanks = [&program, &settings, data].iter().any(|path| path.contains(' '));
        (lines.iter().all(is_plain) && !has_blanks).then_some(Self { lines, installs })
    }

    /// The lines that a unit lacks, as a file beside it.
    fn beside(&self, unit: &str) -> Option<String> {
        let lacks = |line: &&String| !unit.lines().any(|there| there == line.as_str());
        let lines = self.lines.iter().filter(lacks).map(|line| match line.starts_with("ExecStart=") {
            // The one of the unit would be started as well.
            true => format!("ExecStart=\n{line}\n"),
            false => format!("{line}\n"),
        });
        let lines = lines.collect::<String>();
        (!lines.is_empty()).then(|| format!("# Written by kozmic setup.\n[Service]\n{lines}"))
    }
}

/// The user, who may use the engine of this machine.
fn user(answers: &Answers) -> Vec<Step> {
    let mut steps = Vec::new();
    if people::number_of(USER, "/etc/passwd").is_none() {
        let shell = "/usr/sbin/nologin";
        let add = ["useradd", "--system", "--user-group", "--home-dir", DATA, "--shell", shell, USER];
        steps.push(run(&add));
    }
    let is_local = answers.of("docker_url").starts_with("unix://");
    if is_local && people::number_of("docker", "/etc/group").is_some() && !people::is_member(USER, "docker") {
        steps.push(run(&["usermod", "--append", "--groups", "docker", USER]));
    }
    steps
}

fn directories(installation: &Installation, answers: &Answers) -> Vec<Step> {
    let missing = |dir: &str| !Path::new(dir).exists();
    let (data, settings) = (answers.of("data_dir"), installation.place.dir().display().to_string());
    let mut steps = Vec::new();
    if missing(data) {
        steps.push(run(&["install", "-d", "-m", "0700", "-o", USER, "-g", USER, data]));
    }
    if missing(&settings) {
        steps.push(run(&["install", "-d", "-m", "0750", "-o", "root", "-g", USER, &settings]));
    }
    steps
}

fn run(words: &[&str]) -> Step {
    Step::Run(words.iter().map(|word| (*word).to_owned()).collect())
}

impl Step {
    /// The step for people to look at.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Run(words) => words.join(" "),
            Self::Write(path, _) => format!("write {}", path.display()),
        }
    }

    fn take(&self) -> Result<()> {
        match self {
            Self::Run(words) => {
                let output = Command::new(&words[0]).args(&words[1..]).output();
                let output = output.with_context(|| self.in_words())?;
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                ensure!(output.status.success(), "{}: {}: {said}", self.in_words(), output.status);
                Ok(())
            }
            Self::Write(path, text) => {
                let dir = path.parent().filter(|dir| !dir.exists());
                dir.map_or(Ok(()), make_public).with_context(|| self.in_words())?;
                let (path, text) = (path.clone(), text.as_str().into());
                put(&[NewFile { path, text, mode: 0o644, group: None, old: None, beside: None }])
            }
        }
    }
}

/// A directory that systemd's tools read as anybody.
fn make_public(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(lines: &[&str]) -> Wanted {
        Wanted { lines: lines.iter().map(|line| (*line).to_owned()).collect(), installs: false }
    }

    #[test]
    fn the_unit_is_whole() {
        assert!(
            unit().starts_with("[Unit]\n") && unit().ends_with("WantedBy=multi-user.target\n"),
            "{}",
            unit()
        );
        assert!(unit().contains(&format!("ExecStart={PROGRAM} serve\n")) && unit().contains("User=kozmic\n"));
    }

    #[test]
    fn what_the_unit_says_otherwise_stands_beside_it() {
        let usual = [
            "Environment=KOZMIC_CONFIG=/etc/kozmic/kozmic.toml",
            "ExecStart=/usr/local/bin/kozmic serve",
            "Environment=KOZMIC_GITHUB_CLIENT_SECRET_FILE=/etc/kozmic/github-client-secret",
        ];
        assert_eq!(wanted(&usual).beside(&unit()), None);
        let other = ["ExecStart=/usr/bin/kozmic serve", "ReadWritePaths=/srv/kozmic"];
        assert_eq!(
            wanted(&other).beside(&unit()).unwrap(),
            "# Written by kozmic setup.\n[Service]\nExecStart=\nExecStart=/usr/bin/kozmic serve\nReadWritePaths=/srv/kozmic\n"
        );
    }
}
