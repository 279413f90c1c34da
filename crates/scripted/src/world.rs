//! The whole state of an engine: images, containers, events, and the plans for its calls.

mod containers;
mod images;

pub(crate) use containers::Container;
pub(crate) use images::Images;

use crate::{
    files::{Disk, Volumes},
    plans::{Plans, Restart},
    printed::Printed,
    shell::{Halted, Machine, Memory, Process, Remark, Signal},
};
use containers::Life;
use kozmic_edges::engine::{self, ContainerId, EngineError, Moment};
use kozmic_model::job::Attempt;
use std::collections::BTreeMap;

/// The address of every scripted engine.
pub(crate) const ADDRESS: &str = "scripted";

/// The whole state of an engine.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) images: Images,
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) volumes: Volumes,
    /// Networks of single attempts, with their installations.
    pub(crate) networks: Vec<(String, Attempt)>,
    pub(crate) plans: Plans,
    pub(crate) complaints: Vec<String>,
    /// The memory limit in bytes of containers whose orders set none.
    pub(crate) memory: Option<i64>,
    pub(crate) is_away: bool,
    /// The output of removed containers, for readers that still read it.
    removed: BTreeMap<String, Printed>,
    events: Vec<(String, Moment)>,
    /// True if there may have been more events.
    forgets: bool,
    count: u64,
}

impl World {
    /// A new number.
    pub(crate) fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// The container, if it exists.
    pub(crate) fn container(&mut self, id: &str) -> Result<&mut Container, EngineError> {
        self.containers.get_mut(id).ok_or_else(|| missing_container(id))
    }

    /// The output of a container, even after its removal.
    pub(crate) fn printed(&mut self, id: &str) -> Option<&mut Printed> {
        match self.containers.get_mut(id) {
            Some(container) => Some(&mut container.printed),
            None => self.removed.get_mut(id),
        }
    }

    /// A container's disk with all volumes.
    pub(crate) fn disk(&mut self, id: &str) -> Result<(&mut Disk, &mut Volumes), EngineError> {
        let container = self.containers.get_mut(id).ok_or_else(|| missing_container(id))?;
        Ok((&mut container.disk, &mut self.volumes))
    }

    /// Starts a container's process.
    pub(crate) fn start(&mut self, id: &str) -> Result<(), EngineError> {
        let container = self.container(id)?;
        match container.life {
            Life::Created if container.is_idle => {
                return Err(refused(400, "OCI runtime create failed: no such program"));
            }
            Life::Created => container.life = Life::Running(Box::new(Process::of(&container.wanted))),
            Life::Running(_) | Life::Unseen => return Ok(()),
            Life::Exited(_) => return Err(refused(500, "the scripted engine starts a container once")),
        }
        self.events.push((id.to_owned(), Moment::Start));
        Ok(())
    }

    /// Lets all processes continue as far as possible.
    pub(crate) fn settle(&mut self) {
        while let Some(id) = self.ready() {
            match self.run(&id) {
                Some(Halted::Ended(code)) => self.end(&id, code),
                Some(Halted::Said(remark)) => self.obey(&id, remark),
                Some(Halted::Waits) | None => {}
            }
        }
    }

    fn ready(&self) -> Option<String> {
        let is_ready = |container: &Container| match &container.life {
            Life::Running(process) => process.is_ready(&container.disk, &self.volumes, &container.input),
            _ => false,
        };
        self.containers.iter().find(|(_, container)| is_ready(container)).map(|(id, _)| id.clone())
    }

    fn run(&mut self, id: &str) -> Option<Halted> {
        self.with_process(id, |process, machine| process.run(machine))
    }

