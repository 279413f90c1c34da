//! The Debian package in a container: installed, upgraded, removed and purged by the pages' commands, with a
//! replacement for systemd's.

use crate::{
    commands::{Place, Play},
    world::IMAGE,
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::docker::Docker;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Writes down how it is called. The service is active as long as a file says so.
const SYSTEMCTL: &str = "#!/bin/sh
echo \"$*\" >>/called
case \"$*\" in
  *is-active*) test -e /active ;;
  *is-enabled*) echo enabled ;;
esac
";

/// Not in /usr/bin: there, Debian's helper would have systemd's own command enable the service.
const PLACE: &str = "/usr/sbin/systemctl";

/// A package of the program that is tested; a version of its own if one is named.
fn package(dir: &Path, name: &str, version: Option<&str>) -> Result<PathBuf> {
    let file = dir.join(name);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../script/deb");
    let output = Command::new(script).arg(env!("CARGO_BIN_EXE_kozmic")).arg(&file).args(version).output()?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "script/deb: {said}");
    Ok(file)
}

/// A machine on which nobody has installed Kozmic: the base image, without the user that jobs have there. It goes
/// when this is dropped.
struct Machine {
    docker: Docker,
    id: String,
}

impl Machine {
    async fn new() -> Result<Self> {
        let docker = Docker::default();
        docker.ensure_answers().await?;
        let run = [
            "run",
            "--detach",
            "--init",
            "--user=root",
            "--network=none",
            "--workdir=/release",
            IMAGE,
            "sleep",
            "infinity",
        ];
        let machine = Self { id: docker.run(&run).await?, docker };
        // Nothing of this machine outlives a power cut, so its packages need not be safe on a disk.
        machine.shell("echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/91unsafe").await?;
        machine.shell("userdel --remove kozmic; mkdir -p /run/systemd/system; touch /called").await?;
        let command = format!("printf %s '{SYSTEMCTL}' >{PLACE}; chmod 755 {PLACE}");
        machine.shell(&command).await?;
        Ok(machine)
    }

    async fn brings(&self, package: &Path, name: &str) -> Result<()> {
        let from = package.to_str().context("a path in UTF-8")?;
        self.docker.run(&["cp", from, &format!("{}:/release/{name}", self.id)]).await.map(drop)
    }

    /// The commands of a page, run as root.
    fn play(&self, page: &str) -> Result<Play> {
        Play::new("package", page, Place::Container(self.id.clone(), "root"))
    }

    /// Runs a script as root; gives all that it printed.
    async fn shell(&self, script: &str) -> Result<String> {
        let script = format!("exec 2>&1; set -e; {script}");
        let output = Command::new("docker").args(["exec", &self.id, "bash", "-c", &script]).output()?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(output.status.success(), "{script}: {}\n{said}", output.status);
        Ok(said)
    }

    /// The exit code of a command, which may fail.
    async fn code(&self, command: &str) -> Result<String> {
        self.shell(&format!("code=0; {{ {command}; }} >/dev/null 2>&1 || code=$?; echo $code")).await
    }

    /// Calls of systemctl since the last time that this was asked, as far as they change what runs.
    async fn deeds(&self) -> Result<Vec<String>> {
        let called = self.shell("cat /called; : >/called").await?;
        let is_deed = |line: &&str| ["start", "stop", "restart"].iter().any(|deed| line.contains(deed));
        Ok(called.lines().filter(is_deed).map(str::to_owned).collect())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        Command::new("docker").args(["rm", "--force", "--volumes", &self.id]).output().ok();
    }
}

/// Names that the pages give to the package, and to that of a later version.
const PACKAGE: &str = "kozmic_0.1.0_amd64.deb";
const NEWER: &str = "kozmic_0.2.0_amd64.deb";

#[tokio::test]
async fn the_package_is_installed_upgraded_and_taken_away() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let machine = Machine::new().await?;
    machine.brings(&package(dir.path(), PACKAGE, None)?, PACKAGE).await?;
    machine.brings(&package(dir.path(), NEWER, Some("99.0.0~rc.1"))?, NEWER).await?;
    machine.shell("groupadd --system docker; sha256sum *.deb >SHA256SUMS").await?;
    installed(&machine).await?;
    set_up(&machine).await?;
    runner_set_up(&machine).await?;
    let mut operations = machine.play("docs/operations.md")?;
    upgraded(&machine, &mut operations).await?;
    taken_away(&machine, &mut operations).await?;
    operations.end()?;
    beside_an_engine_that_is_not_set_up_yet(&machine).await
}

