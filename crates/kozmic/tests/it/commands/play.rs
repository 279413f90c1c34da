//! Runs a page's blocks of commands for a story. Each block is run as it is written. Only names of hosts, ports and
//! places that are different here are replaced.

use super::pages::{Block, blocks};
use anyhow::{Context, Result, ensure};
use std::{
    collections::{BTreeSet, VecDeque},
    path::PathBuf,
    process::{Output, Stdio},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

/// A place where commands run.
pub enum Place {
    /// This machine, in that directory, with these variables.
    Here(PathBuf, Vec<(&'static str, String)>),
    /// This machine, as root, without its network: what is set there ends with each block.
    Apart,
    /// A container, as that user.
    Container(String, &'static str),
}

/// The blocks of a page that a story plays, those that are still to come.
pub struct Play {
    blocks: VecDeque<Block>,
    place: Place,
    replaced: Vec<(&'static str, String)>,
    used: BTreeSet<&'static str>,
    /// Commands before each block: a shell knows what the ones before it said.
    first: String,
}

impl Play {
    /// The blocks that this story plays on that page.
    pub fn new(scene: &str, page: &str, place: Place) -> Result<Self> {
        let of_page = blocks()?.into_iter().filter(|block| block.is_played(scene, page));
        let (blocks, used) = (of_page.collect(), BTreeSet::new());
        Ok(Self { blocks, place, replaced: Vec::new(), used, first: String::new() })
    }

    /// Writes something else in the place of these words, wherever they stand.
    #[must_use]
    pub fn with(mut self, words: &'static str, here: impl Into<String>) -> Self {
        self.replaced.push((words, here.into()));
        self
    }

    /// Lets the shell of each block begin with this.
    #[must_use]
    pub fn after(mut self, commands: &str) -> Self {
        self.first.push_str(&format!("{commands}\n"));
        self
    }

    /// Runs the first block that has these words in it, and was not run; gives what it printed.
    pub async fn run(&mut self, words: &str) -> Result<String> {
        self.run_typing(words, "").await
    }

    /// The same, with this typed in.
    pub async fn run_typing(&mut self, words: &str, typed: &str) -> Result<String> {
        let block = self.next(words)?;
        if block.text.lines().all(|line| line.starts_with("export ")) {
            self.first.push_str(&block.text);
        }
        let mut child = self.command(&block.text).spawn()?;
        let mut stdin = child.stdin.take().context("a shell has an input")?;
        stdin.write_all(typed.as_bytes()).await?;
        drop(stdin);
        let Output { status, stdout, stderr } = child.wait_with_output().await?;
        let said = String::from_utf8_lossy(&stdout).into_owned();
        let complaint = String::from_utf8_lossy(&stderr);
        ensure!(status.success(), "{}:{}: {status}\n{said}{complaint}", block.page, block.line);
        Ok(said)
    }

    /// Starts such a block, which does not end by itself, and waits until it has printed a line that begins so.
    pub async fn start(&mut self, words: &str, ready: &str) -> Result<Child> {
        let block = self.next(words)?;
        let mut child = self.command(&block.text).stderr(Stdio::inherit()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("a shell has an output")?).lines();
        let mut said = String::new();
        while let Some(line) = lines.next_line().await? {
            if line.starts_with(ready) {
                return Ok(child);
            }
            said.push_str(&format!("{line}\n"));
        }
        anyhow::bail!("{}:{} ended before it was ready:\n{said}", block.page, block.line)
    }

    /// An error unless all was played and every replacement was for something.
    pub fn end(self) -> Result<()> {
        ensure!(self.blocks.is_empty(), "not played: {:?}", self.blocks);
        let idle = self.replaced.iter().find(|(words, _)| !self.used.contains(words));
        ensure!(idle.is_none(), "no block has the words that are replaced by {idle:?}");
        Ok(())
    }

    fn next(&mut self, words: &str) -> Result<Block> {
        let place = self.blocks.iter().position(|block| block.text.contains(words));
        let block = place.and_then(|place| self.blocks.remove(place));
        let mut block = block.with_context(|| format!("no block is left that has {words:?}"))?;
        for (words, here) in &self.replaced {
            if block.text.contains(words) {
                self.used.insert(words);
                block.text = block.text.replace(words, here);
            }
        }
        Ok(block)
    }

    fn command(&self, text: &str) -> Command {
        let script = format!("{}{text}", self.first);
        let mut command = match &self.place {
            Place::Here(dir, variables) => {
                let mut command = Command::new("bash");
                command.current_dir(dir).envs(variables.iter().map(|(name, value)| (name, value)));
                command
            }
            Place::Apart => {
                let mut command = Command::new("unshare");
                command.args(["--net", "bash"]);
                command
            }
            Place::Container(name, user) => {
                let mut command = Command::new("docker");
                command.args(["exec", "--interactive", "--user", user, name, "bash"]);
                command
            }
        };
        command.args(["-euo", "pipefail", "-c", &script]).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}
