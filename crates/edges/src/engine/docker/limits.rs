//! Limits and rights of job containers: their share of the machine's memory, and the capabilities that are removed.

use super::{DockerEngine, EngineError};

/// The memory that is left to the machine itself, and the least memory of a job, in bytes.
const GIB: i64 = 1 << 30;

/// Docker's default capabilities that hardly any script needs. With the first one, a container can pretend to be
/// another one in its network. With the second one, it can make devices.
const DROPPED: [&str; 2] = ["NET_RAW", "MKNOD"];

/// The memory of a job's container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryLimit {
    /// As much as the machine has.
    #[default]
    None,
    /// This many bytes.
    Bytes(i64),
    /// An equal part of the machine's memory for each of this number of jobs, after 1 GiB for the machine itself.
    Share(usize),
}

impl DockerEngine {
    /// The limit in bytes. The engine is asked for the machine's memory once.
    pub(super) async fn memory_limit(&self) -> Result<Option<i64>, EngineError> {
        match self.settings.memory {
            MemoryLimit::None => Ok(None),
            MemoryLimit::Bytes(bytes) => Ok(Some(bytes)),
            MemoryLimit::Share(slots) => Ok(Some(share(self.machines_memory().await?, slots))),
        }
    }

    pub(super) async fn machines_memory(&self) -> Result<i64, EngineError> {
        if let Some(known) = self.memory.get() {
            return Ok(*known);
        }
        let facts = self.docker()?.info().await.map_err(|fault| self.fault(fault))?;
        let unexpected = || EngineError::Unexpected { cause: "a machine without memory".to_owned() };
        let bytes = facts.mem_total.filter(|bytes| *bytes > 0).ok_or_else(unexpected)?;
        Ok(*self.memory.get_or_init(|| bytes))
    }
}

/// The part for one of this number of jobs, at least 1 GiB.
fn share(machine: i64, slots: usize) -> i64 {
    let slots = i64::try_from(slots.max(1)).unwrap_or(i64::MAX);
    ((machine - GIB) / slots).max(GIB)
}

/// The capabilities that a container loses, unless `given` has them.
pub(super) fn dropped(given: &[String]) -> Vec<String> {
    let names = given.iter().map(|name| name.to_uppercase().trim_start_matches("CAP_").to_owned());
    let names = names.collect::<Vec<_>>();
    let is_given = |name: &&str| names.iter().any(|given| given == name || given == "ALL");
    DROPPED.into_iter().filter(|name| !is_given(name)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_share_what_the_machine_can_spare() {
        for (machine, slots, each) in [(17, 4, 4), (9, 1, 8), (9, 8, 1), (4, 100, 1), (1, 1, 1)] {
            assert_eq!(share(machine * GIB, slots), each * GIB, "{machine} for {slots}");
        }
        assert_eq!(share(512 << 20, 2), GIB, "a machine with less than that has to swap");
        assert_eq!(share(8 * GIB, 0), 7 * GIB);
    }

    #[test]
    fn what_is_given_back_is_not_taken() {
        let dropped =
            |given: &[&str]| dropped(&given.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(dropped(&[]), ["NET_RAW", "MKNOD"]);
        assert_eq!(dropped(&["SYS_ADMIN", "cap_net_raw"]), ["MKNOD"]);
        assert_eq!(dropped(&["CAP_MKNOD"]), ["NET_RAW"]);
        assert!(dropped(&["all"]).is_empty() && dropped(&["MKNOD", "NET_RAW"]).is_empty());
    }
}
