//! Answers the calls of the trait `Engine`.

use crate::{
    ScriptedEngine, Verb,
    files::{Found, Node, pack, unpack},
    streams,
    world::{Container, refused, unreachable},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use kozmic_edges::engine::{
    Account, Attached, ContainerId, ContainerState, Engine, EngineError, EngineVersion, FoundContainer,
    Image, Memory, Moment, Nameless, NewContainer, OutputStream, RegistryLogin, Stage, TerminalSize,
};
use kozmic_model::{image::ImageName, job::Attempt, time::Timestamp};
use std::{net::IpAddr, time::Duration};
use tokio::sync::mpsc;

/// The memory of the engine's machine, in bytes.
pub const MEMORY: i64 = 8 << 30;

/// The engine's architecture. Few machines have it, so a test tells it from that of its own machine.
pub const ARCHITECTURE: &str = "s390x";

#[async_trait]
impl Engine for ScriptedEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        self.call(Verb::Ping, async { Ok(()) }).await
    }

    async fn prepare(&self) -> Result<(), EngineError> {
        self.call(Verb::Prepare, async { Ok(()) }).await
    }

    /// Containers of this engine have no addresses.
    async fn is_job(&self, _: IpAddr) -> bool {
        false
    }

    async fn version(&self) -> Result<EngineVersion, EngineError> {
        let version =
            EngineVersion { number: "scripted".to_owned(), architecture: Some(ARCHITECTURE.to_owned()) };
        self.call(Verb::Version, async { Ok(version) }).await
    }

    async fn image(&self, name: &ImageName) -> Result<Option<Image>, EngineError> {
        self.call(Verb::Image, async { Ok(self.look(|world| world.images.find(name))) }).await
    }

    async fn pull(
        &self,
        name: &ImageName,
        login: Option<&RegistryLogin>,
        progress: mpsc::Sender<String>,
    ) -> Result<(), EngineError> {
        let pull = async {
            for line in self.change(|world| world.pull(name, login))? {
                // If the reader no longer listens, a line is lost, and the pull continues.
                let _ = progress.send(line).await;
            }
            Ok(())
        };
        self.call(Verb::Pull, pull).await
    }

    async fn ask_registry(&self, name: &ImageName, login: Option<&RegistryLogin>) -> Result<(), EngineError> {
        let ask = async { self.look(|world| world.images.offered(name, login).map(drop)) };
        self.call(Verb::AskRegistry, ask).await
    }

    async fn memory(&self) -> Result<i64, EngineError> {
        self.call(Verb::Memory, async { Ok(MEMORY) }).await
    }

    async fn commit(&self, container: &ContainerId, name: &ImageName) -> Result<String, EngineError> {
        self.call(Verb::Commit, async { self.change(|world| world.commit(container, name)) }).await
    }

    async fn image_of(
        &self,
        name: &ImageName,
        instance: &str,
        attempt: Attempt,
        stage: &Stage,
    ) -> Result<Option<String>, EngineError> {
        let maker = (instance.to_owned(), attempt, stage.clone());
        let find = async { Ok(self.look(|world| world.images.find_of(name, &maker))) };
        self.call(Verb::ImageOf, find).await
    }

    async fn remove_image(&self, name: &ImageName) -> Result<bool, EngineError> {
        self.call(Verb::RemoveImage, async { Ok(self.change(|world| world.remove_image(name))) }).await
    }

    async fn tags(&self, repository: &str) -> Result<Vec<String>, EngineError> {
        self.call(Verb::Tags, async { Ok(self.look(|world| world.images.tags(repository))) }).await
    }

    async fn remove_nameless(&self, image_id: &str) -> Result<Nameless, EngineError> {
        let remove = async { Ok(self.change(|world| world.remove_nameless(image_id))) };
        self.call(Verb::RemoveNameless, remove).await
    }

    async fn own_images(&self, instance: &str) -> Result<Vec<ImageName>, EngineError> {
        let list = async { Ok(self.look(|world| world.images.of_instance(instance))) };
        self.call(Verb::OwnImages, list).await
    }

    async fn account(&self, image: &Image, _: &str, _: Attempt) -> Result<Account, EngineError> {
        let find = async { self.look(|world| Ok(world.images.of(&image.id)?.account.clone())) };
        self.call(Verb::Account, find).await
    }

    async fn create(&self, wanted: &NewContainer) -> Result<ContainerId, EngineError> {
        self.call(Verb::Create, async { self.change(|world| world.create(wanted)) }).await
    }

    async fn create_beside(
        &self,
        container: &ContainerId,
        wanted: &NewContainer,
    ) -> Result<ContainerId, EngineError> {
        let create = async { self.change(|world| world.create_beside(&container.0, wanted)) };
        self.call(Verb::CreateBeside, create).await
    }

    async fn upload(
        &self,
        container: &ContainerId,
        path: &str,
        archive: mpsc::Receiver<std::io::Result<Bytes>>,
    ) -> Result<(), EngineError> {
        self.call(Verb::Upload, self.take_in(container, path, archive)).await
    }

    async fn download(
        &self,
        container: &ContainerId,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError> {
        let read = async { self.give_out(container, path) };
        let (bytes, fault) = self.call_for_stream(Verb::Download, read).await?;
        Ok(streams::archive(bytes, fault.as_ref()))
    }

    async fn has_file(&self, container: &ContainerId, path: &str) -> Result<bool, EngineError> {
        let look = async {
            match self.at(container, path) {
                Err(fault) if fault.is_missing() => Ok(false),
                found => found.map(|_| true),
            }
        };
        self.call(Verb::HasFile, look).await
    }

    async fn read_file(
        &self,
        container: &ContainerId,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let read = async {
            match self.at(container, path) {
                Err(fault) if fault.is_missing() => Ok(None),
                Ok(Node::File { content, .. }) => Ok(Some(content).filter(|content| content.len() <= limit)),
                found => found.map(|_| None),
            }
        };
        self.call(Verb::ReadFile, read).await
    }

    async fn remembers(&self, container: &ContainerId, moment: Moment) -> Result<Memory, EngineError> {
        let recall = async { Ok(self.look(|world| world.memory(&container.0, moment))) };
        self.call(Verb::Remembers, recall).await
    }

    async fn attach(&self, container: &ContainerId, has_terminal: bool) -> Result<Attached, EngineError> {
        let attach = async { streams::attach(self, container, has_terminal) };
        let (Attached { output, input }, fault) = self.call_for_stream(Verb::Attach, attach).await?;
        Ok(Attached { output: streams::broken_off(output, fault.as_ref()), input })
    }

    async fn output(&self, container: &ContainerId) -> Result<OutputStream, EngineError> {
        let read = async { Ok(streams::output(self, container)) };
        Ok(streams::telling(self.call_for_stream(Verb::Output, read).await))
    }

    async fn output_until(
        &self,
        container: &ContainerId,
        until: Timestamp,
    ) -> Result<OutputStream, EngineError> {
        let read = async {
            Ok(self.look(|world| match world.containers.get(&container.0) {
                Some(found) => {
                    stream::iter(found.printed.kept_until(until).into_iter().map(Ok).collect::<Vec<_>>())
                        .boxed()
                }
                None => stream::iter([Err(streams::missing())]).boxed(),
            }))
        };
        Ok(streams::telling(self.call_for_stream(Verb::OutputUntil, read).await))
    }

    async fn start(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.call(Verb::Start, async { self.change(|world| world.start(&container.0)) }).await
    }

    async fn size_terminal(&self, container: &ContainerId, size: TerminalSize) -> Result<(), EngineError> {
        let resize = async {
            self.change(|world| world.size_terminal(&container.0, size));
            Ok(())
        };
        self.call(Verb::SizeTerminal, resize).await
    }

    async fn wait(&self, container: &ContainerId) -> Result<i64, EngineError> {
        self.call(Verb::Wait, self.end_of(container)).await
    }

    async fn state(&self, container: &ContainerId) -> Result<Option<ContainerState>, EngineError> {
        let look = async { Ok(self.look(|world| world.containers.get(&container.0).map(Container::state))) };
        self.call(Verb::State, look).await
    }

    async fn has_processes(&self, container: &ContainerId) -> Result<bool, EngineError> {
        let look = async { Ok(self.look(|world| world.has_processes(&container.0))) };
        self.call(Verb::HasProcesses, look).await
    }

    async fn lacked_memory(&self, container: &ContainerId) -> Result<bool, EngineError> {
        let look = async { Ok(self.look(|world| world.lacked_memory(&container.0))) };
        self.call(Verb::LackedMemory, look).await
    }

    async fn stop(&self, container: &ContainerId, _: Duration) -> Result<(), EngineError> {
        self.call(Verb::Stop, async { self.change(|world| world.stop(&container.0)) }).await
    }

    async fn remove(&self, container: &ContainerId) -> Result<(), EngineError> {
        let remove = async {
            self.change(|world| world.remove(&container.0));
            Ok(())
        };
        self.call(Verb::Remove, remove).await
    }

    async fn containers(&self, instance: &str) -> Result<Vec<FoundContainer>, EngineError> {
        let list = async { Ok(self.look(|world| world.containers_of(instance))) };
        self.call(Verb::Containers, list).await
    }

    async fn networks(&self, instance: &str) -> Result<Vec<Attempt>, EngineError> {
        self.call(Verb::Networks, async { Ok(self.networks_of(instance)) }).await
    }

    async fn remove_network(&self, instance: &str, attempt: Attempt) -> Result<(), EngineError> {
        let remove = async {
            self.change(|world| world.networks.retain(|network| *network != (instance.to_owned(), attempt)));
            Ok(())
        };
        self.call(Verb::RemoveNetwork, remove).await
    }
}

