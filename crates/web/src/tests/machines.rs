//! Runners and their jobs, for tests of pages and of the API.

use super::trial::Trial;
use kozmic_edges::{
    clock,
    store::{Among, Heard, Lane, Lease, NewRunner, ProjectChange, RunnerReport},
};
use kozmic_model::{
    event::{Author, Change, Trigger},
    git::{GitRef, Sha},
    ids::{JobId, ProjectId},
    runner::{Forks, RunnerFacts, RunnerRules},
    spec::JobSpec,
    status::Status,
};
use std::time::Duration;

/// The name of a runner on another machine.
pub(crate) const BIG: &str = "0a1b2c3d4e5f";

/// Text that does harm on a page that shows it as it is.
pub(crate) const HOSTILE: &str = "</li><script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

impl Trial {
    /// Adds a runner for one secret project, without the rules of titles that people have to keep.
    pub(crate) async fn add_runner(&self, title: &str) {
        let (labels, projects) = ("gpu".parse().unwrap(), "secret/project".parse().unwrap());
        let rules = RunnerRules { labels, projects, forks: Forks::Only };
        let new = NewRunner { name: BIG, title, fingerprint: "fingerprint", rules: &rules };
        assert!(self.edges.store.runners().add(new, clock::now()).await.unwrap());
    }

    /// Lets that runner report facts and trouble.
    pub(crate) async fn report(&self, facts: &RunnerFacts, trouble: Option<&str>) {
        let (facts, seen_at) = (Some(facts), clock::now());
        let report = RunnerReport { name: BIG, slots: 4, busy: 0, trouble, facts, seen_at };
        self.edges.store.runners().note_report(report).await.unwrap();
    }

    /// Enqueues a job of a project, and gives it to that runner.
    pub(crate) async fn give_job(&self, project: ProjectId, title: &str) -> JobId {
        let spec = JobSpec { title: title.into(), ..crate::pages::samples::job(Status::Enqueued).spec };
        let (change, now) = (change(), clock::now());
        let planned = ProjectChange { project, change: &change };
        let queue = self.edges.store.queue();
        let planned = queue.enqueue_planned(Heard::Answer, planned, &[spec], now).await.unwrap();
        let lease = Lease { runner: BIG, until: now.after(Duration::from_secs(600)), key: None };
        let among = Among::Job(planned.jobs[0]);
        queue.claim_job(Lane::Containers, lease, among, now).await.unwrap().unwrap().job.id
    }
}

/// All facts that a runner may report, in its own words.
pub(crate) fn facts(text: &str) -> RunnerFacts {
    RunnerFacts {
        architecture: Some(text.to_owned()),
        engine: Some(text.to_owned()),
        version: Some(text.to_owned()),
        disk_free: Some(12_340_000_000),
        disk_total: Some(40_000_000_000),
    }
}

fn change() -> Change {
    let sha = "a".repeat(40).parse::<Sha>().unwrap();
    Change {
        git_ref: GitRef::Branch("main".into()),
        before: None,
        after: sha.clone(),
        sha,
        pushed_at: None,
        trigger: Trigger::Push,
        message: Some("Begin".into()),
        author: Author::default(),
        skip_texts: Vec::new(),
        commits: Vec::new(),
        pull: None,
        pusher: None,
        is_held: false,
    }
}
