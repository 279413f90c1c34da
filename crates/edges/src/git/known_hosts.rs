//! The host keys of SSH servers. The forge publishes *pinned* keys. The first fetch from a server *learns* its key,
//! which counts as pinned from then on.
//!
//! Both are files in OpenSSH's format. People can read them and remove a line. The program also has the keys of some
//! forges built in.

use super::SshHost;
use crate::private_dir;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The known servers of one machine.
pub(super) struct KnownHosts {
    /// Lines that the program has built in.
    built_in: String,
    pinned: PathBuf,
    learnt: PathBuf,
    /// Held while a file is read and then changed, so that no other change comes between.
    changing: Mutex<()>,
}

/// The trust in one server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Only these lines count. They are in a file, or built into the program.
    Pinned { lines: String, file: Option<PathBuf> },
    /// No key is known yet: the first key is trusted, and pinned from then on.
    FirstUse,
}

impl KnownHosts {
    /// Keeps the files in `dir`, which is made if it is missing. `built_in` has the lines of the program itself.
    pub(super) fn open(dir: &Path, built_in: &str) -> io::Result<Self> {
        private_dir::make(dir)?;
        let (pinned, learnt) = (dir.join("pinned_known_hosts"), dir.join("learnt_known_hosts"));
        Ok(Self { built_in: built_in.to_owned(), pinned, learnt, changing: Mutex::default() })
    }

    /// The trust in a server. The files are read each time: somebody may have removed a line.
    pub(super) fn trust(&self, host: &SshHost) -> io::Result<Trust> {
        let pinned = (read(&self.pinned)?, Some(&self.pinned));
        let built_in = (self.built_in.clone(), None);
        let learnt = (read(&self.learnt)?, Some(&self.learnt));
        let known = [pinned, built_in, learnt]
            .into_iter()
            .map(|(text, file)| (lines_of(&text, host), file))
            .find(|(lines, _)| !lines.is_empty());
        Ok(match known {
            Some((lines, file)) => Trust::Pinned { lines, file: file.cloned() },
            None => Trust::FirstUse,
        })
    }

    /// Replaces all pinned keys of a server. If no key can be read, nothing changes.
    pub(super) fn pin(&self, host: &SshHost, keys: &[String]) -> io::Result<()> {
        let lines = keys.iter().filter_map(|key| line(host, key)).collect::<String>();
        if lines.is_empty() {
            return Ok(());
        }
        let _changing = self.changing();
        let text = read(&self.pinned)?;
        if lines_of(&text, host) == lines {
            return Ok(());
        }
        tracing::info!(host = %host, "the host keys that the forge publishes are pinned");
        replace(&self.pinned, &(without(&text, host) + &lines))
    }

    /// Keeps the key that ssh wrote at the first use of a server, unless another fetch was faster.
    pub(super) fn learn(&self, host: &SshHost, written: &str) -> io::Result<()> {
        let lines = lines_of(written, host);
        let _changing = self.changing();
        if lines.is_empty() || self.trust(host)? != Trust::FirstUse {
            return Ok(());
        }
        tracing::info!(host = %host, "the host key of a new server is learnt");
        replace(&self.learnt, &(read(&self.learnt)? + &lines))
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key as a line; none if it is not a key. Published keys come over the network, so nothing else may get into the
/// file.
fn line(host: &SshHost, key: &str) -> Option<String> {
    let mut words = key.split_whitespace();
    let (kind, key) = (words.next()?, words.next()?);
    let is_kind = kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.@".contains(&byte));
    (is_kind && BASE64_STANDARD.decode(key).is_ok()).then(|| format!("{host} {kind} {key}\n"))
}

fn is_of(line: &str, host: &str) -> bool {
    line.split_whitespace().next() == Some(host)
}

fn lines_of(text: &str, host: &SshHost) -> String {
    let host = host.to_string();
    text.lines().filter(|line| is_of(line, &host)).map(|line| format!("{line}\n")).collect()
}

fn without(text: &str, host: &SshHost) -> String {
    let host = host.to_string();
    text.lines().filter(|line| !is_of(line, &host)).map(|line| format!("{line}\n")).collect()
}

fn read(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}

/// Writes all of it or nothing, even if the power fails.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    const OTHER: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB";

    fn host(url: &str) -> SshHost {
        SshHost::of(url).unwrap()
    }

    fn known(dir: &Path) -> KnownHosts {
        KnownHosts::open(&dir.join("ssh"), &format!("forge.example {KEY}\n")).unwrap()
    }

    fn lines(trust: Trust) -> String {
        let Trust::Pinned { lines, .. } = trust else { panic!("pinned") };
        lines
    }

    #[test]
    fn what_the_forge_publishes_goes_before_what_is_built_in() {
        let dir = tempfile::tempdir().unwrap();
        let (known, forge) = (known(dir.path()), host("git@forge.example:a/b"));
        let trust = known.trust(&forge).unwrap();
        assert!(matches!(&trust, Trust::Pinned { file: None, .. }) && lines(trust).lines().count() == 1);
        known.pin(&forge, &[format!("{OTHER} a comment")]).unwrap();
        assert_eq!(lines(known.trust(&forge).unwrap()), format!("forge.example {OTHER}\n"));
    }

    #[test]
    fn pinning_replaces_the_lines_of_one_server_only() {
        let dir = tempfile::tempdir().unwrap();
        let (known, one, two) = (known(dir.path()), host("git@a:x"), host("ssh://git@a:2222/x"));
        known.pin(&one, &[KEY.to_owned(), OTHER.to_owned()]).unwrap();
        known.pin(&two, &[KEY.to_owned()]).unwrap();
        known.pin(&one, &[OTHER.to_owned()]).unwrap();
        known.pin(&two, &[]).unwrap();
        let text = fs::read_to_string(dir.path().join("ssh/pinned_known_hosts")).unwrap();
        assert_eq!(text, format!("[a]:2222 {KEY}\na {OTHER}\n"));
    }

    #[test]
    fn nothing_but_keys_gets_into_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let (known, host) = (known(dir.path()), host("git@a:x"));
        let bad = ["", "ssh-rsa", "ssh-rsa not+base64!", "@cert-authority,x AAAA", "* AAAA"];
        known.pin(&host, &bad.map(str::to_owned)).unwrap();
        assert_eq!(known.trust(&host).unwrap(), Trust::FirstUse);
        known.pin(&host, &[format!("{KEY}\nevil ssh-rsa AAAA")]).unwrap();
        assert_eq!(lines(known.trust(&host).unwrap()), format!("a {KEY}\n"));
    }

    #[test]
    fn the_first_key_is_learnt_and_no_second_one() {
        let dir = tempfile::tempdir().unwrap();
        let (known, host) = (known(dir.path()), host("ssh://git@a:2222/x"));
        known.learn(&host, &format!("[a]:2222 {KEY}\n")).unwrap();
        known.learn(&host, &format!("[a]:2222 {OTHER}\n")).unwrap();
        assert_eq!(lines(known.trust(&host).unwrap()), format!("[a]:2222 {KEY}\n"));
    }
}
