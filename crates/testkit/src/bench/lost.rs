//! Measures the time until a lost runner is shown as silent, and the memory of a runner that has nothing to do.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Options;
use super::figures::{Series, line};
use super::usage;
use crate::cable::Cable;
use crate::github::GitHub;
use crate::person::Person;
use crate::runner::Runner;
use crate::server::{Server, ServerOptions};

/// Losses of each kind.
const ROUNDS: u32 = 5;
/// Pause between two looks at the list of runners.
const LOOK: Duration = Duration::from_millis(20);
/// Longest time until a runner has a state.
const LIMIT: Duration = Duration::from_secs(60);
/// Time after a runner's start before its memory is read.
const SETTLE: Duration = Duration::from_secs(10);

/// A way to lose a runner.
#[derive(Clone, Copy)]
enum Loss {
    Stopped,
    Killed,
    Cut,
    Frozen,
}

impl Loss {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Stopped, "its process stands still (SIGSTOP)"),
        (Self::Killed, "its process is killed (SIGKILL)"),
        (Self::Cut, "its connections break"),
        (Self::Frozen, "no packet arrives any more"),
    ];
}

/// A server with a person who reads its list of runners.
struct Office<'a> {
    options: &'a Options,
    server: Server,
    http: reqwest::Client,
    token: String,
}

pub(super) async fn measure(options: &Options, binaries: &[(String, &Path)]) -> Result<()> {
    line(&format!("\nA lost runner: s until the API says that it is silent (n = {ROUNDS})"));
    for (name, binary) in binaries {
        let mut office = Office::open(options, binary).await?;
        for (loss, what) in Loss::ALL {
            let mut series = Series::default();
            for round in 0..ROUNDS {
                series.add(office.lose(loss, round).await?.as_secs_f64());
            }
            let [least, median, most] = [0.0, 50.0, 100.0].map(|percent| series.percentile(percent));
            line(&format!("  {name}, {what:<36} {median:>5.1} [{least:.1}–{most:.1}]"));
        }
        office.server.terminate().await?;
    }
    Ok(())
}

/// Measures the memory of a process `kozmic runner` that is connected and has nothing to do.
pub(super) async fn memory(options: &Options, binaries: &[(String, &Path)]) -> Result<()> {
    line("\nMemory of an idle runner, MB: proportional (PSS), and resident (RSS)");
    for (name, binary) in binaries {
        let mut office = Office::open(options, binary).await?;
        let mut runner = office.runner("idle", &office.server.url()).await?;
        usage::ALLOCATOR.into_iter().for_each(|(name, value)| runner.set(name, value));
        runner.start().await?;
        tokio::time::sleep(SETTLE).await;
        let pid = runner.pid().context("the runner runs")?;
        // On its own machine, no other process shares the program's pages.
        office.server.terminate().await?;
        let (own, resident) = (usage::proportional_memory(pid)?, usage::memory(pid)?);
        line(&format!("  {name:<34} {own:>6.1} {resident:>6.1}"));
        runner.terminate().await?;
    }
    Ok(())
}

impl<'a> Office<'a> {
    async fn open(options: &'a Options, binary: &Path) -> Result<Self> {
        let github = GitHub::start().await.context("start the double of GitHub")?;
        github.add_user("anna", "Anna Orbit", "anna@example.com");
        let server = ServerOptions::new(binary, &github).quiet().docker_url(&options.docker_url);
        let server = Server::start(server.env("KOZMIC_RUNNER_CONCURRENCY", "0")).await?;
        let anna = Person::sign_in(&server, &github, "anna").await.context("sign in")?;
        let page = anna.post_form("/account/settings/", "/account/tokens/", &[("title", "Bench")]).await?;
        let token = page.body.split_once("<code class=\"secret\">").context("a token")?.1;
        let token = token.split_once('<').context("a token ends")?.0.to_owned();
        Ok(Self { options, server, http: reqwest::Client::new(), token })
    }

    async fn runner(&self, title: &str, url: &str) -> Result<Runner> {
        let mut runner = Runner::add_at(&self.server, title, &[], url).await?;
        runner.quiet();
        runner.set("KOZMIC_DOCKER_URL", &self.options.docker_url);
        Ok(runner)
    }

    /// Loses a runner, and waits until it is silent.
    async fn lose(&self, loss: Loss, round: u32) -> Result<Duration> {
        let cable = Cable::to(&self.server.url()).await?;
        let title = format!("lost-{}-{round}", loss as u8);
        let mut runner = self.runner(&title, &cable.url()).await?;
        runner.start().await?;
        self.until(&title, "ready").await?;
        // The beats of both sides are two seconds apart, so each round begins elsewhere between them.
        tokio::time::sleep(Duration::from_millis(2_000) + Duration::from_millis(2_000) * round / ROUNDS)
            .await;
        let begun = Instant::now();
        match loss {
            Loss::Stopped => runner.signal("STOP")?,
            Loss::Killed => runner.kill_9().await?,
            Loss::Cut => cable.cut(),
            Loss::Frozen => cable.freeze(),
        }
        self.until(&title, "silent").await?;
        let took = begun.elapsed();
        if matches!(loss, Loss::Stopped) {
            runner.signal("CONT")?;
        }
        if !matches!(loss, Loss::Killed) {
            runner.kill_9().await?;
        }
        Ok(took)
    }

    /// Waits until the API says that a runner is in this state.
    async fn until(&self, title: &str, state: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let address = format!("{}/api/v1/runners", self.server.url());
            let answer = self.http.get(address).bearer_auth(&self.token).send().await?;
            let answer = answer.error_for_status()?.json::<Value>().await?;
            let all = answer["runners"].as_array().context("a list of runners")?;
            let known = all.iter().find(|runner| runner["title"] == title).context("the runner")?;
            if known["state"] == state {
                return Ok(());
            }
            ensure!(begun.elapsed() < LIMIT, "the runner is never {state}: {known}");
            tokio::time::sleep(LOOK).await;
        }
    }
}
