//! The engine is stopped or killed during jobs. No job fails because of that, and no job is green if lines are missing
//! without a note.

use crate::{
    api::Program,
    world::{GATE, IMAGE, LIMIT, World},
};
use anyhow::{Context, Result};
use kozmic_testkit::{
    engine::Engine,
    github::{Pushed, State},
    live::Live,
    mail::MailServer,
    person::Build,
};
use tokio::{net::TcpListener, time::timeout};

/// A story's stage, with an engine of its own.
pub struct Stage {
    pub world: World,
    pub engine: Engine,
}

impl Stage {
    pub async fn new(keeps_containers: bool) -> Result<Self> {
        Self::with(keeps_containers, &[]).await
    }

    pub async fn with(keeps_containers: bool, settings: &[(&str, &str)]) -> Result<Self> {
        let engine = Engine::start(keeps_containers, &[IMAGE]).await?;
        let url = engine.url();
        let own = [("KOZMIC_DOCKER_URL", url.as_str()), ("KOZMIC_DOCKER_NETWORK", "none")];
        let mut world = World::with(&[own.as_slice(), settings].concat()).await?;
        world.docker = engine.docker();
        Ok(Self { world, engine })
    }

    /// A hook that must not run twice, and waits.
    pub async fn deployment(&self) -> Result<()> {
        let script = format!("#!/bin/bash\necho deploying; {GATE}");
        self.add_hook(&[("title", "Deploy"), ("script", &script), ("if_interrupted", "error")]).await
    }

    /// A hook whose install script waits in its first attempt.
    pub async fn installation(&self) -> Result<()> {
        let install = format!("#!/bin/bash\n{ONLY_FIRST_WAITS} {GATE}; echo kept >/tmp/kept");
        let script = "#!/bin/bash\necho it is $(cat /tmp/kept)";
        self.add_hook(&[("title", "Tests"), ("script", script), ("install_script", &install)]).await
    }

    async fn add_hook(&self, fields: &[(&str, &str)]) -> Result<()> {
        let path = format!("/projects/{}/hooks/add/", self.world.project);
        let fields = [&[("image", IMAGE)], fields].concat();
        self.world.anna.post_form(&path, &path, &fields).await?.ensure_ok()
    }

    /// Pushes, and waits until the script has printed this.
    pub async fn run_to(&self, text: &str) -> Result<(Pushed, Live)> {
        let pushed = self.world.push("Begin").await?;
        let mut live = self.world.live().await?;
        live.read_until(text, LIMIT).await?;
        Ok((pushed, live))
    }

    /// Statuses of a commit at GitHub, from the first to the last.
    pub fn told(&self, pushed: &Pushed) -> Vec<State> {
        let statuses = self.world.github.statuses(crate::world::REPOSITORY, &pushed.sha);
        statuses.into_iter().map(|status| status.state).collect()
    }

    pub async fn log_of(&self, attempt: i32) -> Result<String> {
        let job = self.world.build().await?.job()?;
        let path = format!("/projects/{}/jobs/{job}/log/?attempt={attempt}", self.world.project);
        Ok(self.world.anna.get(&path).await?.body)
    }

    pub async fn end(self) -> Result<()> {
        let Self { world, engine } = self;
        world.end().await?;
        drop(engine);
        Ok(())
    }
}

/// Prints which attempt it is; the first waits for ever, the others end well.
pub const ONLY_FIRST_WAITS: &str = "echo attempt $KOZMIC_ATTEMPT begins; [ $KOZMIC_ATTEMPT != 1 ] || ";

