//! Admission over SSH: the files that sshd and the command of deploy keys read, written anew whenever the
//! world has changed in a way that matters to them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::World;
use super::deploy_key::DeployKey;

/// Address of the SSH server, and the keys that it lets in.
pub(in crate::github) struct SshAccess {
    dir: PathBuf,
    user: String,
    port: u16,
    /// The public half of the host key: type and key.
    pub(in crate::github) host_key: String,
    written: BTreeMap<&'static str, String>,
}

impl SshAccess {
    pub(in crate::github) fn new(dir: PathBuf, user: String, port: u16, host_key: String) -> Self {
        Self { dir, user, port, host_key, written: BTreeMap::new() }
    }

    /// Address from which a repository is cloned.
    pub(in crate::github) fn url(&self, full_name: &str) -> String {
        format!("ssh://{}@127.0.0.1:{}/{full_name}.git", self.user, self.port)
    }

    fn keep_up(&mut self, world: &World) {
        self.write("names", names(world));
        self.write("authorized_keys", self.authorized_keys(world));
    }

    /// In one step, since sshd may be reading.
    fn write(&mut self, file: &'static str, text: String) {
        if self.written.get(file) == Some(&text) {
            return;
        }
        let new = self.dir.join(format!("{file}.new"));
        let written = std::fs::write(&new, &text).and_then(|()| std::fs::rename(&new, self.dir.join(file)));
        match written {
            Ok(()) => drop(self.written.insert(file, text)),
            Err(error) => tracing::error!(%error, file, "the SSH server cannot be told its keys"),
        }
    }

    fn authorized_keys(&self, world: &World) -> String {
        let keys = world.repositories.iter().flat_map(|one| one.keys.iter().map(|key| (one.id, key)));
        let serve = self.dir.join("serve");
        let line = |(id, key): (u64, &DeployKey)| {
            let command = format!("{} {id} {}", serve.display(), key.fingerprint());
            format!("restrict,command=\"{command}\" {}\n", key.key)
        };
        keys.map(line).collect()
    }
}

impl World {
    /// Tells the SSH server, if there is one, the keys that it lets in now.
    pub(in crate::github) fn keep_ssh_up(&mut self) {
        if let Some(mut access) = self.ssh.take() {
            access.keep_up(self);
            self.ssh = Some(access);
        }
    }
}

/// A line for each full name in small letters with the id that it leads to, former names included.
fn names(world: &World) -> String {
    let mut names = world.moved.clone();
    names.extend(world.repositories.iter().map(|one| (one.full_name().to_lowercase(), one.id)));
    names.iter().map(|(name, id)| format!("{name}\t{id}\n")).collect()
}
