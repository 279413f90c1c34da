//! People's decisions about runners: a runner is added, drained, and removed. Each decision is in the audit trail.

use super::{Runners, present};
use crate::store::{database::Transaction, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    ids::JobId,
    runner::RunnerRules,
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

/// A runner on another machine that is to be added.
#[derive(Clone, Copy, Debug)]
pub struct NewRunner<'a> {
    /// Its name, which no runner ever had.
    pub name: &'a str,
    /// The name for people.
    pub title: &'a str,
    /// The SHA-256 of its token, in hexadecimal digits.
    pub fingerprint: &'a str,
    /// The jobs that it may get.
    pub rules: &'a RunnerRules,
}

/// Outcome of a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The runner is removed. It held these jobs; each is another runner's from now on.
    Done(Vec<JobId>),
    /// The runner stays, because it holds this number of jobs.
    Holds(usize),
    /// There is no such runner.
    Unknown,
}

impl Runners<'_> {
    /// Adds a runner; false if another one has its title.
    ///
    /// # Errors
    /// The name or the fingerprint is another runner's, or the database does not answer; then nothing changed.
    pub async fn add(self, new: NewRunner<'_>, now: Timestamp) -> Result<bool> {
        self.db
            .change("a runner", move |tx| async move {
                let tx = &tx;
                let same = present().filter(rows::runner::Column::Title.eq(new.title));
                if same.one(tx).await.context("look for a runner's title")?.is_some() {
                    return Ok(false);
                }
                let row = rows::runner::ActiveModel {
                    name: Set(new.name.to_owned()),
                    slots: Set(0),
                    busy: Set(0),
                    trouble: Set(None),
                    seen_at: Set(0),
                    title: Set(new.title.to_owned()),
                    fingerprint: Set(Some(new.fingerprint.to_owned())),
                    rules: Set(Some(serde_json::to_string(new.rules)?)),
                    facts: Set(None),
                    is_draining: Set(false),
                    added_at: Set(Some(now.0)),
                    removed_at: Set(None),
                };
                rows::runner::Entity::insert(row).exec_without_returning(tx).await.context("add a runner")?;
                tx.note(Deed::new(Action::RunnerAdded, None, new.title)).await?;
                Ok(true)
            })
            .await
    }

    /// Has a runner take no more jobs, or take jobs again. False if nothing changed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_draining(self, name: &str, is_draining: bool) -> Result<bool> {
        self.db
            .change("a runner's drain", move |tx| async move {
                let tx = &tx;
                let known = present().filter(rows::runner::Column::Name.eq(name));
                let known = known.one(tx).await.context("find a runner to drain")?;
                let Some(known) = known.filter(|known| known.is_draining != is_draining) else {
                    return Ok(false);
                };
                let action = if is_draining { Action::RunnerDrained } else { Action::RunnerResumed };
                tx.note(Deed::new(action, None, &known.title)).await?;
                let row = rows::runner::ActiveModel {
                    name: Unchanged(known.name),
                    is_draining: Set(is_draining),
                    ..Default::default()
                };
                row.update(tx).await.context("drain a runner")?;
                Ok(true)
            })
            .await
    }

    /// Removes a runner: its token is refused from now on, and the images on its machine are forgotten. Earlier attempts
    /// still show its name. A runner that holds
    /// jobs is removed only if `is_forced`: its jobs are given to other runners, at once.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn remove(self, name: &str, is_forced: bool, now: Timestamp) -> Result<Removed> {
        self.db
            .change("a runner's removal", move |tx| async move {
                let tx = &tx;
                let known = present().filter(rows::runner::Column::Name.eq(name));
                let Some(known) = known.one(tx).await.context("find a runner to remove")? else {
                    return Ok(Removed::Unknown);
                };
                let held = jobs_of(tx, name).await?;
                if !held.is_empty() && !is_forced {
                    return Ok(Removed::Holds(held.len()));
                }
                tx.note(Deed::new(Action::RunnerRemoved, None, &known.title)).await?;
                let row = rows::runner::ActiveModel {
                    name: Unchanged(known.name),
                    removed_at: Set(Some(now.0)),
                    ..Default::default()
                };
                row.update(tx).await.context("remove a runner")?;
                end_leases(tx, name).await?;
                forget_machine(tx, name).await?;
                Ok(Removed::Done(held))
            })
            .await
    }
}

