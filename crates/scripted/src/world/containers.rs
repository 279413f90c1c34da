//! Containers: creates them, and knows the state of each.

use super::{World, refused};
use crate::{files::Disk, input::Input, printed::Printed, shell::Process};
use kozmic_edges::engine::{
    ContainerId, ContainerState, EngineError, FoundContainer, NewContainer, TerminalSize,
};

/// A container.
pub(crate) struct Container {
    pub(crate) wanted: NewContainer,
    /// True if it exists only for its volumes.
    pub(crate) is_idle: bool,
    pub(crate) disk: Disk,
    pub(crate) printed: Printed,
    pub(crate) input: Input,
    pub(crate) life: Life,
    /// The size of its terminal.
    pub(crate) size: TerminalSize,
    /// True if one of its processes was killed for lack of memory.
    pub(crate) lacked_memory: bool,
}

/// The stage of a container's life.
pub(crate) enum Life {
    /// It was never started.
    Created,
    /// It runs.
    Running(Box<Process>),
    /// It ended, and the engine has missed the end.
    Unseen,
    /// It ended.
    Exited(i64),
}

impl Container {
    /// Loses all connections. A process that waits for a line gets none any more.
    pub(crate) fn cut(&mut self) {
        self.printed.cut();
        self.input.hang_up();
    }

    /// The state, as the engine knows it.
    pub(crate) fn state(&self) -> ContainerState {
        match &self.life {
            Life::Created => ContainerState::Created,
            Life::Running(_) | Life::Unseen => ContainerState::Running,
            Life::Exited(code) => ContainerState::Exited(*code),
        }
    }
}

impl World {
    /// Creates a container with volumes of its own.
    pub(crate) fn create(&mut self, wanted: &NewContainer) -> Result<ContainerId, EngineError> {
        let image = self.images.of(&wanted.image)?.clone();
        let mut disk = Disk { own: image.tree.clone(), mounts: Vec::new() };
        let handed_down = image.volumes.iter().map(|path| (path.clone(), false));
        let own = wanted.volumes.iter().map(|volume| (volume.path.clone(), volume.is_empty));
        for (path, is_empty) in handed_down.chain(own) {
            let mut tree = crate::files::Tree::default();
            let below = if is_empty { Vec::new() } else { image.tree.below(&path) };
            below.into_iter().for_each(|(rest, node)| tree.put(&rest, node));
            let number = self.number();
            self.volumes.insert(number, tree);
            disk.mounts.retain(|(other, _)| *other != path);
            disk.mounts.push((path, number));
        }
        Ok(self.add(wanted, disk, false))
    }

    /// Creates a container with another one's volumes.
    pub(crate) fn create_beside(
        &mut self,
        other: &str,
        wanted: &NewContainer,
    ) -> Result<ContainerId, EngineError> {
        let own = self.images.of(&wanted.image)?.tree.clone();
        let other =
            self.containers.get(other).ok_or_else(|| refused(400, &format!("No such container: {other}")))?;
        let mounts = other.disk.mounts.clone();
        Ok(self.add(wanted, Disk { own, mounts }, true))
    }

    fn add(&mut self, wanted: &NewContainer, disk: Disk, is_idle: bool) -> ContainerId {
        let number = self.number();
        // People see only the beginning.
        let id = format!("{number:012x}{:052x}", 0);
        let container = Container {
            wanted: wanted.clone(),
            is_idle,
            disk,
            printed: Printed::new(wanted.has_terminal && !is_idle),
            input: Input::default(),
            life: Life::Created,
            size: TerminalSize { rows: 0, columns: 0 },
            lacked_memory: false,
        };
        self.containers.insert(id.clone(), container);
        ContainerId(id)
    }

    /// The containers of an installation.
    pub(crate) fn containers_of(&self, instance: &str) -> Vec<FoundContainer> {
        let own = self.containers.iter().filter(|(_, container)| container.wanted.instance == instance);
        let found = own.map(|(id, Container { wanted, .. })| FoundContainer {
            id: ContainerId(id.clone()),
            attempt: wanted.attempt,
            stage: wanted.stage.clone(),
        });
        found.collect()
    }

    /// Sets the terminal size of a running container.
    pub(crate) fn size_terminal(&mut self, id: &str, size: TerminalSize) {
        let found = self.containers.get_mut(id).filter(|found| matches!(found.life, Life::Running(_)));
        if let Some(container) = found.filter(|found| found.wanted.has_terminal) {
            container.size = size;
        }
    }

    /// True if the container has ended and one of its processes was killed for lack of memory.
    pub(crate) fn lacked_memory(&self, id: &str) -> bool {
        let ended = |container: &&Container| matches!(container.life, Life::Exited(_));
        self.containers.get(id).filter(ended).is_some_and(|container| container.lacked_memory)
    }

    /// True if the container has a process.
    pub(crate) fn has_processes(&self, id: &str) -> bool {
        matches!(self.containers.get(id).map(|container| &container.life), Some(Life::Running(_)))
    }
}
