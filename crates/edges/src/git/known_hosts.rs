//! The host keys of SSH servers: *pinned* ones that the forge publishes, and those *learnt* at the first fetch, which
//! count as pinned from then on.
//!
//! Both are files in OpenSSH's format, so that people can read them and remove a line.

use super::SshHost;
use crate::private_dir;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Keys that GitHub publishes at
/// <https://docs.github.com/authentication/keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints>.
const BUILT_IN: &str = "\
github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl
github.com ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=
github.com ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCj7ndNxQowgcQnjshcLrqPEiiphnt+VTTvDP6mHBL9j1aNUkY4Ue1gvwnGLVlOhGeYrnZaMgRK6+PKCUXaDbC7qtbW8gIkhL7aGCsOr/C56SJMy/BCZfxd1nWzAOxSDPgVsmerOBYfNqltV9/hWCqBywINIR+5dIg6JTJ72pcEpEjcYgXkE2YEFXV1JHnsKgbLWNlhScqb2UmyRkQyytRLtL+38TGxkxCflmO+5Z8CSSNY7GidjMIZ7Q4zMjA2n1nGrlTDkzwDCsw+wqFPGQA179cnfGWOWRVruj16z6XyvxvjJwbz0wQZ75XK5tKSb7FNyeIEs4TT4jk+S4dhPeAUC5y+bDYirYgM4GC7uEnztnZyaVWQ7B381AK4Qdrwt51ZqExKbQpTUNn+EjqoTwvqNj4kqx5QUCI0ThS/YkOxJCXmPUWZbhjpCg56i+2aB6CmK2JGhn57K5mj0MNdBXA4/WnwH6XoPWJzK5Nyu2zB3nAZp+S5hpQs+p1vN1/wsjk=
";

/// The known servers of one machine.
pub(super) struct KnownHosts {
    pinned: PathBuf,
    learnt: PathBuf,
    /// Held while a file is read and then changed, so that no other change comes between.
    changing: Mutex<()>,
}

/// The trust in one server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Only these keys are trusted. `file` is their source; none: they are built into the program.
    Pinned { lines: String, file: Option<PathBuf> },
    /// No key is known yet: the first key is trusted, and pinned from then on.
    FirstUse,
}

impl KnownHosts {
    /// The files in `dir`, which is created if it is missing.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        private_dir::make(dir)?;
        let (pinned, learnt) = (dir.join("pinned_known_hosts"), dir.join("learnt_known_hosts"));
        Ok(Self { pinned, learnt, changing: Mutex::default() })
    }

    /// The trust in a server. The files are read each time, because somebody may have removed a line.
    pub(super) fn trust(&self, host: &SshHost) -> io::Result<Trust> {
        let pinned = (read(&self.pinned)?, Some(&self.pinned));
        let built_in = (BUILT_IN.to_owned(), None);
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
    use sha2::{Digest, Sha256};

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    const OTHER: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB";

    fn host(url: &str) -> SshHost {
        SshHost::of(url).unwrap()
    }

    fn known(dir: &Path) -> KnownHosts {
        KnownHosts::open(&dir.join("ssh")).unwrap()
    }

    fn lines(trust: Trust) -> String {
        let Trust::Pinned { lines, .. } = trust else { panic!("pinned") };
        lines
    }

    #[test]
    fn githubs_keys_have_the_fingerprints_that_it_publishes() {
        let fingerprints = BUILT_IN.lines().map(|line| {
            let key = BASE64_STANDARD.decode(line.split(' ').nth(2).unwrap()).unwrap();
            BASE64_STANDARD.encode(Sha256::digest(key)).trim_end_matches('=').to_owned()
        });
        assert_eq!(
            fingerprints.collect::<Vec<_>>(),
            [
                "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
                "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
                "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
            ]
        );
    }

    #[test]
    fn what_the_forge_publishes_goes_before_what_is_built_in() {
        let dir = tempfile::tempdir().unwrap();
        let (known, github) = (known(dir.path()), host("git@github.com:a/b"));
        let trust = known.trust(&github).unwrap();
        assert!(matches!(&trust, Trust::Pinned { file: None, .. }) && lines(trust).lines().count() == 3);
        known.pin(&github, &[format!("{OTHER} a comment")]).unwrap();
        assert_eq!(lines(known.trust(&github).unwrap()), format!("github.com {OTHER}\n"));
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
