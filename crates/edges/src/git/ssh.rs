//! The SSH connection of one fetch: its key, the server's keys, and nothing else from this machine.

use super::{
    GitError, SshHost,
    known_hosts::{KnownHosts, Trust},
    process::{Program, last_words},
    scratch::Scratch,
};
use secrecy::SecretString;
use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::process::Command;

/// All files are in the directory in which ssh runs. Their names contain nothing that ssh would expand.
const OPTIONS: &str = "-F /dev/null -i key -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
    -o PreferredAuthentications=publickey -o ConnectTimeout=15 -o ServerAliveInterval=15 \
    -o UserKnownHostsFile=known_hosts -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no \
    -o HashKnownHosts=no -o CheckHostIP=no -o LogLevel=ERROR";

/// A deploy key on the disk, during a fetch; removed when dropped.
pub(super) struct Identity {
    scratch: Scratch,
    host: SshHost,
    trust: Trust,
    known_hosts: Arc<KnownHosts>,
}

impl Identity {
    /// Prepares the key for one server, in a new directory in `dir`.
    pub(super) fn make(
        dir: &Path,
        url: &str,
        key: &SecretString,
        known_hosts: Arc<KnownHosts>,
    ) -> Result<Self, GitError> {
        let io = GitError::io("fetch");
        let host = SshHost::of(url)?;
        let trust = known_hosts.trust(&host).map_err(&io)?;
        let scratch = Scratch::make(dir).map_err(&io)?;
        scratch.write_key("key", key).map_err(&io)?;
        if let Trust::Pinned { lines, .. } = &trust {
            scratch.write("known_hosts", lines).map_err(&io)?;
        }
        Ok(Self { scratch, host, trust, known_hosts })
    }

    /// The command that git passes to a shell.
    pub(super) fn command(&self) -> OsString {
        let strict = match self.trust {
            Trust::Pinned { .. } => "yes",
            Trust::FirstUse => "accept-new",
        };
        let mut command = OsString::from("cd ");
        command.push(quoted(self.scratch.path().as_os_str()));
        command.push(format!(" && exec ssh {OPTIONS} -o StrictHostKeyChecking={strict}"));
        command
    }

    /// Keeps the key of a new server, even if the fetch failed.
    pub(super) fn learn(&self) -> Result<(), GitError> {
        if self.trust != Trust::FirstUse {
            return Ok(());
        }
        // The file does not exist if the server could not be reached.
        let written = fs::read_to_string(self.scratch.path().join("known_hosts")).unwrap_or_default();
        self.known_hosts.learn(&self.host, &written).map_err(GitError::io("fetch"))
    }

    /// The meaning of a failure, from ssh's own words, which git passes on.
    pub(super) fn meaning(&self, fault: GitError) -> GitError {
        let GitError::Failed { what, words } = fault else { return fault };
        let of_ssh =
            |known: &str| words.split(" / ").any(|line| !line.starts_with("remote:") && line.contains(known));
        match &self.trust {
            Trust::Pinned { file, .. } if of_ssh("Host key verification failed") => {
                GitError::HostKeyChanged { host: self.host.to_string(), remedy: self.remedy(file.as_deref()) }
            }
            _ if of_ssh("Permission denied (") => GitError::KeyRefused { words },
            _ if of_ssh("ssh: not found") => GitError::NotInstalled("ssh"),
            _ => GitError::Failed { what, words },
        }
    }

    fn remedy(&self, file: Option<&Path>) -> String {
        let host = &self.host;
        match file {
            Some(file) => format!(
                "press \"Sync members with …\" in the project's settings, which takes over the keys that the server \
                 publishes; if it publishes none, remove the lines that begin with \"{host} \" from {}.",
                file.display()
            ),
            None => format!("update Kozmic, which has the keys of {host} built in."),
        }
    }
}

/// The output of `ssh -V`.
pub(super) async fn version() -> Result<String, GitError> {
    let mut command = Command::new("ssh");
    command.arg("-V");
    let program = Program { name: "ssh", what: "version", limit: Duration::from_secs(60) };
    // ssh prints its version to standard error.
    Ok(last_words(&program.run(command).await?.stderr))
}

/// The text as one word for a shell.
fn quoted(word: &OsStr) -> OsString {
    let mut quoted = vec![b'\''];
    for byte in word.as_bytes() {
        match byte {
            b'\'' => quoted.extend(b"'\\''"),
            other => quoted.push(*other),
        }
    }
    quoted.push(b'\'');
    OsString::from_vec(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    fn identity(dir: &Path, url: &str, pinned: &[&str]) -> Identity {
        let known_hosts = KnownHosts::open(dir, &format!("forge.example {KEY}\n")).unwrap();
        let pinned = pinned.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        known_hosts.pin(&SshHost::of(url).unwrap(), &pinned).unwrap();
        Identity::make(dir, url, &"key".into(), Arc::new(known_hosts)).unwrap()
    }

    fn failed(words: &str) -> GitError {
        GitError::Failed { what: "fetch", words: words.to_owned() }
    }

    #[test]
    fn a_shell_finds_the_files_wherever_they_lie() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("it's \"odd\" $HOME ${x} %h `id` \\ * ü");
        let identity = identity(&odd, "git@a:x", &[KEY]);
        let command = identity.command().into_string().unwrap().replace("exec ssh", "cat key known_hosts #");
        let output = std::process::Command::new("sh").arg("-c").arg(command).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("key\na {KEY}\n"), "{output:?}");
    }

    #[test]
    fn only_a_server_that_was_never_seen_is_believed() {
        let dir = tempfile::tempdir().unwrap();
        let strict = |identity: &Identity| {
            let command = identity.command().into_string().unwrap();
            command.rsplit_once('=').unwrap().1.to_owned()
        };
        let first = identity(dir.path(), "git@a:x", &[]);
        assert_eq!(strict(&first), "accept-new");
        first.scratch.write("known_hosts", &format!("a {KEY}\n")).unwrap();
        first.learn().unwrap();
        assert_eq!(strict(&identity(dir.path(), "git@a:x", &[])), "yes");
        assert_eq!(strict(&identity(dir.path(), "git@forge.example:x", &[])), "yes");
        assert_eq!(strict(&identity(dir.path(), "git@b:x", &[KEY])), "yes");
    }

    #[test]
    fn a_refused_key_and_a_changed_server_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let identity = identity(dir.path(), "ssh://git@a:2222/x", &[KEY]);
        let refused =
            identity.meaning(failed("git@a: Permission denied (publickey). / fatal: Could not read"));
        assert!(matches!(&refused, GitError::KeyRefused { .. }) && refused.to_string().contains("publickey"));
        let changed = identity.meaning(failed("Host key verification failed. / fatal: Could not read"));
        let words = changed.to_string();
        assert!(matches!(changed, GitError::HostKeyChanged { .. }));
        assert!(words.contains("\"[a]:2222 \" from /") && words.contains("pinned_known_hosts"), "{words}");
        let missing = identity.meaning(failed("x: 1: exec: ssh: not found / fatal: Could not read"));
        assert!(matches!(missing, GitError::NotInstalled("ssh")));
        let other = identity.meaning(failed("remote: Permission denied (by the weather)"));
        assert!(matches!(other, GitError::Failed { .. }));
    }

    #[tokio::test]
    async fn ssh_tells_its_version() {
        assert!(version().await.unwrap().contains("SSH"));
    }
}
