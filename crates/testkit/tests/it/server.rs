//! The harness of the server's process, with a script in Kozmic's place.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Result;
use kozmic_testkit::server::{Server, ServerOptions};
use tempfile::TempDir;

use crate::support::{LIMIT, github_of_anna};

const GOOD: &str = "#!/bin/sh
[ \"$1\" = serve ] || { echo \"$1 on $KOZMIC_LISTEN\"; exit 3; }
trap 'echo stopping; exit 0' TERM
echo warming up >&2
echo $$ >> pids
echo \"extra: $EXTRA, github: $KOZMIC_GITHUB_URL\"
echo \"Kozmic listens on http://$KOZMIC_LISTEN\"
while :; do sleep 0.05; done
";

fn script(dir: &TempDir, text: &str) -> Result<PathBuf> {
    let path = dir.path().join("kozmic");
    std::fs::write(&path, text)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

#[tokio::test]
async fn a_server_is_started_killed_started_again_and_ended() -> Result<()> {
    let github = github_of_anna().await?;
    let dir = TempDir::new()?;
    let options = ServerOptions::new(script(&dir, GOOD)?, &github).env("EXTRA", "one");
    let mut server = Server::start(options).await?;
    let (url, first) = (server.url(), server.pid());
    assert!(server.is_running());
    server.kill_9().await?;
    assert!(!server.is_running());
    server.restart_with(&[("EXTRA", "two")]).await?;
    assert_eq!(server.url(), url);
    assert_ne!(server.pid(), first);
    assert_eq!(std::fs::read_to_string(server.data_dir().join("pids"))?.lines().count(), 2);
    let status = server.terminate().await?;
    assert_eq!(status.code(), Some(0));
    let output = server.output();
    assert!(output.contains(&format!("extra: two, github: {}", github.url())), "{output}");
    assert!(output.contains("warming up") && output.contains("stopping"), "{output}");
    Ok(())
}

#[tokio::test]
async fn another_command_runs_with_the_same_settings() -> Result<()> {
    let github = github_of_anna().await?;
    let dir = TempDir::new()?;
    let server = Server::start(ServerOptions::new(script(&dir, GOOD)?, &github)).await?;
    let output = server.run(&["check"]).await?;
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        String::from_utf8(output.stdout)?,
        format!("check on {}\n", server.url().replace("http://", ""))
    );
    Ok(())
}

#[tokio::test]
async fn a_server_that_refuses_to_start_is_shown_with_its_output() -> Result<()> {
    let github = github_of_anna().await?;
    let dir = TempDir::new()?;
    let bad = script(&dir, "#!/bin/sh\necho 'no such setting' >&2\nexit 2\n")?;
    let error =
        Server::start(ServerOptions::new(&bad, &github)).await.err().map(|error| format!("{error:#}"));
    assert!(error.as_ref().is_some_and(|error| error.contains("no such setting")), "{error:?}");
    let mut server = Server::launch(ServerOptions::new(&bad, &github))?;
    assert_eq!(server.wait_exit(LIMIT).await?.code(), Some(2));
    assert!(server.output().contains("no such setting"));
    Ok(())
}

#[tokio::test]
async fn a_dropped_server_is_gone() -> Result<()> {
    let github = github_of_anna().await?;
    let dir = TempDir::new()?;
    let mut server = Server::start(ServerOptions::new(script(&dir, GOOD)?, &github)).await?;
    assert!(server.is_running());
    let process = PathBuf::from(format!("/proc/{}/stat", server.pid().unwrap_or_default()));
    drop(server);
    let gone = async {
        // An ended process shows as Z until its parent waits for it.
        while std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, gone).await?;
    Ok(())
}
