//! The service of systemd: its user, its directories and its unit, as in the page about installation.

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

/// The unit, as in packages.
const UNIT: &str = include_str!("../../../../../packaging/kozmic.service");

/// The program in the packages' unit.
const PACKAGED: &str = "/usr/bin/kozmic";

/// Directories of units, that of this machine's administrator first.
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Name of the unit.
const NAME: &str = "kozmic.service";

/// The data directory that systemd makes for the unit.
const DATA: &str = "/var/lib/kozmic";

/// The place of a program that was not installed by a package.
const PROGRAM: &str = "/usr/local/bin/kozmic";

/// Directories below which a service can find its program. It does not see people's home directories.
const OF_PROGRAMS: [&str; 3] = ["/usr", "/opt", "/srv"];

/// A step that makes the service.
pub(super) enum Step {
    /// A command with its arguments.
    Run(Vec<String>),
    /// A file with its text.
    Write(PathBuf, String),
}

/// The service, and the missing steps.
pub(super) struct Service {
    /// The steps before the settings are written.
    pub(super) steps: Vec<Step>,
    /// True if there is a unit already.
    pub(super) is_known: bool,
}

/// The unit for a program that was not installed by a package, as in the page about installation.
pub(super) fn unit() -> String {
    UNIT.replace(PACKAGED, PROGRAM)
}

impl Service {
    /// The service of this machine; none if this is not root, if systemd does not run, or if systemd could not read a
    /// path.
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

    /// Does the steps, and makes systemd read its units again.
    ///
    /// # Errors
    /// Names the step that failed. The steps before it are done.
    pub(super) fn make(&self) -> Result<()> {
        self.steps.iter().try_for_each(Step::take)?;
        let writes = self.steps.iter().any(|step| matches!(step, Step::Write(..)));
        if writes { run(&["systemctl", "daemon-reload"]).take() } else { Ok(()) }
    }
}

/// Lines that the unit should have.
struct Wanted {
    lines: Vec<String>,
    /// True if the program has to be copied to a place where a service finds it.
    installs: bool,
}

impl Wanted {
    /// The lines for these answers; none if systemd would read a path in another way.
    fn new(installation: &Installation, answers: &Answers, draft: &Draft) -> Option<Self> {
        let program = std::env::current_exe().ok()?;
        let installs = !OF_PROGRAMS.iter().any(|dir| program.starts_with(dir));
        let program = if installs { PROGRAM.to_owned() } else { program.display().to_string() };
        let settings = installation.place.settings.display().to_string();
        let mut lines =
            vec![format!("Environment=KOZMIC_CONFIG={settings}"), format!("ExecStart={program} serve")];
        let variable = format!("KOZMIC_{}_FILE", SECRET.to_uppercase());
        // A secret in the settings themselves needs no file, and the file in the unit would not exist.
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

    /// The lines that a unit lacks, as the text of a file beside it.
    fn beside(&self, unit: &str) -> Option<String> {
        let lacks = |line: &&String| !unit.lines().any(|there| there == line.as_str());
        let lines = self.lines.iter().filter(lacks).map(|line| match line.starts_with("ExecStart=") {
            // An empty line comes first, because the unit's own program would be started as well.
            true => format!("ExecStart=\n{line}\n"),
            false => format!("{line}\n"),
        });
        let lines = lines.collect::<String>();
        (!lines.is_empty()).then(|| format!("# Written by kozmic setup.\n[Service]\n{lines}"))
    }
}

/// The steps that make the user, and let it use the engine of this machine.
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
    /// The step in words for people.
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

/// Makes a directory that everybody may read, because systemd's tools do.
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