async fn jobs_of(tx: &Transaction, runner: &str) -> Result<Vec<JobId>> {
    let held = rows::job::Entity::find()
        .select_only()
        .column(rows::job::Column::Id)
        .filter(rows::job::Column::Status.eq(Status::Pending.word()))
        .filter(rows::job::Column::Runner.eq(runner))
        .order_by_asc(rows::job::Column::Id);
    let held = held.into_tuple::<i64>().all(tx).await.context("list a runner's jobs")?;
    Ok(held.into_iter().map(JobId).collect())
}

/// Ends a runner's leases: its attempts count as lost, and other runners get its jobs.
async fn end_leases(tx: &Transaction, runner: &str) -> Result<()> {
    rows::job::Entity::update_many()
        .col_expr(rows::job::Column::LeaseUntil, Expr::value(0))
        .filter(rows::job::Column::Status.eq(Status::Pending.word()))
        .filter(rows::job::Column::Runner.eq(runner))
        .exec(tx)
        .await
        .context("end a runner's leases")?;
    Ok(())
}

/// Forgets what a runner's machine has. Nobody can look after it any more.
async fn forget_machine(tx: &Transaction, runner: &str) -> Result<()> {
    macro_rules! forget {
        ($($table:ident),+) => {$(
            let of = rows::$table::Entity::delete_many().filter(rows::$table::Column::Runner.eq(runner));
            of.exec(tx).await.context("forget what a removed runner has")?;
        )+};
    }
    forget!(runner_project, cached_image, kernel_image, pull);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Among, Lane, Lease, NewCachedImage, RunnerReport, Store,
        tests::{LATER, NOW, Stage},
    };
    use kozmic_model::{
        audit::Actor,
        runner::{Forks, Runner, RunnerFacts},
    };

    const NAME: &str = "0a1b2c3d4e5f";

    fn rules() -> RunnerRules {
        let (labels, projects) = ("gpu".parse().unwrap(), "anna/*".parse().unwrap());
        RunnerRules { labels, projects, forks: Forks::No }
    }

    async fn add(store: &Store, name: &str, title: &str) -> bool {
        let (fingerprint, rules) = (format!("{name}{name}"), rules());
        let new = NewRunner { name, title, fingerprint: &fingerprint, rules: &rules };
        store.runners().add(new, NOW).await.unwrap()
    }

    fn report(name: &str) -> RunnerReport<'_> {
        RunnerReport { name, slots: 4, busy: 1, trouble: None, facts: None, seen_at: NOW }
    }

    async fn names(store: &Store) -> Vec<String> {
        store.runners().runners().await.unwrap().into_iter().map(|runner| runner.name).collect()
    }

    #[tokio::test]
    async fn a_runner_is_known_by_its_token_from_when_it_is_added_until_it_is_removed() {
        let Stage { store, .. } = &Stage::new().await;
        let runners = store.runners();
        assert!(runners.note_runner(report("here"), &rules()).await.unwrap().is_news, "it is new");
        let own = RunnerRules { projects: Default::default(), ..rules() };
        assert!(!runners.note_runner(report("here"), &own).await.unwrap().is_news);
        let known = runners.runner("here").await.unwrap().unwrap();
        assert_eq!((known.title.as_str(), known.rules, known.is_remote), ("this server", own, false));
        assert!(add(store, NAME, "big").await && !add(store, "other", "big").await);
        let known = runners.runner_by_fingerprint(&NAME.repeat(2)).await.unwrap().unwrap();
        let new = Runner { title: "big".into(), rules: rules(), is_remote: true, ..Runner::new(NAME) };
        assert_eq!(known, new);
        let facts = RunnerFacts { architecture: Some("arm64".into()), ..RunnerFacts::default() };
        let trouble = Some("No engine.");
        let told = RunnerReport { trouble, facts: Some(&facts), ..report(NAME) };
        assert!(runners.note_report(told).await.unwrap() && !runners.note_report(told).await.unwrap());
        runners.note_seen(&[NAME, "here"], LATER).await.unwrap();
        let known = runners.runner(NAME).await.unwrap().unwrap();
        assert_eq!((known.slots, known.seen_at, &known.facts), (4, LATER, &facts));
        assert_eq!(known.labels().to_string(), "arm64,gpu");
        assert!(runners.note_report(report(NAME)).await.unwrap());
        assert_eq!(runners.runner(NAME).await.unwrap().unwrap().facts, facts);
        assert_eq!(names(store).await, ["here", NAME]);
        assert_eq!(runners.remove(NAME, false, NOW).await.unwrap(), Removed::Done(Vec::new()));
        assert_eq!(runners.remove(NAME, false, NOW).await.unwrap(), Removed::Unknown);
        assert_eq!(runners.runner_by_fingerprint(&NAME.repeat(2)).await.unwrap(), None);
        assert_eq!(names(store).await, ["here"]);
        assert!(add(store, "other", "big").await, "the title is free again");
    }

    #[tokio::test]
    async fn decisions_about_runners_are_in_the_audit_trail() {
        let stage = Stage::new().await;
        let store = stage.store.acting(Actor::Operator);
        add(&store, NAME, "big").await;
        for is_draining in [true, true, false] {
            store.runners().set_draining(NAME, is_draining).await.unwrap();
        }
        assert!(!store.runners().set_draining("nobody", true).await.unwrap());
        store.runners().remove(NAME, false, NOW).await.unwrap();
        let asked = crate::store::PageAsked { number: 1, size: 4 };
        let trail = store.audit().audit(None, asked).await.unwrap().items;
        let deeds =
            trail.into_iter().map(|entry| (entry.deed.action, entry.deed.subject)).collect::<Vec<_>>();
        let actions =
            [Action::RunnerRemoved, Action::RunnerResumed, Action::RunnerDrained, Action::RunnerAdded];
        assert_eq!(deeds, actions.map(|action| (action, "big".to_owned())));
    }

    #[tokio::test]
    async fn the_machine_of_a_removed_runner_is_forgotten_and_no_other() {
        let stage = Stage::new().await;
        let store = &stage.store;
        for runner in [NAME, "other"] {
            add(store, runner, runner).await;
            store.runners().note_built(runner, stage.project, NOW).await.unwrap();
            let (key, base) = ("0123", "debian:bookworm");
            let new = NewCachedImage { project: stage.project, runner, key, base, size: 1 };
            store.images().add_cached_image(new, NOW).await.unwrap();
        }
        assert_eq!(store.runners().remove(NAME, false, NOW).await.unwrap(), Removed::Done(Vec::new()));
        assert!(store.runners().built_by(NAME).await.unwrap().is_empty());
        assert_eq!(store.runners().built_by("other").await.unwrap().len(), 1);
        let images = store.images().cached_images(stage.project).await.unwrap();
        assert_eq!(images.into_iter().map(|image| image.runner).collect::<Vec<_>>(), ["other"]);
    }

    #[tokio::test]
    async fn the_jobs_of_a_runner_that_is_removed_by_force_are_others_at_once() {
        let stage = Stage::new().await;
        let store = &stage.store;
        add(store, NAME, "big").await;
        stage.push('a').await;
        let lease = |runner| Lease { runner, until: LATER, key: None };
        let claim = async |runner, now| {
            store.queue().claim_job(Lane::Containers, lease(runner), Among::All, now).await.unwrap()
        };
        let held = claim(NAME, NOW).await.unwrap().job;
        assert_eq!(store.runners().remove(NAME, false, NOW).await.unwrap(), Removed::Holds(1));
        assert!(claim("here", NOW).await.is_none());
        assert_eq!(store.runners().remove(NAME, true, NOW).await.unwrap(), Removed::Done(vec![held.id]));
        store.queue().renew_leases(&[NAME], LATER).await.unwrap();
        assert_eq!(store.queue().end_lapsed(&Default::default(), NOW).await.unwrap(), [held.id]);
        let again = claim("here", NOW).await.unwrap().job;
        assert_eq!((again.id, again.attempt, again.interruptions), (held.id, 2, 1));
    }
}
