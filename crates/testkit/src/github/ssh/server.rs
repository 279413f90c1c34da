//! The OpenSSH server: its settings, its host key, and its process.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::program::{Program, Show};

/// It starts itself again for each connection, and wants to be called by its whole path.
const SSHD: &str = "/usr/sbin/sshd";
/// Directory that it goes to without rights, if it has root's; Debian's service makes it.
const EMPTY_DIRECTORY: &str = "/run/sshd";
const START_LIMIT: Duration = Duration::from_secs(20);
/// Command for a deploy key, whatever is asked for: GitHub's answers in a few lines of shell.
const SERVE: &str = include_str!("serve.sh");

/// Writes all that the server reads but its host key.
pub(super) fn prepare(dir: &Path, port: u16, repositories: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).context("make a directory for SSH")?;
    std::fs::write(dir.join("sshd_config"), config(dir, port)).context("write the SSH server's settings")?;
    let serve = dir.join("serve");
    let path = std::env::var("PATH").unwrap_or_default();
    let script = SERVE.replace("@PATH@", &path).replace("@REPOSITORIES@", &repositories.to_string_lossy());
    std::fs::write(&serve, script).context("write the command of deploy keys")?;
    std::fs::set_permissions(&serve, Permissions::from_mode(0o755)).context("make it executable")?;
    if !Path::new(EMPTY_DIRECTORY).exists() {
        // Only root can, and only root needs it.
        std::fs::create_dir_all(EMPTY_DIRECTORY).ok();
    }
    Ok(())
}

fn config(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {dir}/host_key\nPidFile none\n\
         AuthorizedKeysFile {dir}/authorized_keys\nStrictModes no\nUsePAM no\nUseDNS no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin forced-commands-only\n\
         AcceptEnv GIT_PROTOCOL\nPrintMotd no\nMaxStartups 1000\nLogLevel VERBOSE\n"
    )
}

/// Login of the person who runs the tests: sshd can let in nobody else without root's rights.
pub(super) async fn user() -> Result<String> {
    let output = Command::new("id").arg("-un").output().await.context("run id")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Makes a new host key in the place of the old one; the answer is its public half.
pub(super) async fn make_host_key(dir: &Path) -> Result<String> {
    let file = dir.join("host_key");
    if file.exists() {
        std::fs::remove_file(&file).context("remove the old host key")?;
    }
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&file).kill_on_drop(true);
    let output =
        command.output().await.context("run ssh-keygen: is the package openssh-client installed?")?;
    ensure!(output.status.success(), "ssh-keygen: {}", String::from_utf8_lossy(&output.stderr));
    let public = std::fs::read_to_string(dir.join("host_key.pub")).context("read the host key")?;
    Ok(public.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// Starts the server and waits until it takes connections.
pub(super) async fn start(dir: &Path) -> Result<Program> {
    let mut command = Command::new("sh");
    // It talks on standard error; Program listens to standard output.
    command.args(["-c", "exec \"$0\" \"$@\" 2>&1", SSHD, "-D", "-e", "-f"]).arg(dir.join("sshd_config"));
    if knows_penalties(dir).await {
        // A test that comes with a wrong key must not slow down the next one.
        command.args(["-o", "PerSourcePenalties=no"]);
    }
    let mut program = Program::start(command, Show::OnPanic)?;
    program
        .wait_for_line(START_LIMIT, |line| line.contains("Server listening on"))
        .await
        .context("start sshd: is the package openssh-server installed?")?;
    Ok(program)
}

/// Newer servers keep those out for a while who failed to come in; older ones do not know the word.
async fn knows_penalties(dir: &Path) -> bool {
    let mut command = Command::new(SSHD);
    command.args(["-t", "-o", "PerSourcePenalties=no", "-f"]).arg(dir.join("sshd_config"));
    command.kill_on_drop(true).output().await.is_ok_and(|output| output.status.success())
}
