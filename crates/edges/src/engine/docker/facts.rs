//! Facts of the engine on which settings depend: its runtimes, and the remapping of container users.

use super::{DockerEngine, EngineError};
use bollard::models::SystemInfo;

/// Runtimes that an engine may have without listing them.
const UNTOLD: &str = "io.containerd.";

/// The user namespace of job containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserNamespace {
    /// The engine's own setting.
    #[default]
    Engine,
    /// A namespace in which root has no rights on the machine. An engine without one gets no jobs.
    Remapped,
    /// The machine's namespace, even if the engine has another one.
    Host,
}

/// The engine's own protection of the machine from containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walls {
    /// The program that runs containers.
    pub runtime: String,
    /// True if users of containers are different users on the machine.
    pub is_remapped: bool,
    /// True if system calls are filtered.
    pub has_seccomp: bool,
    /// The memory of a hook's container in bytes, if it is limited.
    pub memory: Option<i64>,
}

impl DockerEngine {
    /// The protection that job containers have on this engine.
    ///
    /// # Errors
    /// The engine does not answer, or lacks something that the settings ask for.
    pub async fn walls(&self) -> Result<Walls, EngineError> {
        let facts = self.docker()?.info().await.map_err(|fault| self.fault(fault))?;
        if let Some(why) = self.lack(&facts) {
            return Err(EngineError::Unfit { why });
        }
        let runtime = self.settings.runtime.clone().or(facts.default_runtime.clone());
        Ok(Walls {
            runtime: runtime.unwrap_or_else(|| "its own runtime".to_owned()),
            is_remapped: remaps(&facts) && self.settings.user_namespace != UserNamespace::Host,
            has_seccomp: has(&facts, "seccomp"),
            memory: self.memory_limit().await?,
        })
    }

    /// The setting that the engine does not support, in words.
    fn lack(&self, facts: &SystemInfo) -> Option<String> {
        let known = facts.runtimes.clone().unwrap_or_default();
        if let Some(runtime) = &self.settings.runtime
            && !known.contains_key(runtime)
            && !runtime.starts_with(UNTOLD)
        {
            let mut known = known.into_keys().collect::<Vec<_>>();
            known.sort();
            return Some(format!(
                "knows no runtime {runtime}, only {}: install it on the engine's machine and name it in daemon.json, or \
                 change docker_runtime",
                known.join(", ")
            ));
        }
        let lacks = self.settings.user_namespace == UserNamespace::Remapped && !remaps(facts);
        lacks.then(|| {
            "does not remap users, as docker_user_namespace asks for: set userns-remap in daemon.json, or run it rootless"
                .to_owned()
        })
    }
}

fn remaps(facts: &SystemInfo) -> bool {
    has(facts, "userns") || has(facts, "rootless")
}

/// True if one of the engine's security options, such as `name=seccomp,profile=default`, has this name.
fn has(facts: &SystemInfo, name: &str) -> bool {
    let is_it = |option: &String| option.split(',').any(|part| part.strip_prefix("name=") == Some(name));
    facts.security_options.iter().flatten().any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::docker::DockerSettings;

    fn facts(options: &[&str]) -> SystemInfo {
        SystemInfo {
            runtimes: Some(["runc", "runsc"].map(|name| (name.to_owned(), Default::default())).into()),
            security_options: Some(options.iter().map(|option| (*option).to_owned()).collect()),
            ..SystemInfo::default()
        }
    }

    #[test]
    fn an_engine_that_lacks_what_settings_ask_for_says_what_it_has() {
        let lack = |runtime: Option<&str>, user_namespace, options: &[&str]| {
            let runtime = runtime.map(str::to_owned);
            let settings = DockerSettings { runtime, user_namespace, ..DockerSettings::default() };
            DockerEngine::new(settings).lack(&facts(options))
        };
        let (engine, remapped) = (UserNamespace::Engine, UserNamespace::Remapped);
        for runtime in [None, Some("runc"), Some("runsc"), Some("io.containerd.kata.v2")] {
            assert_eq!(lack(runtime, engine, &[]), None);
        }
        let words = lack(Some("sysbox-runc"), engine, &[]).unwrap();
        assert!(words.contains("no runtime sysbox-runc, only runc, runsc"), "{words}");
        assert!(lack(None, remapped, &["name=seccomp,profile=default"]).unwrap().contains("userns-remap"));
        for option in ["name=userns", "name=rootless"] {
            assert_eq!(lack(None, remapped, &["name=seccomp,profile=default", option]), None);
        }
        assert_eq!(lack(None, UserNamespace::Host, &[]), None);
    }
}
