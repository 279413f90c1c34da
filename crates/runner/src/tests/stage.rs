//! The test stage of the steps: an engine, a ledger, a mirror with one commit, and runners' processes that live and
//! die.

use super::ledger::Ledger;
use crate::{
    Runner, RunnerSettings, Tools,
    order::{Limits, Order},
    registry::PrivateRegistries,
    turns::Turns,
};
use kozmic_edges::{
    engine::{Engine, RegistryLogin},
    git::{Credentials, Mirrors, TreeSize, Wanted},
    logs::Logs,
    room::Room,
};
use kozmic_model::{
    git::{GitRef, Sha},
    ids::{BuildId, HookId, JobId, ProjectId},
    install::{Install, PullPolicy},
    interruption::IfInterrupted,
    job::{Attempt, Outcome},
    spec::{HookTask, JobSpec, Origin, Task},
};
use kozmic_scripted::{Sample, ScriptedEngine};
use kozmic_testkit::github::{Commit, GitHub, NewRepository};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The image of most jobs.
pub(super) const IMAGE: &str = "debian:bookworm";

/// The runtime skips time whenever all tasks wait, so a limit that a test does not mean must be far away.
const FAR: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The longest time of a test, in the runtime's time: a wait that never ends fails at once.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);

/// A mirror with one commit, which stages may share.
pub(super) struct Mirror {
    mirrors: Mirrors,
    sha: Sha,
    /// The time before it was fetched.
    begun: Instant,
    _dir: TempDir,
}

/// A stage, with everything that outlives a runner's process.
pub(super) struct Stage {
    pub(super) engine: ScriptedEngine,
    pub(super) ledger: Arc<Ledger>,
    /// The largest size of a commit's files.
    pub(super) largest_checkout: TreeSize,
    dir: TempDir,
    mirror: Arc<Mirror>,
}

impl Mirror {
    pub(super) fn new() -> Arc<Self> {
        let (dir, begun) = (tempfile::tempdir().unwrap(), Instant::now());
        let mirrors = Mirrors::open(dir.path().join("mirrors")).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let sha = runtime.block_on(fetched(&mirrors));
        Arc::new(Self { mirrors, sha, begun, _dir: dir })
    }
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::with(&Mirror::new())
    }

    pub(super) fn with(mirror: &Arc<Mirror>) -> Self {
        let (dir, engine) = (tempfile::tempdir().unwrap(), ScriptedEngine::new());
        engine.add_image(&IMAGE.parse().unwrap(), Sample::debian());
        let largest_checkout = TreeSize { files: 100, bytes: 1 << 20 };
        Self { engine, ledger: Arc::default(), largest_checkout, dir, mirror: Arc::clone(mirror) }
    }

    /// An order for a job with this task.
    pub(super) fn order(&self, job: i64, spec: JobSpec) -> Order {
        let deadline = now() + FAR;
        Order {
            attempt: Attempt { job: JobId(job), number: 1 },
            build: BuildId(1),
            project: ProjectId(1),
            spec,
            git_ref: GitRef::Branch("main".to_owned()),
            remote_ref: "refs/heads/main".to_owned(),
            sha: self.mirror.sha.clone(),
            environment: Vec::new(),
            installation: "0123456789ab".to_owned(),
            interruptions: 0,
            phases: Vec::new(),
            cache_key: None,
            limits: Limits {
                time: FAR,
                deadline,
                silence: FAR,
                log: 1 << 20,
                grace: Duration::from_secs(10),
                program: None,
                no_new_privileges: false,
            },
            asked: Some(self.mirror.begun),
            login: Ok(None),
            bases: BTreeMap::new(),
            hindrance: None,
        }
    }

    /// Enqueues a job with this script.
    pub(super) fn give(&self, job: i64, script: &str) {
        self.ledger.give(self.order(job, hook(script)));
    }

    /// The life of a runner's process: it ends with the awaited event, and its unfinished work stays as it is.
    pub(super) fn live<T>(&self, until: impl Future<Output = T>) -> T {
        life().block_on(async {
            self.begin().await;
            tokio::time::timeout(LONGEST, until).await.expect("it comes, or never will")
        })
    }

    /// The life of a runner's process that waits for an event from its very start.
    pub(super) fn live_at_once<T>(&self, until: impl Future<Output = T>) -> T {
        life().block_on(async {
            let both = async { tokio::join!(self.begin(), until).1 };
            tokio::time::timeout(LONGEST, both).await.expect("it comes, or never will")
        })
    }

    async fn begin(&self) {
        let runner = self.runner();
        tokio::spawn(stand_still_for_git());
        let open = runner.open().await;
        tokio::spawn(open.clone().work());
        tokio::spawn(open.sweep());
    }

    /// The life of a process that runs jobs until this one is over.
    pub(super) fn run(&self, job: i64) -> Outcome {
        self.live(self.over(job))
    }

    /// Waits until a job has ended and its containers are gone. The time is the runtime's own.
    pub(super) async fn over(&self, job: i64) -> Outcome {
        let outcome = self.ledger.end_of(job).await;
        while !self.engine.container_ids().is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        outcome
    }

    /// The id of the first image that an install script made, if one is there.
    pub(super) fn cached_image(&self) -> Option<String> {
        let name = self.engine.image_names().into_iter().find(|name| name.starts_with("kozmic-cache/"))?;
        let image = life().block_on(self.engine.image(&name.parse().unwrap())).unwrap();
        image.map(|image| image.id)
    }

    /// Removes an image from the engine, as somebody else might.
    pub(super) fn remove_image(&self, name: &str) {
        let is_removed = life().block_on(self.engine.remove_image(&name.parse().unwrap()));
        assert!(is_removed.unwrap());
    }

    /// Pulls an image as another project's job does.
    pub(super) fn pull(&self, name: &str, login: &RegistryLogin) {
        let (progress, _lines) = mpsc::channel(16);
        life().block_on(self.engine.pull(&name.parse().unwrap(), Some(login), progress)).unwrap();
    }

    /// The lines that the job's script printed: all lines of its log with the prefix.
    pub(super) fn printed(&self, job: i64) -> Vec<String> {
        self.log(job).lines().filter(|line| line.starts_with("out ")).map(str::to_owned).collect()
    }

    /// The whole log of a job.
    pub(super) fn log(&self, job: i64) -> String {
        life().block_on(self.log_now(job))
    }

    /// A job's log so far.
    pub(super) async fn log_now(&self, job: i64) -> String {
        let log = Logs::open(self.dir.path().join("logs")).unwrap();
        let reader = log.reader(Attempt { job: JobId(job), number: 1 });
        let bytes = reader.read(0, 1 << 22).await.unwrap();
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    }

    /// A process of the runner before it starts.
    pub(super) fn runner(&self) -> Runner {
        let tools = Tools {
            engine: Arc::new(self.engine.clone()),
            mirrors: self.mirror.mirrors.clone(),
            logs: Logs::open(self.dir.path().join("logs")).unwrap(),
            room: Room::new(vec![self.dir.path().to_owned()], Some(0)),
            turns: Turns::default(),
        };
        let (name, work_dir) = ("runner".to_owned(), self.dir.path().join("work"));
        let private_registries = PrivateRegistries::new(&["127.0.0.1:5000".to_owned()]);
        let largest_checkout = self.largest_checkout;
        let settings = RunnerSettings { name, slots: 2, work_dir, largest_checkout, private_registries };
        let ledger = self.ledger.clone();
        Runner::new(ledger, tools, settings, CancellationToken::new(), TaskTracker::new())
    }
}

