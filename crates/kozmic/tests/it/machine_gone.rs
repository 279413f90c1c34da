//! The machine goes down with server and engine at once: its jobs run again, unless they must not.

use crate::{
    engine_gone::{ONLY_FIRST_WAITS, Stage},
    world::{GATE, LIMIT},
};
use anyhow::Result;
use kozmic_testkit::github::State;

/// Remains of a machine's containers when it is up again.
#[derive(Clone, Copy, Debug)]
enum Left {
    /// They lie on a disk that is still there.
    Stopped,
    /// Their disk is a new one, as that of an engine which itself ran in a container.
    Nothing,
}

impl Stage {
    /// Takes server and engine down in mid-job, and starts both again.
    async fn lose_power(&mut self, left: Left) -> Result<()> {
        let container = self.world.container().await?;
        let process = self.engine.process(&container).await?;
        self.world.server.kill_9().await?;
        self.engine.lose_power(process).await?;
        self.engine.start_again().await?;
        if let Left::Nothing = left {
            self.world.docker.remove(&container).await?;
            // A new machine's engine remembers no removal either.
            self.engine.stop().await?;
            self.engine.start_again().await?;
        }
        self.world.server.restart().await
    }
}

#[tokio::test]
async fn a_job_whose_machine_went_down_runs_again() -> Result<()> {
    for left in [Left::Stopped, Left::Nothing] {
        let mut stage = Stage::new(false).await?;
        stage.world.hook(&format!("{ONLY_FIRST_WAITS} {GATE}; echo done")).await?;
        let (pushed, _live) = stage.run_to("attempt 1 begins").await?;
        stage.lose_power(left).await?;
        stage.world.status(&pushed.sha, State::Success).await?;
        let told = stage.told(&pushed);
        assert!(told.iter().all(|state| ![State::Failure, State::Error].contains(state)), "{told:?}");
        let first = stage.log_of(1).await?;
        assert!(
            first.contains("Interrupted:") && first.contains("runs again, as attempt 2"),
            "{left:?}: {first}"
        );
        assert!(stage.log_of(2).await?.contains("attempt 2 begins\ndone\n"));
        stage.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_install_script_whose_machine_went_down_runs_again_from_its_start() -> Result<()> {
    for left in [Left::Stopped, Left::Nothing] {
        let mut stage = Stage::new(false).await?;
        stage.installation().await?;
        let (pushed, _live) = stage.run_to("attempt 1 begins").await?;
        stage.lose_power(left).await?;
        stage.world.status(&pushed.sha, State::Success).await?;
        let second = stage.log_of(2).await?;
        assert!(second.contains("attempt 2 begins") && second.contains("it is kept"), "{left:?}: {second}");
        assert!(!stage.log_of(1).await?.contains("it is kept"));
        stage.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_deployment_whose_machine_went_down_is_an_error_and_not_begun_again() -> Result<()> {
    for left in [Left::Stopped, Left::Nothing] {
        let mut stage = Stage::new(false).await?;
        stage.deployment().await?;
        let (pushed, mut live) = stage.run_to("deploying").await?;
        stage.lose_power(left).await?;
        live.reconnect().await?;
        assert_eq!(live.read_to_end(LIMIT).await?.status, "error");
        stage.world.status(&pushed.sha, State::Error).await?;
        assert!(!stage.told(&pushed).contains(&State::Failure), "{left:?}");
        let log = stage.world.log().await?;
        assert!(log.contains("Interrupted:") && log.contains("as its hook says."), "{left:?}: {log}");
        assert_eq!(log.matches("deploying").count(), 1, "{left:?}: {log}");
        stage.end().await?;
    }
    Ok(())
}
