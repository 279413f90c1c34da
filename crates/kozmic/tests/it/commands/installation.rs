//! An installation by the pages, from a bare Debian until Kozmic is removed again, in a container with an engine of its
//! own. systemd's tool only writes its links there and starts nothing: `SYSTEMD_OFFLINE`.

use super::{Place, Play};
use crate::world::{IMAGE, github};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{authority::Authority, docker::Docker, engine::Engine, port::free_port};
use std::{fs, path::Path, process::Stdio};
use tokio::process::Command;

/// systemd's tool starts and stops nothing while it is offline, and prints a message. With `--now` it prints none, so
/// it is given both words separately.
const SYSTEMCTL: &str = r#"#!/bin/bash
set -e
if [[ $2 == --now ]]; then
    /usr/bin/systemctl "$1" "${@:3}"
    case $1 in enable) set -- start "${@:3}" ;; disable) set -- stop "${@:3}" ;; esac
fi
exec /usr/bin/systemctl "$@"
"#;

/// The machine's set-up: Debian, a checkout with a program that is built, and people who may use the engine.
const MACHINE: &str = "
    userdel --remove kozmic 2>/dev/null
    groupadd --non-unique --gid $(stat -c %g /var/run/docker.sock) docker
    echo 'Defaults env_keep += SYSTEMD_OFFLINE' >/etc/sudoers.d/offline
    apt-get -qq update && apt-get -qqy install --no-install-recommends systemd sqlite3 >/dev/null
    mkdir /backup";

/// A machine in a container, which goes with this.
struct Machine {
    name: String,
    engine: Engine,
}

impl Machine {
    async fn start() -> Result<Self> {
        let engine = Engine::start(false, &[]).await?;
        let name = format!("kozmic-test-installation-{}", std::process::id());
        let client = Command::new("sh").args(["-c", "command -v docker"]).output().await?;
        let client = String::from_utf8_lossy(&client.stdout).trim().to_owned();
        let socket = engine.url().trim_start_matches("unix://").to_owned();
        let volumes = [
            format!("{}:/checkout/target/release/kozmic:ro", env!("CARGO_BIN_EXE_kozmic")),
            format!("{}:/usr/local/bin/docker:ro", Path::new(&client).canonicalize()?.display()),
            format!("{socket}:/var/run/docker.sock"),
        ];
        let volumes = volumes.iter().flat_map(|volume| ["--volume", volume]);
        let mut run =
            vec!["run", "--detach", "--init", "--user=root", "--network=host", "--workdir=/checkout"];
        run.extend(["--env=SYSTEMD_OFFLINE=1", "--env=DEBIAN_FRONTEND=noninteractive", "--name", &name]);
        run.extend(volumes);
        run.extend([IMAGE, "sleep", "infinity"]);
        Docker::default().run(&run).await?;
        let machine = Self { name, engine };
        machine.inside("root", MACHINE).await.context("set the machine up")?;
        machine.write("/usr/local/sbin/systemctl", SYSTEMCTL).await?;
        machine.inside("root", "chmod 0755 /usr/local/sbin/systemctl").await?;
        Ok(machine)
    }

    fn play(&self, page: &str, user: &'static str) -> Result<Play> {
        Play::new("installation", page, Place::Container(self.name.clone(), user))
    }

    /// Runs commands there.
    async fn inside(&self, user: &str, commands: &str) -> Result<String> {
        let commands = format!("set -e; {commands}");
        Docker::default().run(&["exec", "--user", user, &self.name, "bash", "-c", &commands]).await
    }

    async fn write(&self, path: &str, text: &str) -> Result<()> {
        let (file, to) = (tempfile::NamedTempFile::new()?, format!("{}:{path}", self.name));
        fs::write(file.path(), text)?;
        Docker::default().run(&["cp", &file.path().display().to_string(), &to]).await?;
        self.inside("root", &format!("chmod 0644 {path}")).await.map(drop)
    }