/// The spec of a hook's job.
pub(super) fn hook(script: &str) -> JobSpec {
    installing(None, script)
}

/// The spec of a hook's job with an install script.
pub(super) fn installing(install: Option<&str>, script: &str) -> JobSpec {
    let install =
        install.map(|install| Install { script: format!("#!/bin/sh\n{install}\n"), tracked: Vec::new() });
    let (image, script) = (IMAGE.parse().unwrap(), format!("#!/bin/sh\n{script}\n"));
    let task = HookTask { image, script, install, pull: PullPolicy::IfAbsent };
    JobSpec {
        title: "Tests".to_owned(),
        if_interrupted: IfInterrupted::Again,
        origin: Origin::Hook(HookId(1)),
        labels: kozmic_model::label::Labels::default(),
        task: Task::Hook(task),
    }
}

/// The same job in another image.
pub(super) fn in_image(image: &str, mut spec: JobSpec) -> JobSpec {
    if let Task::Hook(task) = &mut spec.task {
        task.image = image.parse().unwrap();
    }
    spec
}

/// The interval at which git is searched for, in the runtime's time.
const GIT_LOOK: Duration = Duration::from_secs(60);

/// Stops the runtime's time while git runs in real time: it stands still while a thread is blocked.
async fn stand_still_for_git() {
    loop {
        tokio::task::spawn_blocking(|| {
            while runs_git() {
                std::thread::sleep(Duration::from_millis(1));
            }
        })
        .await
        .unwrap();
        tokio::time::sleep(GIT_LOOK).await;
    }
}

/// True if a child of this process is git and has not ended.
fn runs_git() -> bool {
    let own = std::process::id().to_string();
    let is_it = |stat: &str| {
        let (name, rest) = stat.split_once(") ").unwrap_or_default();
        let mut fields = rest.split(' ');
        name.ends_with("(git") && fields.next() != Some("Z") && fields.next() == Some(&own)
    };
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    stats.any(|stat| is_it(&stat))
}

/// A runtime for one process. The unfinished work of its tasks ends with it, as by a kill.
fn life() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// The current time of a runtime that begins now.
pub(super) fn now() -> tokio::time::Instant {
    tokio::time::Instant::from_std(Instant::now())
}

/// Makes a commit and fetches it into the mirror of project 1.
async fn fetched(mirrors: &Mirrors) -> Sha {
    let github = GitHub::start().await.unwrap();
    github.add_user("anna", "Anna Orbit", "anna@example.com");
    github.add_repository(NewRepository::public("anna/hello")).unwrap();
    let commit = Commit::new("One").file("build.sh", "#!/bin/sh\necho out built\necho made > /out/thing\n");
    let sha = github.commit("anna/hello", "main", commit).await.unwrap().parse::<Sha>().unwrap();
    let wanted = Wanted {
        project: ProjectId(1),
        url: github.clone_url("anna/hello"),
        credentials: Credentials::Open,
        git_ref: GitRef::Branch("main".to_owned()),
        remote_ref: "refs/heads/main".to_owned(),
        sha: sha.clone(),
        default_branch: "main".to_owned(),
        since: Instant::now(),
    };
    let _all = mirrors.fetch(&wanted).await.unwrap();
    sha
}
