//! The engine itself, with the methods by which a test looks at it without a call.

use crate::{Sample, files::Node, shell::Signal, world::World};
use kozmic_edges::engine::{ContainerId, ContainerState, Image, NewContainer};
use kozmic_model::{image::ImageName, job::Attempt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// An engine in memory. Cheap to clone: a clone is another connection to the same engine, as of a runner that begins
/// after a crash.
///
/// # Panics
/// Dropping the last clone panics if a script had a line that is not understood.
#[derive(Clone, Default)]
pub struct ScriptedEngine(Arc<Inner>);

#[derive(Default)]
struct Inner {
    world: Mutex<World>,
    /// Wakes all waiting tasks when something changed.
    changed: watch::Sender<()>,
}

impl ScriptedEngine {
    /// An engine without images and containers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an image onto the engine. If another image has the name, it loses it.
    pub fn add_image(&self, name: &ImageName, sample: Sample) -> Image {
        self.change(|world| world.add_image(name, sample))
    }

    /// Puts an image into a registry, for everybody who pulls it.
    pub fn offer(&self, name: &ImageName, sample: Sample) {
        self.change(|world| world.offer(name, None, sample));
    }

    /// Puts an image into a registry, for pulls with this name and password.
    pub fn offer_to(&self, name: &ImageName, user: &str, password: &str, sample: Sample) {
        let login = Some((user.to_owned(), password.to_owned()));
        self.change(|world| world.offer(name, login, sample));
    }

    /// Limits the memory of containers to this number of bytes from now on, unless their orders set another limit.
    pub fn limit_memory(&self, bytes: i64) {
        self.change(|world| world.memory = Some(bytes));
    }

    /// The names of all images on the engine, such as `debian:bookworm`.
    pub fn image_names(&self) -> Vec<String> {
        self.look(|world| world.images.names())
    }

    /// All containers, the oldest first.
    pub fn container_ids(&self) -> Vec<ContainerId> {
        self.look(World::ids)
    }

    /// The order with which a container was created, if it exists.
    pub fn wanted(&self, container: &ContainerId) -> Option<NewContainer> {
        self.look(|world| world.containers.get(&container.0).map(|found| found.wanted.clone()))
    }

    /// The state of a container, if it exists.
    pub fn state_now(&self, container: &ContainerId) -> Option<ContainerState> {
        self.look(|world| world.containers.get(&container.0).map(|found| found.state()))
    }

    /// A file of a container, if it exists.
    pub fn file(&self, container: &ContainerId, path: &str) -> Option<Vec<u8>> {
        self.change(|world| {
            let (disk, volumes) = world.disk(&container.0).ok()?;
            disk.read(volumes, path)
        })
    }

    /// Puts a file into a container. The container's script may wait for it.
    pub fn put_file(&self, container: &ContainerId, path: &str, content: &[u8]) {
        self.change(|world| {
            if let Ok((disk, volumes)) = world.disk(&container.0) {
                disk.put(volumes, path, Node::file(content));
            }
        });
    }

    /// Adds a network for a single attempt, as an engine does that gives each attempt one.
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

    /// Takes the complaints about lines that were not understood. If a test does not take them, the engine panics at
    /// its end.
    pub fn complaints(&self) -> Vec<String> {
        self.change(|world| std::mem::take(&mut world.complaints))
    }

    /// Changes the world, and lets containers and waiting tasks continue.
    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world();
        let done = act(&mut world);
        world.settle();
        drop(world);
        self.0.changed.send_replace(());
        done
    }

    /// Looks at the world.
    pub(crate) fn look<T>(&self, act: impl FnOnce(&World) -> T) -> T {
        act(&self.world())
    }

    /// Waits until a condition holds.
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