    /// Puts onto the engine what jobs leave there: a container, a cached image, the network.
    async fn leave_things(&self) -> Result<()> {
        let docker = self.engine.docker();
        let tar = "tar --create --directory /etc hostname | docker --host \"$0\" import - kozmic-cache/abc:1";
        let import =
            Command::new("sh").args(["-c", tar, &self.engine.url()]).stdin(Stdio::null()).output().await?;
        ensure!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
        let labels = ["--label", "kozmic.instance=one", "--label", "kozmic.job=7"];
        docker.run(&[&["create"][..], &labels, &["kozmic-cache/abc:1", "/hostname"]].concat()).await?;
        docker.run(&["network", "create", "kozmic-jobs"]).await.map(drop)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let remove = std::process::Command::new("docker").args(["rm", "--force", &self.name]).output();
        if !remove.is_ok_and(|output| output.status.success()) {
            eprintln!("the container {} is left behind", self.name);
        }
    }
}

/// The first fenced block of this language on a page.
fn fenced<'a>(page: &'a str, language: &str) -> Result<&'a str> {
    let block = page.split(&format!("```{language}\n")).nth(1).and_then(|rest| rest.split("```").next());
    block.with_context(|| format!("the page has {language}"))
}

#[tokio::test]
async fn an_installation_by_the_pages_works_and_goes_away_without_a_trace() -> Result<()> {
    let page = include_str!("../../../../../docs/install.md");
    let (github, machine, port) = (github().await?, Machine::start().await?, free_port()?);
    let here = format!("127.0.0.1:{port}");
    let settings = fenced(page, "toml")?
        .replace("127.0.0.1:8080", &here)
        .replace("https://ci.example.com", &format!("http://{here}"));
    let client = settings.replace("Ov23liABCDEFGHIJKLMN", github.client_id());
    let settings = format!(
        "{client}github_url = \"{}\"\ngithub_api_url = \"{}\"\ndocker_network = \"none\"\n",
        github.url(),
        github.api_url()
    );
    machine
        .write("/checkout/authority.crt", &fs::read_to_string(Authority::new("Ours")?.certificate())?)
        .await?;

    let mut install = machine.play("docs/install.md", "root")?;
    install.run("apt-get install git openssh-client").await?;
    install.run("sudo install target/release/kozmic").await?;
    install.run("useradd").await?;
    install.run("update-ca-certificates").await?;
    install.run("/srv/artifacts").await?;
    machine.write("/etc/kozmic/kozmic.toml", &settings).await?;
    machine.write("/etc/systemd/system/kozmic.service", fenced(page, "ini")?).await?;
    install.run_typing("/etc/kozmic/github-client-secret", github.client_secret()).await?;
    let looked = install.run("kozmic check").await?;
    ensure!(looked.contains("ok    GitHub:") && !looked.contains("FAIL"), "{looked}");
    install.run("systemctl enable").await?;
    install.end()?;
    machine.inside("root", "test -e /etc/systemd/system/multi-user.target.wants/kozmic.service").await?;

    machine.write("/checkout/kozmic.toml", &settings).await?;
    let mut readme = machine.play("README.md", "kozmic")?;
    let server = readme.start("kozmic serve", "Kozmic listens on").await?;
    readme.end()?;

    let mut operations = machine.play("docs/operations.md", "root")?;
    for words in [".backup", "VACUUM"] {
        operations.run(words).await?;
        let copy = "sqlite3 /backup/kozmic.db 'SELECT count(*) FROM user' && rm /backup/kozmic.db";
        ensure!(machine.inside("root", copy).await? == "0", "the copy of {words} is no database of Kozmic's");
    }
    operations.run("systemctl stop kozmic").await?;
    machine.leave_things().await?;
    ensure!(operations.run("label=kozmic.job").await?.contains("kozmic-cache/abc:1"));
    operations.run("kozmic cache clean").await?;
    machine.inside("root", "kill $(pidof kozmic)").await?;
    let ended = server.wait_with_output().await?;
    ensure!(ended.status.success(), "the server ended with {}", ended.status);
    operations.run("userdel kozmic").await?;
    operations.end()?;

    let traces = "set +e; ls -d /etc/kozmic /var/lib/kozmic /usr/local/bin/kozmic /etc/systemd/system/kozmic.service \
                  /etc/systemd/system/*/kozmic.service 2>/dev/null; getent passwd kozmic; getent group kozmic; \
                  docker ps --all --quiet; docker images --quiet; docker network ls --quiet --filter type=custom";
    let traces = machine.inside("root", &format!("{traces}; true")).await;
    ensure!(traces.as_deref().is_ok_and(str::is_empty), "left behind: {traces:?}");
    Ok(())
}
