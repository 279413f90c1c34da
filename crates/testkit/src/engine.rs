//! A Docker engine for one test, beside the shared one. It can be stopped, killed and started again.
//!
//! It needs root, like every engine, and a bridge of its own: an engine without a bridge would remove that of all
//! others. Its containers need no network. All its containers end together with it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::docker::Docker;
use crate::program::{Program, Show};

/// Longest time for a start, a stop, or the end of a process.
const LIMIT: Duration = Duration::from_secs(60);
/// Pause between two looks at a process: only a parent is told when a process ends.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A bridge for one engine. It is removed when this is dropped.
struct Bridge {
    name: String,
}

impl Bridge {
    fn add() -> Result<Self> {
        let mut seed = [0; 4];
        getrandom::fill(&mut seed).context("ask the system for randomness")?;
        let [third, second, ..] = seed;
        let bridge = Self { name: format!("kz{:08x}", u32::from_ne_bytes(seed)) };
        let (name, address) = (bridge.name.as_str(), format!("10.{}.{third}.1/24", 200 + second % 50));
        ip(&["link", "add", "name", name, "type", "bridge"])?;
        ip(&["address", "add", &address, "dev", name])?;
        ip(&["link", "set", name, "up"])?;
        Ok(bridge)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Err(fault) = ip(&["link", "delete", &self.name]) {
            eprintln!("a bridge is left behind: {fault:#}");
        }
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = std::process::Command::new("ip").args(arguments).output();
    let output = output.context("run ip: is the package iproute2 installed, and is this root?")?;
    ensure!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn kill(process: u32) -> Result<()> {
    let words = ["-c", "kill -KILL \"$1\"", "sh", &process.to_string()];
    let killed = std::process::Command::new("sh").args(words).status().context("run kill")?;
    ensure!(killed.success(), "process {process} could not be killed: {killed}");
    Ok(())
}

/// A Docker engine that ends with its test.
pub struct Engine {
    dir: TempDir,
    bridge: Bridge,
    keeps_containers: bool,
    program: Option<Program>,
}

impl Engine {
    /// Starts an engine with these images of the shared one. With `keeps_containers` its containers go on while it is
    /// down (`--live-restore`). Otherwise it ends them when it stops, or at its next start if it was killed.
    pub async fn start(keeps_containers: bool, images: &[&str]) -> Result<Self> {
        let dir = TempDir::with_prefix("kze-").context("make an engine's directory")?;
        let mut engine = Self { dir, bridge: Bridge::add()?, keeps_containers, program: None };
        engine.start_again().await?;
        for image in images {
            engine.load(image).await?;
        }
        Ok(engine)
    }

    /// The engine's address.
    pub fn url(&self) -> String {
        format!("unix://{}", self.dir.path().join("sock").display())
    }

    /// The engine as the command `docker` reaches it.
    pub fn docker(&self) -> Docker {
        Docker::at(&self.url())
    }

    /// Starts the engine again, and waits until it answers.
    pub async fn start_again(&mut self) -> Result<()> {
        let mut command = Command::new("sh");
        // dockerd prints on standard error, but Program reads standard output.
        command.args(["-c", "exec dockerd \"$@\" 2>&1", "sh"]).args(self.arguments());
        let mut program = Program::start(command, Show::OnPanic)?;
        program
            .wait_for_line(LIMIT, |line| line.contains("API listen on"))
            .await
            .context("start dockerd: is the package docker.io installed, and is this root?")?;
        self.program = Some(program);
        self.docker().ensure_answers().await
    }

    /// Stops the engine as an upgrade does (SIGTERM), and waits for its end.
    pub async fn stop(&mut self) -> Result<()> {
        let mut program = self.program.take().context("the engine runs")?;
        program.ask_to_end()?;
        program.wait(LIMIT).await.map(drop)
    }

    /// Kills the engine (SIGKILL) and waits for its end. The kernel kills containerd together with it. Its containers
    /// go on.
    pub async fn kill(&mut self) -> Result<()> {
        let helper = self.helper()?;
        self.program.take().context("the engine runs")?.kill().await?;
        self.wait_for_end(helper).await?;
        // A process without its parent may stay a zombie for long. By its number the engine would take it for alive.
        std::fs::remove_file(self.helper_file()).context("forget containerd's id")
    }

    /// Ends everything at once, like a power failure: the engine, its helpers, and this process of a container. The
    /// engine's state stays on its disk.
    pub async fn lose_power(&mut self, container: u32) -> Result<()> {
        let helpers = self.helpers()?;
        self.kill().await?;
        for process in helpers.into_iter().chain([container]) {
            kill(process)?;
            self.wait_for_end(process).await?;
        }
        Ok(())
    }

    /// The processes between the engine and its containers: their arguments contain the engine's directory.
    fn helpers(&self) -> Result<Vec<u32>> {
        let own = self.dir.path().join("exec").display().to_string();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").context("list processes")?.flatten() {
            let id = entry.file_name().to_string_lossy().parse::<u32>().ok();
            let Some((id, words)) = id.zip(std::fs::read(entry.path().join("cmdline")).ok()) else {
                continue;
            };
            let words = String::from_utf8_lossy(&words).into_owned();
            if words.starts_with("containerd-shim") || words.contains("/containerd-shim") {
                found.extend(words.contains(&own).then_some(id));
            }
        }
        Ok(found)
    }

    /// Kills containerd, the engine's helper, which the engine then starts again. The engine may miss ends of
    /// containers meanwhile.
    pub async fn kill_helper(&self) -> Result<()> {
        let id = self.helper()?;
        kill(id)?;
        self.wait_for_end(id).await
    }

    fn helper(&self) -> Result<u32> {
        let id = std::fs::read_to_string(self.helper_file()).context("read containerd's id")?;
        id.trim().parse().with_context(|| format!("{id} is no process"))
    }

    /// The id of a running container's first process on this machine.
    pub async fn process(&self, container: &str) -> Result<u32> {
        let id = self.docker().run(&["inspect", container, "--format", "{{.State.Pid}}"]).await?;
        id.parse().ok().filter(|id| *id > 0).with_context(|| format!("{container} does not run"))
    }

    /// Makes a file in a running container, without using the engine.
    pub fn touch(&self, process: u32, path: &str) -> Result<()> {
        let path = PathBuf::from(format!("/proc/{process}/root{path}"));
        std::fs::write(&path, "").with_context(|| format!("make {}", path.display()))
    }

    /// Waits until a process has ended.
    pub async fn wait_for_end(&self, process: u32) -> Result<()> {
        let gone = async {
            while PathBuf::from(format!("/proc/{process}/root/")).exists() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(LIMIT, gone).await.with_context(|| format!("process {process} did not end"))
    }

    async fn load(&self, image: &str) -> Result<()> {
        let mut save = Command::new("docker");
        let mut save = save.args(["save", image]).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let pipe: Stdio = save.stdout.take().context("docker has an output")?.try_into()?;
        let mut load = Command::new("docker");
        load.args(["--host", &self.url(), "load", "--quiet"]).stdin(pipe).kill_on_drop(true);
        let loaded = tokio::time::timeout(LIMIT, load.output()).await.context("loading takes too long")??;
        ensure!(loaded.status.success(), "docker load: {}", String::from_utf8_lossy(&loaded.stderr));
        let saved = save.wait().await?;
        ensure!(saved.success(), "docker save {image}: {saved}");
        Ok(())
    }

    fn helper_file(&self) -> PathBuf {
        self.dir.path().join("exec/containerd/containerd.pid")
    }

    fn arguments(&self) -> Vec<String> {
        let place = |name: &str| self.dir.path().join(name).display().to_string();
        let fixed = ["--bridge", &self.bridge.name, "--iptables=false", "--ip-masq=false"].map(str::to_owned);
        let places = [("--host", self.url()), ("--data-root", place("data")), ("--exec-root", place("exec"))];
        let places = places.into_iter().chain([("--pidfile", place("pid"))]);
        let places = places.flat_map(|(name, value)| [name.to_owned(), value]);
        let live = self.keeps_containers.then(|| "--live-restore".to_owned());
        fixed.into_iter().chain(places).chain(live).collect()
    }

    /// Ends the engine and all its containers. A killed engine is started for that, because its containers may still
    /// run.
    fn end(&mut self) -> Result<()> {
        const SCRIPT: &str = "url=$1 id=$2 helper=$3 data=$4; shift 4\n\
            [ -n \"$id\" ] || { dockerd \"$@\" >/dev/null 2>&1 & id=$!; }\n\
            for _ in $(seq 300); do docker --host \"$url\" version >/dev/null 2>&1 && break; sleep 0.1; done\n\
            docker --host \"$url\" ps --all --quiet | xargs -r docker --host \"$url\" rm --force --volumes >/dev/null\n\
            kill -TERM \"$id\"\n\
            for _ in $(seq 300); do kill -0 \"$id\" 2>/dev/null || break; sleep 0.1; done\n\
            [ ! -e \"$helper\" ] || kill -TERM \"$(cat \"$helper\")\" 2>/dev/null\n\
            # One that was killed leaves its directory mounted onto itself.\n\
            umount \"$data\" 2>/dev/null || true";
        let mut program = self.program.take();
        let id = program.as_ref().map(|program| program.pid().to_string()).unwrap_or_default();
        // containerd outlives an engine that was killed once.
        let helper = self.helper_file().display().to_string();
        let mut command = std::process::Command::new("sh");
        let data = self.dir.path().join("data").display().to_string();
        command.args(["-c", SCRIPT, "sh", &self.url(), &id, &helper, &data]).args(self.arguments());
        let mut ended = command.spawn().context("run sh")?;
        while ended.try_wait()?.is_none() {
            // The process is reaped here, or it would exist for ever.
            if let Some(program) = &mut program {
                program.is_running();
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Err(fault) = self.end() {
            eprintln!("an engine's containers may be left behind: {fault:#}");
        }
    }
}
