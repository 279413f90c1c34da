//! Helpers for tests: pushes as deliveries tell them, with the commit before and the time, and the end of the jobs that
//! they cause.

use super::{HERE, NOW, Stage, change, hook_settings, repository};
use crate::store::{Among, ClaimedJob, Enqueued, Heard, Lane, ProjectChange, rows};
use kozmic_model::{
    artifact::Format,
    event::{Change, Gone},
    git::{GitRef, RefAt, Sha},
    hook::HookSettings,
    ids::{DeliveryId, JobId, ProjectId, RepositoryId},
    interruption::IfInterrupted,
    job::Outcome,
    project::Repository,
    recipe::BuildScript,
    time::Timestamp,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use std::collections::BTreeSet;

impl Stage {
    /// Tells the hook about a push to main; zeros mean no commit.
    pub(in crate::store) async fn told(
        &self,
        uuid: &str,
        (before, after): (char, char),
        second: i64,
    ) -> Enqueued {
        let before = Some(change(before).sha);
        let delivery = self.delivered(uuid).await;
        let pushed_at = Some(Timestamp(second * 1_000));
        self.enqueue_heard(delivery, Change { before, pushed_at, ..change(after) }).await
    }

    /// Tells the hook that main was deleted.
    pub(in crate::store) async fn gone(&self, uuid: &str, before: char, second: i64) {
        self.gone_on("main", uuid, (before, second)).await;
    }

    /// Tells the hook that a branch was deleted.
    pub(in crate::store) async fn gone_on(&self, branch: &str, uuid: &str, (before, second): (char, i64)) {
        let delivery = self.delivered(uuid).await;
        let git_ref = GitRef::Branch(branch.into());
        let (before, after, at) =
            (Some(change(before).sha), change('0').sha, Some(Timestamp(second * 1_000)));
        let gone = Gone { git_ref, before, after, at, why: "it was deleted".into() };
        self.store.queue().note_gone(delivery, self.project, &gone, NOW).await.unwrap();
    }

    /// Enqueues a commit on a branch of its own, for a runner with these labels.
    pub(in crate::store) async fn labeled(&self, number: u32, labels: &str) -> JobId {
        let sha = format!("{number:040x}").parse::<Sha>().unwrap();
        let git_ref = GitRef::Branch(format!("b{number}"));
        let delivery = self.delivered(&format!("labeled-{number}")).await;
        let change = Change { git_ref, after: sha.clone(), sha, ..change('a') };
        let settings = HookSettings { labels: labels.parse().unwrap(), ..hook_settings() };
        let enqueued = self.try_enqueue_as(settings, delivery, change).await.unwrap();
        let Enqueued::Job(_, job) = enqueued else { panic!("a job") };
        job
    }

    /// Claims the next job.
    pub(in crate::store) async fn claim(&self) -> ClaimedJob {
        self.store.queue().claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap().unwrap()
    }

    /// The digit of the newest build's commit.
    pub(in crate::store) async fn latest(&self) -> char {
        let latest = self
            .store
            .builds()
            .latest_build(self.project, Some(&GitRef::Branch("main".into())))
            .await
            .unwrap();
        latest.unwrap().sha.as_str().chars().next().unwrap()
    }

    /// Ends all waiting jobs. A job whose commit has one of these digits fails.
    pub(in crate::store) async fn run_all(&self, bad: &str) {
        while let Some(claimed) =
            self.store.queue().claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap()
        {
            let code = i64::from(bad.contains(&claimed.build.sha.as_str()[..1]));
            let outcome = Outcome::Returned(code);
            self.store.queue().finish_job(claimed.job.attempt(), &outcome, NOW).await.unwrap().unwrap();
        }
    }

    /// A project of another repository.
    pub(in crate::store) async fn other_project(&self) -> ProjectId {
        let other = Repository { id: RepositoryId(6), name: "other".into(), ..repository() };
        self.may_administer(&other).await;
        self.store.projects().add_project(self.user, other.id, NOW).await.unwrap().id
    }

    /// The number of the event's delivery, which is stored if it was not before.
    pub(super) async fn delivered(&self, uuid: &str) -> DeliveryId {
        self.deliver(uuid).await;
        let row = rows::delivery::Entity::find().filter(rows::delivery::Column::Uuid.eq(uuid));
        DeliveryId(row.one(&self.store.db.reader).await.unwrap().unwrap().id)
    }

    /// Plans a recipe's job of a commit on main that was pushed at a time; gives the jobs that are enqueued.
    pub(in crate::store) async fn plan(&self, digit: char, pushed_at: Timestamp) -> Vec<JobId> {
        self.plan_in(self.project, digit, pushed_at).await
    }

    /// Plans the same in a project.
    pub(in crate::store) async fn plan_in(
        &self,
        project: ProjectId,
        digit: char,
        pushed_at: Timestamp,
    ) -> Vec<JobId> {
        self.plan_heard(project, (digit, pushed_at), &["build.sh"], NOW).await
    }

    /// Plans jobs of these scripts, for a push that becomes known at a time.
    pub(in crate::store) async fn plan_heard(
        &self,
        project: ProjectId,
        (digit, pushed_at): (char, Timestamp),
        scripts: &[&str],
        now: Timestamp,
    ) -> Vec<JobId> {
        let before = Some(change('9').sha);
        let change = Change { before, pushed_at: Some(pushed_at), ..change(digit) };
        let at = RefAt { git_ref: &change.git_ref, sha: &change.sha };
        let specs = scripts.iter().map(|path| script(path).job("anna/hello", at, &BTreeSet::new()));
        let specs = specs.collect::<Vec<_>>();
        let heard = Heard::Delivery(self.delivered(&format!("{digit}-{}", pushed_at.0)).await);
        let change = ProjectChange { project, change: &change };
        let planned = self.store.queue().enqueue_planned(heard, change, &specs, now).await;
        planned.unwrap().jobs
    }
}

fn script(path: &str) -> BuildScript {
    BuildScript {
        path: path.into(),
        archives: "/tmp/archives".into(),
        artifact: "result.tar.gz".into(),
        image: "debian".parse().unwrap(),
        tag: None,
        format: Format::Flist,
        if_interrupted: IfInterrupted::default(),
        labels: kozmic_model::label::Labels::default(),
    }
}
