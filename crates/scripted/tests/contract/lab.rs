//! An engine under test, with an image, unique ids, and helpers for containers.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use kozmic_edges::engine::{
    Channel, ContainerId, Engine, Image, Limits, NewContainer, OutputStream, Stage, Volume,
    docker::{DockerEngine, DockerSettings, JobNetwork},
};
use kozmic_model::{ids::JobId, image::ImageName, job::Attempt};
use kozmic_scripted::{Sample, ScriptedEngine};
use secrecy::ExposeSecret;
use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};
use tokio::sync::mpsc;

/// The tests' image, which has a shell and the user `kozmic`.
const DEBIAN: &str = "kozmic/debian:bookworm";

/// The shell that the runner puts around a script, and the mark that stands for the script.
pub(crate) const AROUND: &str = include_str!("../../../runner/src/shell/around.sh");
pub(crate) const MARK: &str = "# The script runs here.";

/// Waits for a file that a test creates.
pub(crate) const GO: &str = "while [ ! -e /tmp/go ]; do sleep 0.01; done";

/// An engine with the things that a test makes on it: they are removed when this is dropped.
pub(crate) struct Lab {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) instance: String,
    pub(crate) scripted: Option<ScriptedEngine>,
    image: Image,
}

impl Lab {
    pub(crate) fn scripted() -> Self {
        let engine = ScriptedEngine::new();
        let image = engine.add_image(&name(DEBIAN), Sample::debian());
        let (instance, scripted) = ("lab".to_owned(), Some(engine.clone()));
        Self { engine: Arc::new(engine), instance, scripted, image }
    }

    pub(crate) async fn docker() -> Self {
        let url = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let network = JobNetwork::Named("none".to_owned());
        let settings = DockerSettings { url, network, ..DockerSettings::default() };
        let engine = DockerEngine::new(settings);
        let image = engine.image(&name(DEBIAN)).await.unwrap().expect("script/test makes the image");
        let chance = kozmic_edges::secret::random().expose_secret()[..12].to_lowercase();
        let instance = format!("contract{}", chance.replace(['-', '_'], "x"));
        Self { engine: Arc::new(engine), instance, scripted: None, image }
    }

    /// The tests' image.
    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    /// An attempt at the job of the tests.
    pub(crate) fn attempt(&self, number: i32) -> Attempt {
        Attempt { job: JobId(1), number }
    }

    /// An image name that nobody else uses.
    pub(crate) fn name(&self, tag: &str) -> ImageName {
        name(&format!("{}/image:{tag}", self.instance))
    }

    /// A container of the tests' image that runs a script.
    pub(crate) fn script(&self, script: &str) -> NewContainer {
        NewContainer {
            instance: self.instance.clone(),
            attempt: self.attempt(1),
            stage: Stage::Build,
            image: self.image.id.clone(),
            command: ["/bin/sh", "-c", script].map(str::to_owned).into(),
            user: "0".to_owned(),
            working_dir: "/".to_owned(),
            environment: Vec::new(),
            volumes: Vec::new(),
            takes_input: false,
            has_terminal: false,
            limits: Limits::default(),
        }
    }

    pub(crate) async fn create(&self, wanted: &NewContainer) -> ContainerId {
        self.engine.create(wanted).await.unwrap()
    }

    pub(crate) async fn start(&self, wanted: &NewContainer) -> ContainerId {
        let container = self.create(wanted).await;
        self.engine.start(&container).await.unwrap();
        container
    }

    /// A container that has ended, with its code.
    pub(crate) async fn run(&self, wanted: &NewContainer) -> (ContainerId, i64) {
        let container = self.start(wanted).await;
        let code = self.engine.wait(&container).await.unwrap();
        (container, code)
    }

    /// A running container, with its output.
    pub(crate) async fn listen(&self, wanted: &NewContainer) -> (ContainerId, OutputStream) {
        let container = self.create(wanted).await;
        let attached = self.engine.attach(&container, wanted.has_terminal).await.unwrap();
        self.engine.start(&container).await.unwrap();
        (container, attached.output)
    }

    /// The output of a script that ends well.
    pub(crate) async fn said(&self, wanted: &NewContainer) -> String {
        let (container, code) = self.run(wanted).await;
        assert_eq!(code, 0);
        self.text(&container).await
    }

    /// The whole stored output of a container.
    pub(crate) async fn text(&self, container: &ContainerId) -> String {
        String::from_utf8(all(self.engine.output(container).await.unwrap()).await).unwrap()
    }

    /// Puts a file into a container.
    pub(crate) async fn put(&self, container: &ContainerId, path: &str, content: &str) {
        let archive = archive(&[(path.trim_start_matches('/'), content)]);
        self.engine.upload(container, "/", archive).await.unwrap();
    }

    /// A container's file, as text.
    pub(crate) async fn file(&self, container: &ContainerId, path: &str) -> Option<String> {
        let bytes = self.engine.read_file(container, path, 1 << 20).await.unwrap();
        bytes.map(|bytes| String::from_utf8(bytes).unwrap())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.scripted.is_some() {
            return;
        }
        let label = format!("label=kozmic.instance={}", self.instance);
        let containers = docker(&["ps", "--all", "--quiet", "--filter", &label]);
        containers.lines().for_each(|id| drop(docker(&["rm", "--force", "--volumes", id])));
        let images = docker(&["images", "--all", "--quiet", "--no-trunc", "--filter", &label]);
        // The newest image first, so that no image is removed before those made from it.
        images.lines().for_each(|id| drop(docker(&["rmi", "--force", "--no-prune", id])));
    }
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// An image with one file on this machine's Docker: small enough for a quick push, and removed with the lab.
pub(crate) fn small_image(lab: &Lab) -> String {
    let name = lab.name("small").to_string();
    let label = format!("LABEL kozmic.instance={}", lab.instance);
    let import = ["import", "--change", &label, "-", &name];
    let import = Command::new("docker").args(import).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut import = import.unwrap();
    import.stdin.take().unwrap().write_all(&tar_of(&[("file", "1\n")])).unwrap();
    assert!(import.wait().unwrap().success());
    name
}

pub(crate) fn name(text: &str) -> ImageName {
    text.parse().unwrap()
}

pub(crate) fn volume(path: &str, is_empty: bool) -> Volume {
    Volume { path: path.to_owned(), is_empty }
}

/// A tar archive of executable files, in the directories of their paths.
pub(crate) fn archive(files: &[(&str, &str)]) -> mpsc::Receiver<std::io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(Ok(tar_of(files).into())).unwrap();
    receiver
}

fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

/// All bytes of a container's output.
pub(crate) async fn all(output: OutputStream) -> Vec<u8> {
    let pieces = output.try_collect::<Vec<_>>().await.unwrap();
    pieces.into_iter().flat_map(|piece| piece.bytes).collect()
}

/// The bytes of each channel.
pub(crate) async fn both(output: OutputStream) -> (Vec<u8>, Vec<u8>) {
    let pieces = output.try_collect::<Vec<_>>().await.unwrap();
    let of = |channel| {
        let pieces = pieces.iter().filter(move |piece| piece.channel == channel);
        pieces.flat_map(|piece| piece.bytes.to_vec()).collect::<Vec<_>>()
    };
    (of(Channel::Output), of(Channel::Error))
}

/// Reads output until it ends with a text.
pub(crate) async fn up_to(output: &mut OutputStream, text: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    while !heard.ends_with(text) {
        heard.extend_from_slice(&output.next().await.expect("the text comes").unwrap().bytes);
    }
    heard
}
