//! The set-up of the kernels' stories: an organization for each story, with a repository for each kind of rule. Images
//! are named after the organization, so that stories that run at the same time never share any.

use super::super::stage::{Script, Stage};
use crate::world::LIMIT;
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    docker::Docker,
    github::{Commit, NewRepository, Permission, State, Status},
};
use std::{
    fs,
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// Name of the statuses of generic builds.
pub const GENERIC: &str = "kozmic/kernel generic";

/// Name of the statuses of dependent builds.
pub const DEPENDENT: &str = "kozmic/kernel dependent";

/// The script of generic builds.
const BUILD: &str = "autobuild/build.sh";

/// It tells what it sees, leaves a file on the container's disk, and a kernel that consists of its branch and commit.
pub const WHOLE: &str = "#!/bin/bash
set -e
echo called with $*
echo at $(git -C /0-initramfs rev-parse HEAD), $(ls -A /target | wc -l) files
echo base of $1 at $(git -C /0-initramfs rev-parse HEAD) > /base
cp /base /target/vmlinuz.efi
";

/// It comes with the image, and adds its repository's commit to the kernel.
const PART: &str = "#!/bin/bash
set -e
echo called with $*
echo $(ls -A /target | wc -l) files
{ cat /base; git -C /0-core rev-parse HEAD; } > /target/vmlinuz.efi
";

/// Stories of one process are told apart by this, processes by their ids.
static NEXT: AtomicU32 = AtomicU32::new(0);

pub struct Scene {
    pub stage: Stage,
    pub owner: String,
}

/// An organization that no other story has.
fn owner() -> String {
    format!("zos-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// One rule of each kind, for an organization's repositories.
fn rules(owner: &str) -> String {
    format!(
        "[[kernel]]
kind = 'generic'
repository = '{owner}/0-initramfs'
before = 'git --version'
script = '/0-initramfs/{BUILD}'

[[kernel]]
kind = 'dependent'
repository = '{owner}/0-core'
base = '{owner}/0-initramfs'
script = '/0-initramfs/autobuild/part.sh'
"
    )
}

impl Scene {
    /// Generic builds run this script.
    pub async fn new(build: &str) -> Result<Self> {
        Self::with(build, &[]).await
    }

    /// With these settings beyond the stage's own.
    pub async fn with(build: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let owner = owner();
        let toml = rules(&owner);
        let stage = Stage::new(Script { toml: &toml, settings, ..Script::default() }).await?;
        stage.github.add_organization(&owner, &["anna"]);
        for name in ["0-initramfs", "0-core"] {
            let new = NewRepository::public(&format!("{owner}/{name}"));
            stage.github.add_repository(new.allow("builder", Permission::Admin))?;
        }
        let begin = Commit::new("Begin").file(BUILD, build).file("autobuild/part.sh", PART);
        stage.github.commit(&format!("{owner}/0-initramfs"), "master", begin).await?;
        // Repositories that come to be later are heard of from the next reading on.
        stage.configure(Commit::new("Look again").file("README.md", "Kernels")).await?;
        Ok(Self { stage, owner })
    }

    pub fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.owner)
    }

    /// The name of the image that is kept for a branch.
    pub fn image(&self, tag: &str) -> String {
        format!("{}/0-initramfs:{tag}", self.owner)
    }

    /// Pushes a commit to a repository without waiting for anything; its id. A new branch grows out of `master`.
    pub async fn push(&self, name: &str, branch: &str) -> Result<String> {
        self.push_change(name, branch, Commit::new("Change").file("branch", branch)).await
    }

    pub async fn push_change(&self, name: &str, branch: &str, commit: Commit) -> Result<String> {
        let (repository, github) = (self.repository(name), &self.stage.github);
        let (there, master) =
            (github.head(&repository, branch).await, github.head(&repository, "master").await);
        let commit = match (there, master) {
            (None, Some(master)) => commit.onto(&master),
            _ => commit,
        };
        let pushed = github.push_commit(&repository, branch, commit).await?;
        ensure!(pushed.deliveries.iter().any(|delivery| delivery.arrived()), "{:?}", pushed.deliveries);
        Ok(pushed.sha)
    }

    /// Pushes a commit of which a whole kernel is made; its id.
    pub async fn build(&self, branch: &str) -> Result<String> {
        let sha = self.push("0-initramfs", branch).await?;
        self.success("0-initramfs", &sha).await?;
        Ok(sha)
    }

    /// Waits until a commit's build ended well.
    pub async fn success(&self, name: &str, sha: &str) -> Result<Status> {
        let status = self.verdict(name, sha).await?;
        ensure!(status.state == State::Success, "{}: {:?}", status.state, status.description);
        Ok(status)
    }

    /// Waits until a commit's build ended as an error; gives the reason.
    pub async fn error(&self, name: &str, sha: &str) -> Result<String> {
        let status = self.verdict(name, sha).await?;
        ensure!(status.state == State::Error, "{}: {:?}", status.state, status.description);
        status.description.context("the status says why")
    }

    async fn verdict(&self, name: &str, sha: &str) -> Result<Status> {
        let context = if name == "0-core" { DEPENDENT } else { GENERIC };
        self.stage.verdict(&self.repository(name), sha, context).await
    }

    fn directory(&self) -> PathBuf {
        self.stage.artifacts.join("kernel")
    }

    /// All names in the directory of kernels, links and checksums included, in order.
    pub fn kernels(&self) -> Result<Vec<String>> {
        if !self.directory().exists() {
            return Ok(Vec::new());
        }
        let names = fs::read_dir(self.directory())?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<Vec<_>>>();
        let mut names = names?.into_iter().filter(|name| !name.starts_with('.')).collect::<Vec<_>>();
        names.sort();
        Ok(names)
    }

    pub fn kernel(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.directory().join(name)).with_context(|| format!("read the kernel {name}"))
    }

    /// Target of a stable link.
    pub fn link(&self, name: &str) -> Result<String> {
        let target =
            fs::read_link(self.directory().join(name)).with_context(|| format!("read the link {name}"))?;
        Ok(target.to_string_lossy().into_owned())
    }

    /// The tags of the images that were kept, in order.
    pub async fn tags(&self) -> Result<Vec<String>> {
        let images = self.stage.docker.images(&format!("{}/*", self.owner)).await?;
        let mut tags =
            images.iter().filter_map(|name| Some(name.rsplit_once(':')?.1.to_owned())).collect::<Vec<_>>();
        tags.sort();
        Ok(tags)
    }

    /// The id of the image that has a name.
    pub async fn image_id(&self, tag: &str) -> Result<String> {
        self.stage.docker.run(&["image", "inspect", "--format", "{{.Id}}", &self.image(tag)]).await
    }

    /// The ids of all images that come of this installation's containers, with a name or without.
    pub async fn images(&self) -> Result<Vec<String>> {
        let label = format!("label={}", self.stage.label()?);
        let listing =
            self.stage.docker.run(&["images", "--all", "--quiet", "--no-trunc", "--filter", &label]).await?;
        Ok(listing.lines().map(str::to_owned).collect())
    }

    /// Runs a line of shell in an image.
    pub async fn look_into(&self, tag: &str, line: &str) -> Result<String> {
        let run = ["run", "--rm", "--network", "none", "--entrypoint", "sh", &self.image(tag), "-c", line];
        self.stage.docker.run(&run).await
    }

    /// The container of the first build, when its script has made this file.
    pub async fn running(&self, file: &str) -> Result<String> {
        let label = format!("label={}", self.stage.label()?);
        let container = event(&["type=container", "event=start", &label]).await?;
        let wait = format!("until [ -e {file} ]; do sleep 0.02; done");
        self.stage.docker.run(&["exec", &container, "sh", "-c", &wait]).await?;
        Ok(container)
    }

    /// Takes all images away that the story left, and ends as every story does.
    pub async fn end(self) -> Result<()> {
        let images = self.images().await?;
        let docker = self.stage.docker.clone();
        self.stage.end().await?;
        // The newest come first: nothing was made of them.
        for image in images {
            docker.run(&["rmi", "--force", &image]).await?;
        }
        Ok(())
    }
}

/// Waits until the engine says that an image was removed, now or a short while ago.
pub async fn removed(image_id: &str) -> Result<()> {
    let image = format!("image={image_id}");
    event(&["type=image", "event=delete", &image]).await.context("an image is removed").map(drop)
}

/// Waits for the first event of the engine that passes all filters, now or a short while ago; what it is about.
async fn event(filters: &[&str]) -> Result<String> {
    let mut events = Command::new("docker");
    events.args(["events", "--since", "10m", "--format", "{{.ID}}"]);
    events
        .args(filters.iter().flat_map(|filter| ["--filter", filter]))
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut events = events.spawn().context("watch events")?;
    let mut lines = BufReader::new(events.stdout.take().context("docker has an output")?).lines();
    let line = tokio::time::timeout(LIMIT, lines.next_line()).await;
    line.with_context(|| format!("no event with {filters:?}"))??.context("the engine goes on")
}

/// A container of an image, committed under no name, as anybody may do: its labels are those of the image.
pub async fn nameless_commit(docker: &Docker, image: &str) -> Result<String> {
    let container = docker.run(&["create", image, "true"]).await?;
    let committed = docker.run(&["commit", &container]).await?;
    docker.run(&["rm", &container]).await?;
    Ok(committed)
}