async fn installed(machine: &Machine) -> Result<()> {
    let mut releases = machine.play("docs/releases.md")?;
    machine.shell("touch /usr/local/bin/kozmic /etc/systemd/system/kozmic.service").await?;
    releases.run("rm /usr/local/bin/kozmic").await?;
    machine.shell("! ls /usr/local/bin/kozmic /etc/systemd/system/kozmic.service; : >/called").await?;
    let said = releases.run("sha256sum").await?;
    assert!(
        said.contains("kozmic: next, run kozmic setup, or write /etc/kozmic/kozmic.toml by hand"),
        "{said}"
    );
    assert_eq!(
        machine.shell("id -nG kozmic; getent passwd kozmic | cut -d: -f6,7").await?,
        "kozmic docker\n/var/lib/kozmic:/usr/sbin/nologin"
    );
    let rights = machine.shell("stat -c '%a %U:%G %n' /etc/kozmic /etc/kozmic/* /var/lib/kozmic").await?;
    assert_eq!(
        rights,
        "750 root:kozmic /etc/kozmic\n640 root:kozmic /etc/kozmic/kozmic.toml\n640 root:kozmic /etc/kozmic/runner.env\n\
         700 kozmic:kozmic /var/lib/kozmic"
    );
    assert_eq!(machine.code("runuser -u kozmic -- cat /etc/kozmic/kozmic.toml").await?, "0");
    assert_ne!(machine.code("runuser -u nobody -- cat /etc/kozmic/kozmic.toml").await?, "0");
    let wants = "/etc/systemd/system/multi-user.target.wants";
    machine.shell(&format!("test -L {wants}/kozmic.service; ! ls {wants}/kozmic-runner.service")).await?;
    assert_eq!(machine.deeds().await?, [""; 0], "it is not started before it is set up");
    let version = machine.shell("kozmic --version").await?;
    assert!(version.starts_with(concat!("kozmic ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
    let papers =
        machine.shell("source /usr/share/bash-completion/completions/kozmic; complete -p kozmic").await?;
    assert!(papers.contains("_kozmic"), "{papers}");
    machine.shell("grep -q 'MIT License' /usr/share/doc/kozmic/copyright").await?;
    for page in ["README.md", "docs/install.md"] {
        let mut play = machine.play(page)?;
        play.run("apt-get install").await?;
        if page == "docs/install.md" {
            play.run("systemctl start").await?;
        }
        play.end()?;
    }
    releases.run("systemctl start").await?;
    assert_eq!(machine.deeds().await?, ["start kozmic"; 2]);
    releases.end()
}

/// The settings that the file explains: the service's user runs `kozmic check` with them.
const CHECK: &str = "cd /var/lib/kozmic && runuser -u kozmic -- env KOZMIC_CONFIG=/etc/kozmic/kozmic.toml \
    KOZMIC_GITHUB_CLIENT_SECRET_FILE=/etc/kozmic/github-client-secret kozmic check";

async fn set_up(machine: &Machine) -> Result<()> {
    assert_eq!(
        machine.code("kozmic check --config /etc/kozmic/kozmic.toml").await?,
        "2",
        "nothing is set yet"
    );
    // Each example becomes a setting, and the secret comes by the very command that the file names.
    machine.shell("sed -i -E 's/^# ([a-z_]+ = )/\\1/' /etc/kozmic/kozmic.toml").await?;
    let command = machine.shell("grep -o 'install -m .*' /etc/kozmic/kozmic.toml").await?;
    machine.shell(&format!("echo the-secret | {command}")).await?;
    let said = machine.shell(&format!("{CHECK} || true")).await?;
    assert!(
        said.contains("ok    data directory: /var/lib/kozmic") && said.contains("FAIL  Docker engine"),
        "{said}"
    );
    Ok(())
}

/// Starts a runner with the settings of its file until it says where it connects, as the service's user.
const RUNNER: &str = r#"
    install -d -m 0700 -o kozmic /var/lib/kozmic-runner
    cd /var/lib/kozmic-runner
    set -a
    . /etc/kozmic/runner.env
    KOZMIC_DATA_DIR=$PWD KOZMIC_RUNNER_TOKEN_FILE=/etc/kozmic/runner.token
    coproc runner { exec setpriv --reuid=kozmic --regid=kozmic --init-groups kozmic runner 2>&1; }
    pid=$runner_PID
    while read -r line <&"${runner[0]}"; do
        echo "$line"
        case $line in *connecting*) break ;; esac
    done
    kill "$pid"
    wait "$pid"
"#;

async fn runner_set_up(machine: &Machine) -> Result<()> {
    let mut scale = machine.play("docs/scale.md")?;
    let token = format!("kzr_{}_{}", "0".repeat(12), "0".repeat(64));
    scale.run_typing("/etc/kozmic/runner.token", &token).await?;
    machine.shell(": >/called").await?;
    scale.run("systemctl enable --now kozmic-runner").await?;
    scale.end()?;
    assert_eq!(machine.shell("cat /called; : >/called").await?, "disable kozmic\nenable --now kozmic-runner");
    machine.shell("sed -i 's/^# KOZMIC_/KOZMIC_/' /etc/kozmic/runner.env").await?;
    let said = machine.shell(RUNNER).await?;
    let connects = ["connecting", "runner=\"000000000000\"", "server=https://ci.example.com/"];
    assert!(connects.iter().all(|words| said.contains(words)), "{said}");
    Ok(())
}

async fn upgraded(machine: &Machine, operations: &mut Play) -> Result<()> {
    machine.shell("touch /active; : >/called; echo built >/var/lib/kozmic/kept").await?;
    machine.shell("chmod 755 /var/lib/kozmic; gpasswd --delete kozmic docker").await?;
    operations.run("apt-get install").await?;
    assert_eq!(machine.shell("dpkg-query -W -f '${Version}' kozmic").await?, "99.0.0~rc.1");
    let deeds = machine.deeds().await?;
    for unit in ["kozmic.service", "kozmic-runner.service"] {
        let restart = format!("restart {unit}");
        assert!(deeds.iter().any(|deed| deed.ends_with(&restart)), "{restart}: {deeds:?}");
    }
    assert!(!deeds.iter().any(|deed| deed.contains("stop")), "it runs until the new one is there: {deeds:?}");
    machine.shell("grep -q '^github_client_id = ' /etc/kozmic/kozmic.toml").await?;
    let kept = machine.shell("cat /var/lib/kozmic/kept; stat -c %a /var/lib/kozmic; id -nG kozmic").await?;
    assert_eq!(kept, "built\n755\nkozmic", "what an administrator changed stays so");
    machine.shell(&format!("rm /active; : >/called; dpkg --install {NEWER}")).await?;
    assert_eq!(machine.deeds().await?, [""; 0], "a service that did not run is not started");
    Ok(())
}

async fn taken_away(machine: &Machine, operations: &mut Play) -> Result<()> {
    machine.shell("dpkg --remove kozmic").await?;
    let deeds = machine.deeds().await?;
    assert!(deeds.iter().any(|deed| deed.contains("stop kozmic.service kozmic-runner.service")), "{deeds:?}");
    machine.shell("test -e /etc/kozmic/github-client-secret; test -e /var/lib/kozmic/kept").await?;
    // The block would end at its second command, were the directory not there any more.
    let said = operations.run_typing("apt-get purge", "y\n").await?;
    let words =
        ["what was built is still in /var/lib/kozmic", "rm -rf /var/lib/kozmic && deluser --system kozmic"];
    assert!(words.iter().all(|words| said.contains(words)), "{said}");
    assert_ne!(machine.code("getent passwd kozmic").await?, "0");
    let left = "find /etc /usr/lib /usr/share /var/lib -xdev -name '*kozmic*' -not -path '*/dpkg/*' -not -path '*/apt/*' \
        -not -path /etc/dpkg/dpkg.cfg.d/90kozmic -not -path /etc/apt/apt.conf.d/90kozmic -not -path /etc/sudoers.d/kozmic";
    assert_eq!(machine.shell(left).await?, "", "nothing is left behind");
    Ok(())
}

/// As when both packages are installed at once, and the engine's has not made its group yet.
async fn beside_an_engine_that_is_not_set_up_yet(machine: &Machine) -> Result<()> {
    machine.shell(&format!("groupdel docker; touch /usr/bin/dockerd; dpkg --install {PACKAGE}")).await?;
    assert_eq!(machine.shell("id -nG kozmic").await?, "kozmic docker");
    machine
        .shell("dpkg --purge kozmic; deluser --system kozmic; groupdel docker; rm /usr/bin/dockerd")
        .await?;
    assert_ne!(machine.code("ls -d /var/lib/kozmic").await?, "0", "an empty directory goes with a purge");
    let said = machine.shell(&format!("dpkg --install {PACKAGE}")).await?;
    assert!(said.contains("When the engine is installed: adduser kozmic docker"), "{said}");
    Ok(())
}
