//! The git command in one bare repository of the double.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Settings that make a directory a bare repository, without the run of `git init`.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\
    [http]\n\treceivepack = true\n\
    [uploadpack]\n\tallowAnySHA1InWant = true\n\tallowFilter = true\n\
    [receive]\n\tdenyDeleteCurrent = ignore\n[gc]\n\tauto = 0\n";

/// Git in one bare repository.
pub(super) struct Git {
    dir: PathBuf,
}

impl Git {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Directory of the repository.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes an empty bare repository.
    pub(super) fn init(&self) -> Result<()> {
        for part in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
            std::fs::create_dir_all(self.dir.join(part)).context("make a repository's directory")?;
        }
        std::fs::write(self.dir.join("config"), CONFIG).context("write a repository's settings")?;
        std::fs::write(self.dir.join("HEAD"), "ref: refs/heads/main\n").context("write a repository's HEAD")
    }

    /// Runs git and answers what it printed, trimmed.
    pub(super) async fn run(&self, args: &[&str]) -> Result<String> {
        let output = self.feed(args, b"").await?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// Runs git with this input and answers its output.
    pub(super) async fn feed(&self, args: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        let mut child = command(&self.dir)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start git: is it installed?")?;
        let mut stdin = child.stdin.take().context("git has an input")?;
        let write = async move {
            stdin.write_all(input).await.ok();
            drop(stdin);
        };
        let ((), output) = tokio::join!(write, child.wait_with_output());
        let output = output.context("wait for git")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git {} in {}: {complaint}", args.join(" "), self.dir.display());
        Ok(output.stdout)
    }

    /// The commit that a ref or short name stands for.
    pub(super) async fn resolve(&self, name: &str) -> Option<String> {
        self.run(&["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).await.ok()
    }

    /// All branches and tags with the objects that they point to.
    pub(super) async fn refs(&self) -> Result<BTreeMap<String, String>> {
        let format = "--format=%(refname) %(objectname)";
        let listing = self.run(&["for-each-ref", format, "refs/heads", "refs/tags"]).await?;
        let parse = |line: &str| line.split_once(' ').map(|(name, id)| (name.to_owned(), id.to_owned()));
        Ok(listing.lines().filter_map(parse).collect())
    }
}

/// A git command that sees nothing of the machine's own settings.
pub(super) fn command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command.kill_on_drop(true);
    command
}
