//! The set-up as root with systemd, in a container whose users, groups and units nobody else uses.

use super::{Ended, run};
use crate::world::IMAGE;
use anyhow::{Context, Result};
use kozmic_testkit::docker::Docker;
use tokio::process::Command;

/// A machine with systemd's directory and a command that only notes what systemd would be asked.
const MACHINE: &str = "set -e; userdel --remove kozmic 2>/dev/null; groupadd --force docker; mkdir -p /run/systemd/system; \
                       printf '#!/bin/sh\\necho \"$@\" >> /systemctl.log\\n' > /usr/bin/systemctl; chmod +x /usr/bin/systemctl; \
                       exec sleep infinity";

/// A container.
struct Machine {
    docker: Docker,
    id: String,
}

impl Machine {
    async fn start() -> Result<Self> {
        let docker = Docker::default();
        let create =
            ["create", "--user=root", "--network=none", "--init", "--entrypoint=bash", IMAGE, "-c", MACHINE];
        let machine = Self { id: docker.run(&create).await?.trim().to_owned(), docker };
        let program = format!("{}:/usr/bin/kozmic", machine.id);
        machine.docker.run(&["cp", env!("CARGO_BIN_EXE_kozmic"), &program]).await?;
        machine.docker.run(&["start", &machine.id]).await?;
        machine.sh("until [ -x /usr/bin/systemctl ]; do sleep 0.02; done").await?;
        Ok(machine)
    }

    async fn sh(&self, script: &str) -> Result<String> {
        self.docker.run(&["exec", &self.id, "bash", "-c", script]).await.with_context(|| script.to_owned())
    }

    async fn setup(&self, answers: &[&str]) -> Result<Ended> {
        let mut command = Command::new("docker");
        command.args(["exec", "--interactive", &self.id, "kozmic", "setup"]);
        run(command, &answers.join("\n")).await
    }

    async fn end(self) -> Result<()> {
        self.docker.remove(&self.id).await
    }
}

#[tokio::test]
async fn root_gets_a_user_closed_files_and_a_service() -> Result<()> {
    let machine = Machine::start().await?;
    let answers =
        ["https://ci.example.com", "", "/srv/kozmic", "", "Ov23liABCDEF", "hush", "y", "", "", "y", "y", "y"];
    let ended = machine.setup(&answers).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("systemctl enable --now kozmic"), "{}", ended.said);
    let rights = machine.sh("stat -c '%a %U %G %n' /srv/kozmic /etc/kozmic /etc/kozmic/*").await?;
    assert_eq!(
        rights,
        "700 kozmic kozmic /srv/kozmic\n750 root kozmic /etc/kozmic\n640 root kozmic /etc/kozmic/github-client-secret\n\
         640 root kozmic /etc/kozmic/kozmic.toml"
    );
    assert!(machine.sh("id -nG kozmic").await?.contains("docker"));
    let unit = machine.sh("cat /etc/systemd/system/kozmic.service").await?;
    assert!(include_str!("../../../../../docs/install.md").contains(&unit), "it is the page's: {unit}");
    let beside = machine.sh("cat /etc/systemd/system/kozmic.service.d/setup.conf").await?;
    let lines = "[Service]\nExecStart=\nExecStart=/usr/bin/kozmic serve\nReadWritePaths=/srv/kozmic";
    assert!(beside.ends_with(lines), "{beside}");
    assert_eq!(machine.sh("cat /systemctl.log").await?, "daemon-reload");
    let read = "su kozmic -s /bin/sh -c 'cat /etc/kozmic/github-client-secret'";
    assert_eq!(machine.sh(read).await?, "hush", "the service may read it");

    let again = machine.setup(&["", "", "", "", "", "", "y", "", "", "y"]).await?;
    assert!(again.code == Some(0) && again.said.contains("systemctl restart kozmic"), "{}", again.said);
    assert!(!again.said.contains("useradd"), "all is there: {}", again.said);
    machine.end().await
}
