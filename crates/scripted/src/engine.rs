//! The engine itself, and what a test asks it without a call.

use crate::{Sample, files::Node, shell::Signal, world::World};
use kozmic_edges::engine::{ContainerId, ContainerState, Image, NewContainer};
use kozmic_model::{image::ImageName, job::Attempt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// An engine in memory. Cheap to clone: a clone is another connection to the same engine, as that of a runner that
/// begins after a crash.
///
/// # Panics
/// If a script had a line that is not understood, when the last clone is dropped.
#[derive(Clone, Default)]
pub struct ScriptedEngine(Arc<Inner>);

#[derive(Default)]
struct Inner {
    world: Mutex<World>,
    /// Tells those who wait that something changed.
    changed: watch::Sender<()>,
}

impl ScriptedEngine {
    /// An engine without images and containers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an image onto the engine, and takes the name from the one that had it.
    pub fn add_image(&self, name: &ImageName, sample: Sample) -> Image {
        self.change(|world| world.add_image(name, sample))
    }

    /// Puts an image into a registry, for all who pull it.
    pub fn offer(&self, name: &ImageName, sample: Sample) {
        self.change(|world| world.offer(name, None, sample));
    }

    /// Puts an image into a registry, for those who log in with this name and password.
    pub fn offer_to(&self, name: &ImageName, user: &str, password: &str, sample: Sample) {
        let login = Some((user.to_owned(), password.to_owned()));
        self.change(|world| world.offer(name, login, sample));
    }

    /// Gives containers so many bytes of memory from now on, unless their orders say otherwise.
    pub fn limit_memory(&self, bytes: i64) {
        self.change(|world| world.memory = Some(bytes));
    }

    /// The names of all images that are on the engine, such as `debian:bookworm`.
    pub fn image_names(&self) -> Vec<String> {
        self.look(|world| world.images.names())
    }

    /// All containers that are there, the oldest first.
    pub fn container_ids(&self) -> Vec<ContainerId> {
        self.look(World::ids)
    }

    /// The order that a container was created by, if it is there.
    pub fn wanted(&self, container: &ContainerId) -> Option<NewContainer> {
        self.look(|world| world.containers.get(&container.0).map(|found| found.wanted.clone()))
    }

    /// The state of a container, if it is there.
    pub fn state_now(&self, container: &ContainerId) -> Option<ContainerState> {
        self.look(|world| world.containers.get(&container.0).map(|found| found.state()))
    }

    /// A file of a container, if it is there.
    pub fn file(&self, container: &ContainerId, path: &str) -> Option<Vec<u8>> {
        self.change(|world| {
            let (disk, volumes) = world.disk(&container.0).ok()?;
            disk.read(volumes, path)
        })
    }

    /// Puts a file into a container, which may wait for it.
    pub fn put_file(&self, container: &ContainerId, path: &str, content: &[u8]) {
        self.change(|world| {
            if let Ok((disk, volumes)) = world.disk(&container.0) {
                disk.put(volumes, path, Node::file(content));
            }
        });
    }

    /// Leaves a network of an attempt's own, as an engine does that gives each attempt one.
    pub fn add_network(&self, instance: &str, attempt: Attempt) {
        self.change(|world| world.networks.push((instance.to_owned(), attempt)));
    }

    /// The attempts of an installation that have a network of their own.
    pub fn networks_of(&self, instance: &str) -> Vec<Attempt> {
        self.look(|world| world.networks_of(instance))
    }

    /// Kills a container, as somebody else might.
    pub fn kill(&self, container: &ContainerId) {
        self.change(|world| world.signal(&container.0, Signal::Kill));
    }

    /// Removes a container, as somebody else might.
    pub fn vanish(&self, container: &ContainerId) {
        self.change(|world| world.remove(&container.0));
    }

    /// Takes the complaints about lines that were not understood. Who does not take them has the engine panic at its
    /// end.
    pub fn complaints(&self) -> Vec<String> {
        self.change(|world| std::mem::take(&mut world.complaints))
    }

    /// Changes something, and lets containers and those who wait go on with it.
    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world();
        let done = act(&mut world);
        world.settle();
        drop(world);
        self.0.changed.send_replace(());
        done
    }

    /// Looks at something.
    pub(crate) fn look<T>(&self, act: impl FnOnce(&World) -> T) -> T {
        act(&self.world())
    }

    /// Waits until something is so.
    pub(crate) async fn when<T>(&self, mut is_so: impl FnMut(&mut World) -> Option<T>) -> T {
        let mut changed = self.0.changed.subscribe();
        loop {
            if let Some(found) = is_so(&mut self.world()) {
                return found;
            }
            changed.changed().await.expect("the sender is here");
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let world = self.world.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !std::thread::panicking() {
            assert!(world.complaints.is_empty(), "{}", world.complaints.join("\n"));
        }
    }
}