#[tokio::test]
async fn a_job_whose_engine_is_stopped_runs_again_and_nobody_sees_red() -> Result<()> {
    let mut stage = Stage::new(false).await?;
    // A script that tidies up at SIGTERM may return anything, even success.
    stage.world.hook(&format!("trap 'exit 0' TERM; {ONLY_FIRST_WAITS} {GATE}; echo done")).await?;
    let (pushed, _live) = stage.run_to("attempt 1 begins").await?;
    stage.engine.stop().await?;
    stage.engine.start_again().await?;
    stage.world.status(&pushed.sha, State::Success).await?;
    let told = stage.told(&pushed);
    assert!(told.iter().all(|state| ![State::Failure, State::Error].contains(state)), "{told:?}");
    let first = stage.log_of(1).await?;
    assert!(first.contains("Interrupted:") && first.contains("runs again, as attempt 2"), "{first}");
    let second = stage.log_of(2).await?;
    assert!(second.contains("the one before was interrupted"), "{second}");
    assert!(second.contains("attempt 2 begins\ndone\n"), "{second}");
    let page = stage.world.page("builds/latest/").await?;
    assert!(page.contains("the one before was interrupted"), "{page}");
    let build = stage.world.build().await?;
    let past = stage.world.page(&format!("builds/{}/jobs/{}/?attempt=1", build.build, build.job()?)).await?;
    assert!(past.contains("Interrupted:"), "{past}");
    stage.end().await
}

#[tokio::test]
async fn a_job_that_is_interrupted_three_times_is_an_error_until_somebody_starts_it_again() -> Result<()> {
    let mut stage = Stage::new(false).await?;
    stage
        .world
        .hook(&format!("echo attempt $KOZMIC_ATTEMPT begins; [ $KOZMIC_ATTEMPT -gt 4 ] || {GATE}"))
        .await?;
    let (pushed, mut live) = stage.run_to("attempt 1 begins").await?;
    for attempt in 1..=3 {
        live.read_until(&format!("attempt {attempt} begins"), LIMIT).await?;
        stage.engine.kill().await?;
        stage.engine.start_again().await?;
    }
    stage.world.status(&pushed.sha, State::Error).await?;
    assert!(stage.log_of(3).await?.contains("it was interrupted three times"));
    let job = stage.world.build().await?.job()?;
    let restart = format!("/projects/{}/jobs/{job}/restart/", stage.world.project);
    let page = format!("/projects/{}/builds/latest/", stage.world.project);
    stage.world.anna.post_form(&page, &restart, &[]).await?.ensure_ok()?;
    stage.world.live().await?.read_until("attempt 4 begins", LIMIT).await?;
    stage.engine.kill().await?;
    stage.engine.start_again().await?;
    stage.world.status(&pushed.sha, State::Success).await?;
    stage.end().await
}

#[tokio::test]
async fn what_must_not_be_done_twice_ends_as_an_error() -> Result<()> {
    let mut stage = Stage::new(false).await?;
    stage.deployment().await?;
    let (pushed, mut live) = stage.run_to("deploying").await?;
    stage.engine.stop().await?;
    stage.engine.start_again().await?;
    assert_eq!(live.read_to_end(LIMIT).await?.status, "error");
    stage.world.status(&pushed.sha, State::Error).await?;
    assert!(!stage.told(&pushed).contains(&State::Failure));
    let log = stage.world.log().await?;
    assert!(log.contains("It does not run again by itself, as its hook says."), "{log}");
    stage.end().await
}

#[tokio::test]
async fn an_install_script_that_is_interrupted_runs_again() -> Result<()> {
    let mut stage = Stage::new(false).await?;
    stage.installation().await?;
    let (pushed, _live) = stage.run_to("attempt 1 begins").await?;
    stage.engine.kill().await?;
    stage.engine.start_again().await?;
    stage.world.status(&pushed.sha, State::Success).await?;
    assert!(stage.log_of(2).await?.contains("it is kept"));
    stage.end().await
}

#[tokio::test]
async fn a_script_that_ends_while_its_engine_is_away_is_believed_and_the_gap_is_told() -> Result<()> {
    let mut stage = Stage::new(true).await?;
    stage.world.hook(&format!("echo before; {GATE}; echo lost")).await?;
    let (pushed, mut live) = stage.run_to("before").await?;
    let container = stage.world.container().await?;
    let process = stage.engine.process(&container).await?;
    stage.engine.kill().await?;
    stage.engine.touch(process, "/tmp/gate")?;
    stage.engine.wait_for_end(process).await?;
    stage.engine.start_again().await?;
    assert_eq!(live.read_to_end(LIMIT).await?.status, "success");
    stage.world.status(&pushed.sha, State::Success).await?;
    let log = stage.world.log().await?;
    assert!(log.contains("The Docker engine was away for"), "{log}");
    assert!(log.contains("may be missing here"), "{log}");
    stage.end().await
}

