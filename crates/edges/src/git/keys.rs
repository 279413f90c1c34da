//! Makes deploy keys, with OpenSSH's own tool.

use super::{
    GitError,
    process::{Program, last_words},
    scratch::Scratch,
};
use kozmic_model::deploy_key::KeyKind;
use secrecy::SecretString;
use std::{fs, path::Path, time::Duration};
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(120);

/// A new key pair.
#[derive(Debug)]
pub struct NewKey {
    /// The private part in OpenSSH's format, without a passphrase. The store must encrypt it.
    pub private: SecretString,
    /// The public part as in `authorized_keys`, without a comment: `ssh-ed25519 AAAA…`.
    pub public: String,
}

/// Makes a key pair. Nothing of it stays on the disk. An RSA key takes some seconds.
///
/// # Errors
/// `ssh-keygen` is not installed or does not know this kind, or the disk for temporary files is full.
pub async fn make(kind: KeyKind) -> Result<NewKey, GitError> {
    let io = GitError::io("key");
    let scratch = Scratch::make(&std::env::temp_dir()).map_err(&io)?;
    let path = scratch.path().join("key");
    let program = Program { name: "ssh-keygen", what: "key", limit: LIMIT };
    let output = program.run(command(kind, &path)).await?;
    if !output.status.success() {
        return Err(GitError::Failed { what: "key", words: last_words(&output.stderr) });
    }
    let private = fs::read_to_string(&path).map_err(&io)?.into();
    let public = fs::read_to_string(path.with_extension("pub")).map_err(&io)?;
    let public = public.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Ok(NewKey { private, public })
}

fn command(kind: KeyKind, path: &Path) -> Command {
    let kind: &[&str] = match kind {
        KeyKind::Ed25519 => &["-t", "ed25519"],
        KeyKind::Rsa => &["-t", "rsa", "-b", "4096"],
    };
    let mut command = Command::new("ssh-keygen");
    command.args(kind).args(["-q", "-N", "", "-C", "", "-f"]).arg(path);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[tokio::test]
    async fn a_pair_belongs_together_and_says_its_kind() {
        for (kind, word) in [(KeyKind::Ed25519, "ssh-ed25519"), (KeyKind::Rsa, "ssh-rsa")] {
            let NewKey { private, public } = make(kind).await.unwrap();
            assert!(private.expose_secret().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
            assert_eq!(public.split(' ').collect::<Vec<_>>().len(), 2, "{public}");
            assert_eq!(public.split(' ').next(), Some(word));
            let dir = tempfile::tempdir().unwrap();
            let scratch = Scratch::make(dir.path()).unwrap();
            scratch.write_key("key", &private).unwrap();
            let path = scratch.path().join("key");
            let told =
                std::process::Command::new("ssh-keygen").arg("-y").arg("-f").arg(path).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), public);
        }
    }
}