impl ScriptedEngine {
    /// The file or directory at a path; else an error, as from the engine's archives.
    fn at(&self, container: &ContainerId, path: &str) -> Result<Node, EngineError> {
        self.change(|world| {
            let (disk, volumes) = world.disk(&container.0)?;
            match disk.look(volumes, path) {
                Found::Node(node) => Ok(node),
                Found::Nothing => Err(refused(404, &format!("no such file or directory: {path}"))),
                Found::BelowFile(file) => Err(refused(500, &format!("{path}: {file} is not a directory"))),
            }
        })
    }

    fn give_out(&self, container: &ContainerId, path: &str) -> Result<Vec<u8>, EngineError> {
        self.at(container, path)?;
        self.change(|world| {
            let (disk, volumes) = world.disk(&container.0)?;
            pack(&disk.subtree(volumes, path)).map_err(unexpected)
        })
    }

    async fn take_in(
        &self,
        container: &ContainerId,
        path: &str,
        mut archive: mpsc::Receiver<std::io::Result<Bytes>>,
    ) -> Result<(), EngineError> {
        let mut bytes = Vec::new();
        while let Some(piece) = archive.recv().await {
            bytes.extend_from_slice(&piece.map_err(|fault| unreachable(&fault.to_string()))?);
        }
        if self.at(container, path)? != Node::Directory {
            return Err(refused(400, "extraction point is not a directory"));
        }
        let nodes = unpack(&bytes).map_err(unexpected)?;
        self.change(|world| {
            let (disk, volumes) = world.disk(&container.0)?;
            nodes.into_iter().for_each(|(at, node)| disk.put(volumes, &format!("{path}{at}"), node));
            Ok(())
        })
    }

    /// Waits for a container's end. Fails if the connection is lost.
    async fn end_of(&self, container: &ContainerId) -> Result<i64, EngineError> {
        let cuts =
            self.change(|world| Ok::<_, EngineError>(world.container(&container.0)?.printed.cuts()))?;
        let ended = self.when(|world| match world.containers.get(&container.0) {
            None => Some(Ok(crate::shell::KILLED)),
            Some(found) if found.printed.cuts() > cuts => Some(Err(unreachable("the connection was lost"))),
            Some(found) => match found.state() {
                ContainerState::Exited(code) => Some(Ok(code)),
                ContainerState::Created => Some(Ok(0)),
                ContainerState::Running => None,
            },
        });
        ended.await
    }
}

fn unexpected(fault: std::io::Error) -> EngineError {
    EngineError::Unexpected { cause: fault.to_string() }
}