#[tokio::test]
async fn a_script_that_fails_by_itself_while_its_engine_is_away_has_failed() -> Result<()> {
    let mut stage = Stage::new(true).await?;
    let mut before = 0;
    for code in [143, 255] {
        let hook = format!("echo before {code}; {GATE}; exit {code}");
        let script = format!("#!/bin/bash\n{hook}\n");
        let path = match code {
            143 => format!("/projects/{}/hooks/add/", stage.world.project),
            _ => format!("/projects/{}/hooks/1/edit/", stage.world.project),
        };
        let fields = [("title", "Tests"), ("image", IMAGE), ("script", script.as_str())];
        stage.world.anna.post_form(&path, &path, &fields).await?.ensure_ok()?;
        let pushed = stage.world.push(&format!("Code {code}")).await?;
        let is_new = |build: &Build| build.job.is_some() && build.build != before;
        let build = stage.world.anna.wait_for_build(stage.world.project, LIMIT, is_new).await?;
        before = build.build;
        let mut live = stage.world.anna.live(stage.world.project, build.job()?, 0).await?;
        live.read_until(&format!("before {code}"), LIMIT).await?;
        let process = stage.engine.process(&stage.world.container().await?).await?;
        stage.engine.kill().await?;
        stage.engine.touch(process, "/tmp/gate")?;
        stage.engine.wait_for_end(process).await?;
        stage.engine.start_again().await?;
        stage.world.status(&pushed.sha, State::Failure).await?;
        assert!(stage.world.log().await?.contains(&format!("The script returned {code}")));
    }
    stage.end().await
}

#[tokio::test]
async fn a_script_outlives_an_engine_that_keeps_its_containers_with_a_whole_log() -> Result<()> {
    let mut stage = Stage::new(true).await?;
    stage.world.hook(&format!("seq 1 2000; echo half; {GATE}; seq 2001 4000")).await?;
    let (pushed, mut live) = stage.run_to("half").await?;
    let process = stage.engine.process(&stage.world.container().await?).await?;
    stage.engine.stop().await?;
    stage.engine.start_again().await?;
    stage.engine.touch(process, "/tmp/gate")?;
    assert_eq!(live.read_to_end(LIMIT).await?.status, "success");
    stage.world.status(&pushed.sha, State::Success).await?;
    let log = stage.world.log().await?;
    let numbers = log.lines().filter_map(|line| line.parse::<u32>().ok()).collect::<Vec<_>>();
    assert_eq!(numbers, (1..=4000).collect::<Vec<_>>());
    assert!(log.contains("The Docker engine was away for"), "{log}");
    stage.end().await
}

#[tokio::test]
async fn a_script_that_kills_all_with_its_engine_looking_on_has_failed() -> Result<()> {
    let stage = Stage::new(false).await?;
    stage.world.hook("echo before; kill -9 $PPID; kill -9 -1; sleep 60").await?;
    let (pushed, mut live) = stage.run_to("before").await?;
    assert_eq!(live.read_to_end(LIMIT).await?.status, "failure");
    stage.world.status(&pushed.sha, State::Failure).await?;
    stage.end().await
}

#[tokio::test]
async fn a_script_whose_end_the_engine_has_missed_has_ended() -> Result<()> {
    let stage = Stage::with(false, &[("KOZMIC_STALL_TIMEOUT", "4")]).await?;
    stage.world.hook(&format!("echo before; {GATE}; echo after")).await?;
    let (pushed, mut live) = stage.run_to("before").await?;
    let process = stage.engine.process(&stage.world.container().await?).await?;
    stage.engine.kill_helper().await?;
    stage.engine.touch(process, "/tmp/gate")?;
    assert_eq!(live.read_to_end(LIMIT).await?.status, "success");
    stage.world.status(&pushed.sha, State::Success).await?;
    assert!(stage.world.log().await?.contains("before\nafter\n"));
    stage.end().await
}