    fn with_process<T>(
        &mut self,
        id: &str,
        act: impl FnOnce(&mut Process, &mut Machine<'_>) -> T,
    ) -> Option<T> {
        let Container { wanted, disk, printed, input, life, size, lacked_memory, .. } =
            self.containers.get_mut(id)?;
        let Life::Running(process) = life else { return None };
        let (volumes, complaints) = (&mut self.volumes, &mut self.complaints);
        let memory = Memory { limit: wanted.limits.memory.or(self.memory), was_short: lacked_memory };
        Some(act(process, &mut Machine { disk, volumes, printed, input, complaints, size: *size, memory }))
    }

    fn obey(&mut self, id: &str, remark: Remark) {
        match remark {
            Remark::Vanish => self.remove(id),
            Remark::Cut => drop(self.container(id).map(Container::cut)),
            Remark::Blind => drop(self.container(id).map(|container| container.printed.is_unseen = true)),
            Remark::Away => self.go_away(),
            Remark::Restart => self.restart(Restart::RunsOn),
            Remark::Stop => self.restart(Restart::Stops),
            Remark::Kill => self.restart(Restart::Kills),
        }
    }

    fn end(&mut self, id: &str, code: i64) {
        let Some(container) = self.containers.get_mut(id) else { return };
        if container.printed.is_unseen {
            container.life = Life::Unseen;
            return;
        }
        container.life = Life::Exited(code);
        container.printed.close();
        self.events.push((id.to_owned(), Moment::End));
    }

    /// Sends a signal to a container's processes.
    pub(crate) fn signal(&mut self, id: &str, signal: Signal) {
        let ended = self.with_process(id, |process, machine| process.signal(signal, machine));
        if let Some(Some(code)) = ended {
            self.end(id, code);
        }
    }

    /// Stops a container.
    pub(crate) fn stop(&mut self, id: &str) -> Result<(), EngineError> {
        self.signal(id, Signal::Term);
        self.signal(id, Signal::Kill);
        match self.containers.get(id).map(|container| &container.life) {
            Some(Life::Unseen) => {
                Err(refused(500, "tried to kill container, but did not receive an exit event"))
            }
            _ => Ok(()),
        }
    }

    /// Removes a container, and its volumes if no other container uses them.
    pub(crate) fn remove(&mut self, id: &str) {
        self.signal(id, Signal::Kill);
        let Some(mut container) = self.containers.remove(id) else { return };
        container.printed.close();
        self.removed.insert(id.to_owned(), container.printed);
        let used = self.containers.values().flat_map(|other| &other.disk.mounts).map(|(_, volume)| *volume);
        let used = used.collect::<Vec<_>>();
        self.volumes.retain(|volume, _| used.contains(volume));
    }

    /// Answers no calls from now on, and closes all connections.
    pub(crate) fn go_away(&mut self) {
        self.is_away = true;
        self.containers.values_mut().for_each(Container::cut);
    }

    /// Restarts the engine.
    pub(crate) fn restart(&mut self, how: Restart) {
        let ids = self.containers.keys().cloned().collect::<Vec<_>>();
        if how == Restart::Stops {
            ids.iter().for_each(|id| drop(self.stop(id)));
        }
        self.containers.values_mut().for_each(Container::cut);
        (self.events, self.forgets) = (Vec::new(), false);
        if how == Restart::Kills {
            ids.iter().for_each(|id| self.signal(id, Signal::Kill));
        }
    }

    /// Forgets all events, as an engine does after too many others.
    pub(crate) fn forget(&mut self) {
        (self.events, self.forgets) = (Vec::new(), true);
    }

    /// The engine's memory of an event of a container.
    pub(crate) fn memory(&self, id: &str, moment: Moment) -> engine::Memory {
        match self.events.iter().any(|event| *event == (id.to_owned(), moment)) {
            true => engine::Memory::Seen,
            false if self.forgets => engine::Memory::Unknown,
            false => engine::Memory::NotSeen,
        }
    }

    /// The attempts of an installation that have a network of their own.
    pub(crate) fn networks_of(&self, instance: &str) -> Vec<Attempt> {
        let own = self.networks.iter().filter(|(owner, _)| owner == instance);
        own.map(|(_, attempt)| *attempt).collect()
    }

    /// Ids of all containers.
    pub(crate) fn ids(&self) -> Vec<ContainerId> {
        self.containers.keys().cloned().map(ContainerId).collect()
    }
}

pub(crate) fn refused(status: u16, message: &str) -> EngineError {
    EngineError::Refused { status, message: message.to_owned() }
}

pub(crate) fn missing_container(id: &str) -> EngineError {
    refused(404, &format!("No such container: {id}"))
}

pub(crate) fn unreachable(cause: &str) -> EngineError {
    EngineError::Unreachable { engine: ADDRESS.to_owned(), cause: cause.to_owned() }
}