#[tokio::test]
async fn a_job_is_canceled_while_its_engine_is_away_and_its_container_goes_when_that_is_back() -> Result<()> {
    let mut stage = Stage::new(true).await?;
    stage.world.hook(&format!("echo before; {GATE}")).await?;
    let (pushed, mut live) = stage.run_to("before").await?;
    let job = stage.world.build().await?.job()?;
    stage.engine.kill().await?;
    stage.world.anna.cancel(stage.world.project, job).await?.ensure_ok()?;
    assert_eq!(live.read_to_end(LIMIT).await?.status, "canceled");
    stage.world.status(&pushed.sha, State::Error).await?;
    assert!(!stage.told(&pushed).contains(&State::Failure));
    let log = stage.world.log().await?;
    assert!(!log.contains("Interrupted:") && !log.contains("runs again"), "{log}");
    stage.engine.start_again().await?;
    stage.end().await
}

#[tokio::test]
async fn a_pull_whose_engine_is_stopped_begins_again() -> Result<()> {
    // A registry that takes calls and never answers.
    let registry = TcpListener::bind("127.0.0.1:0").await?;
    let mut stage = Stage::with(false, &[("KOZMIC_DOCKER_PRIVATE_REGISTRIES", "*")]).await?;
    let image = format!("{}/team/image", registry.local_addr()?);
    stage.world.hook_in(&image, "echo never").await?;
    let pushed = stage.world.push("Begin").await?;
    let _first = timeout(LIMIT, registry.accept()).await.context("the engine asks the registry")??;
    stage.engine.stop().await?;
    stage.engine.start_again().await?;
    let _second = timeout(LIMIT, registry.accept()).await.context("it asks once more")??;
    assert!(stage.told(&pushed).iter().all(|state| *state == State::Pending));
    let log = stage.world.log().await?;
    assert!(log.contains("The Docker engine went away before the script started; it starts now."), "{log}");
    let job = stage.world.build().await?.job()?;
    stage.world.anna.cancel(stage.world.project, job).await?.ensure_ok()?;
    assert_eq!(stage.world.finished().await?.status, "canceled");
    stage.end().await
}

#[tokio::test]
async fn all_who_are_told_of_an_interrupted_job_hear_of_an_error_and_why() -> Result<()> {
    let mails = MailServer::start().await?;
    let sender = "Kozmic <kozmic@example.org>";
    let settings = [("KOZMIC_SMTP_URL", mails.url()), ("KOZMIC_MAIL_DEFAULT_SENDER", sender.to_owned())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut stage = Stage::with(false, &settings).await?;
    stage.deployment().await?;
    let (pushed, mut live) = stage.run_to("deploying").await?;
    stage.engine.kill().await?;
    stage.engine.start_again().await?;
    assert_eq!(live.read_to_end(LIMIT).await?.status, "error");

    let words = "Interrupted: the Docker engine or its machine stopped while the script ran.";
    stage.world.status(&pushed.sha, State::Error).await?;
    assert!(stage.told(&pushed).iter().all(|state| [State::Pending, State::Error].contains(state)));
    let mails = mails.wait_for(LIMIT, |mails| !mails.is_empty()).await?;
    let mail = mails.first().context("a mail")?;
    assert!(mail.subject.starts_with("[error] "), "{}", mail.subject);
    let text = mail.text.as_deref().context("a text")?.replace('\n', " ");
    assert!(text.contains(words) && !text.contains("fail"), "{text}");
    let page = stage.world.page("builds/latest/").await?;
    assert!(page.contains(words) && !page.to_lowercase().contains("failure"), "{page}");
    let badge = stage.world.anna.get("/badges/anna/hello").await?;
    assert!(badge.body.contains("error") && !badge.body.contains("failure"), "{badge}");
    let build = stage.world.build().await?;
    let program = Program::of(&stage.world.anna, &stage.world).await?;
    let told = program.get(&format!("projects/{}/jobs/{}", stage.world.project, build.job()?)).await?;
    let attempt = &told["attempts"][0];
    assert_eq!((&told["status"], &attempt["ending"]), (&"error".into(), &"interrupted".into()), "{told}");
    assert!(told["reason"].as_str().is_some_and(|why| why.starts_with(words)), "{told}");
    let told = program.get(&format!("projects/{}/builds/latest", stage.world.project)).await?;
    assert_eq!(told["status"], "error", "{told}");
    stage.end().await
}
