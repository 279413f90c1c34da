//! The coordinator's side of the runner's port: takes orders from the queue, and writes a runner's messages to the
//! database. A runner in this process calls it directly, a runner on another machine over the wire.

mod orders;
mod machine;
mod patient;
mod repository;
#[cfg(test)]
mod tests;

pub(crate) use orders::order;
pub(crate) use patient::Patient;
pub(crate) use repository::known as repository;

use crate::{
    Flow,
    dispatcher::Connection,
    images,
    publish::{self, Maker},
    ring,
};
use anyhow::{Context, Result};
use async_trait::async_trait;
use kozmic_edges::{
    broker::Topic,
    clock,
    store::{Among, IMAGES, Lane, Lease, NewCachedImage, Puller, RunnerReport},
};
use kozmic_model::{
    cache::{CacheInputs, CachedImage},
    git::GitRef,
    image::ImageName,
    job::{Attempt, Outcome},
    kernel_image::image_wish,
    phase::Phase,
    runner::{ClaimKey, Runner, RunnerRules},
    spec::Origin,
    status::Status,
};
use kozmic_runner::{
    coordinator::{
        Archive, Beginning, Complaint, Coordinator, GivenName, ImageChange, Leave, Published, Repository,
        Standing, State, Surplus,
    },
    order::Order,
};
use machine::Machine;
use std::{collections::BTreeSet, time::Duration};
use tokio::sync::mpsc;

/// Longest pause between two looks for a cancel request.
const LOOK: Duration = Duration::from_secs(5);

/// The coordinator of one runner, in the server's process.
pub(crate) struct Here {
    flow: Flow,
    /// The runner's name.
    runner: String,
    /// The connection of the runner of this process; none for others, whose connection is their line.
    connection: Option<Connection>,
    /// The machine of the runner of this process.
    machine: Machine,
}

impl Here {
    /// The coordinator of the runner of this process. The runner is connected as long as this lives.
    pub(crate) fn new(flow: &Flow) -> Self {
        let (name, slots) = (&flow.settings.runner, i32::try_from(flow.settings.slots).unwrap_or(i32::MAX));
        let rules = RunnerRules { labels: flow.settings.labels.clone(), ..RunnerRules::default() };
        let runner = Runner { slots, rules, ..Runner::new(name) };
        let connection = flow.dispatcher.connect(
            &flow.edges.broker,
            runner,
            BTreeSet::new(),
            flow.dispatcher.arrive(String::new()),
        );
        Self { flow: flow.clone(), runner: name.clone(), connection, machine: Machine::default() }
    }

    /// The coordinator of a runner on another machine.
    pub(crate) fn of(flow: &Flow, runner: &str) -> Self {
        Self { flow: flow.clone(), runner: runner.to_owned(), connection: None, machine: Machine::default() }
    }

    fn runner(&self) -> &str {
        &self.runner
    }

    fn puller<'a>(&'a self, order: &Order, image: &'a ImageName) -> Puller<'a> {
        Puller { runner: self.runner(), project: order.project, image }
    }

    fn change(&self, order: &Order) {
        ring::change(&self.flow.edges, order.project, order.attempt.job);
    }

    async fn note(&self, state: &State) -> Result<()> {
        let State { slots, busy, trouble } = state;
        let (slots, busy) = (i32::try_from(*slots)?, i32::try_from(*busy)?);
        let (name, trouble, seen_at) = (self.runner(), trouble.as_deref(), clock::now());
        let facts = self.machine.known();
        if let Some(connection) = &self.connection {
            connection.change(|runner| {
                (runner.slots, runner.busy, runner.trouble) = (slots, busy, trouble.map(str::to_owned));
                runner.facts = facts.clone().unwrap_or_else(|| runner.facts.clone());
            });
        }
        let report = RunnerReport { name, slots, busy, trouble, facts: facts.as_ref(), seen_at };
        let rules = RunnerRules { labels: self.flow.settings.labels.clone(), ..RunnerRules::default() };
        let noted = self.flow.edges.store.runners().note_runner(report, &rules).await?;
        if noted.is_news {
            self.flow.edges.broker.ring(Topic::Projects);
        }
        self.flow.dispatcher.drain(&self.flow.edges.broker, name, noted.is_draining);
        Ok(())
    }

    /// The job of an order as the store has it, with its build and project.
    async fn maker(&self, order: &Order) -> Result<Maker> {
        let store = &self.flow.edges.store;
        Ok(Maker {
            job: store.builds().job_by_id(order.attempt.job).await?.context("the job is gone")?,
            build: store.builds().build_by_id(order.build).await?.context("the build is gone")?,
            project: store.projects().project(order.project).await?.context("the project is gone")?,
        })
    }
}

#[async_trait]
impl Coordinator for Here {
    async fn held(&self) -> Result<Vec<Order>> {
        let held =
            self.flow.edges.store.queue().held_jobs(Lane::Containers, self.runner(), clock::now()).await?;
        let mut orders = Vec::with_capacity(held.len());
        for claimed in held {
            orders.push(order(&self.flow, claimed).await);
        }
        Ok(orders)
    }

    async fn claim(&self, key: &ClaimKey) -> Result<Option<Order>> {
        let Flow { dispatcher, edges, .. } = &self.flow;
        let now = clock::now();
        let lease = Lease { runner: self.runner(), until: self.flow.settings.lease(now), key: Some(key) };
        let choice = dispatcher.choice(&edges.store, self.runner()).await?;
        let among = choice.map_or(Among::Repeated, Among::Job);
        let claimed = edges.store.queue().claim_job(Lane::Containers, lease, among, now).await?;
        let Some(claimed) = claimed else { return Ok(None) };
        if dispatcher.note_built(self.runner(), claimed.project.id) && self.connection.is_none() {
            edges.store.runners().note_built(self.runner(), claimed.project.id, now).await?;
        }
        let order = order(&self.flow, claimed).await;
        self.change(&order);
        Ok(Some(order))
    }

    async fn woken(&self) {
        match &self.connection {
            Some(connection) => connection.woken().await,
            // The line of a runner on another machine wakes it.
            None => std::future::pending().await,
        }
    }

    async fn beat(&self, state: &State) -> Result<()> {
        let until = self.flow.settings.lease(clock::now());
        let kept = self.flow.edges.store.queue().renew_leases(&[self.runner()], until).await;
        self.machine.look(&self.flow, state.trouble.is_some()).await;
        kept.and(self.note(state).await)
    }

    async fn note_state(&self, state: &State) -> Result<()> {
        self.note(state).await
    }

    async fn standing(&self, attempt: Attempt) -> Result<Option<Standing>> {
        let job = self.flow.edges.store.builds().job_by_id(attempt.job).await?;
        let job = job.filter(|job| job.attempt == attempt.number && job.status == Status::Pending);
        Ok(job.map(|job| {
            let cancellation = job.cancellation();
            Standing { phases: job.phases, container: job.container, cancellation }
        }))
    }

    async fn note_phases(&self, order: &Order, phases: &[Phase]) -> Result<()> {
        self.flow.edges.store.queue().note_phases(order.attempt, phases).await?;
        self.change(order);
        Ok(())
    }

    async fn begin_script(&self, order: &Order, beginning: &Beginning<'_>) -> Result<bool> {
        let Beginning { container, cache_key, phases } = *beginning;
        let store = &self.flow.edges.store;
        let is_ours = store.queue().note_container(order.attempt, container, cache_key, phases).await?;
        self.change(order);
        Ok(is_ours)
    }

    async fn forget_container(&self, attempt: Attempt) -> Result<()> {
        self.flow.edges.store.queue().forget_container(attempt).await
    }

    async fn stopped(&self, attempt: Attempt) -> Outcome {
        let edges = &self.flow.edges;
        let mut bell = edges.broker.bell(Topic::Job(attempt.job));
        loop {
            match edges.store.builds().job_by_id(attempt.job).await {
                Ok(None) => return Outcome::Canceled("The job was deleted.".to_owned()),
                Ok(Some(job)) if job.attempt != attempt.number => {
                    return Outcome::Canceled("Another runner took the job over.".to_owned());
                }
                Ok(Some(job)) => {
                    if let Some(canceled) = job.cancellation() {
                        return canceled;
                    }
                }
                Err(fault) => {
                    tracing::warn!(error = format!("{fault:#}"), "cannot look for a cancel request");
                }
            }
            tokio::select! {
                () = bell.rung() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    fn log_grew(&self, order: &Order) {
        let broker = &self.flow.edges.broker;
        broker.ring(Topic::Log(order.attempt.job));
        if order.spec.origin.is_automatic() {
            broker.ring(Topic::Monitor);
        }
    }

    async fn give_back(&self, order: &Order) -> Result<()> {
        let is_given_back = self.flow.edges.store.queue().give_back(order.attempt, clock::now()).await?;
        if !is_given_back {
            tracing::warn!(job.id = order.attempt.job.0, "a job could not be given back");
        }
        self.flow.edges.broker.ring(Topic::Jobs);
        self.change(order);
        Ok(())
    }

    async fn end(&self, order: &Order, outcome: &Outcome) -> Result<()> {
        let ended = self.flow.edges.store.queue().finish_job(order.attempt, outcome, clock::now()).await?;
        if ended.is_none() {
            tracing::warn!(job.id = order.attempt.job.0, "a job ended that this attempt no longer holds");
        }
        // A job that was interrupted may wait again.
        self.flow.edges.broker.ring(Topic::Jobs);
        self.change(order);
        self.flow.edges.broker.ring(Topic::DeletedProjects);
        Ok(())
    }

    /// Removes surplus images. If something fails here, a later sweep removes them.
    async fn cleared(&self, _attempt: Attempt) {
        // A runner on another machine asks for surplus images itself.
        if self.connection.is_none() {
            return;
        }
        let Flow { edges, settings, .. } = &self.flow;
        if let Err(fault) = images::trim(&edges.store, &self.flow.shelf(), settings.cached_images).await {
            tracing::warn!(error = format!("{fault:#}"), "cached images could not be trimmed yet");
        }
        if let Err(fault) = images::remove_nameless(&self.flow).await {
            tracing::warn!(error = format!("{fault:#}"), "images without names could not be removed yet");
        }
    }

    async fn repository(&self, order: &Order, complaint: Option<Complaint>) -> Result<Repository> {
        repository::of(&self.flow, order.project, complaint).await
    }

    async fn use_image(&self, order: &Order, key: &str) -> Result<Option<CachedImage>> {
        let store = &self.flow.edges.store;
        store.images().use_cached_image(order.project, self.runner(), key, clock::now()).await
    }

    async fn leave(&self, order: &Order, image: &ImageName, id: &str) -> Result<Leave> {
        let store = &self.flow.edges.store;
        if store.images().is_kernel_image(self.runner(), id).await? {
            return Ok(Leave::Kept);
        }
        let may_use = store.images().may_use_image(self.puller(order, image)).await?;
        Ok(if may_use { Leave::Given } else { Leave::AtRegistry })
    }

    async fn kept_image(&self, name: &ImageName) -> Result<Option<String>> {
        self.flow.edges.store.images().kernel_image(self.runner(), name).await
    }

    async fn compare_inputs(&self, order: &Order, inputs: &CacheInputs) -> Result<Option<CacheInputs>> {
        let Origin::Hook(hook) = order.spec.origin else { return Ok(None) };
        let store = &self.flow.edges.store;
        let before = store.images().cache_inputs(hook).await?;
        let is_own = matches!(order.git_ref, GitRef::Branch(_));
        if is_own && before.as_ref() != Some(inputs) {
            store.images().note_cache_inputs(hook, inputs).await?;
        }
        Ok(before)
    }

    async fn note_image(&self, order: &Order, change: ImageChange<'_>) -> Result<()> {
        let store = &self.flow.edges.store;
        match change {
            ImageChange::Gone(known) => store.images().forget_cached_image(known).await,
            ImageChange::Kept { name, id } => {
                store.images().note_kernel_image(self.runner(), name, id, order.build).await
            }
            ImageChange::Pulling(image) => store.images().begin_pull(self.puller(order, image)).await,
            ImageChange::Pulled { name, has_login } => {
                store.images().end_pull(self.puller(order, name), has_login).await
            }
            ImageChange::NotPulled(image) => store.images().drop_pull(self.puller(order, image)).await,
            ImageChange::Made { key, size } => {
                let base = order.spec.task.image().map(ToString::to_string).unwrap_or_default();
                let (project, runner) = (order.project, self.runner());
                let new = NewCachedImage { project, runner, key, base: &base, size };
                store.images().add_cached_image(new, clock::now()).await
            }
        }
    }

    /// The server itself removes surplus images of the runner in its process.
    async fn surplus_images(&self, there: &[ImageName]) -> Result<Vec<Surplus>> {
        match &self.connection {
            Some(_) => Ok(Vec::new()),
            None => images::surplus(&self.flow, self.runner(), there).await,
        }
    }

    async fn note_removed(&self, image: &Surplus) -> Result<()> {
        images::note_removed(&self.flow.edges.store, self.runner(), image).await
    }

    async fn image_name(&self, order: &Order, plain: &ImageName) -> Result<GivenName> {
        let store = &self.flow.edges.store;
        let project = store.projects().project(order.project).await?.context("the project is gone")?;
        let wish = image_wish(&project.repository.full_name(), &order.git_ref, plain);
        let name = store.artifacts().give_name(IMAGES, &wish).await?;
        let name = name.with_context(|| format!("the name {} is another branch's", wish.suffixed))?;
        let name = name.parse::<ImageName>().with_context(|| format!("name an image {name}"))?;
        let has_newer = store.images().has_newer_image(self.runner(), &name, order.build).await?;
        Ok(GivenName { name, has_newer })
    }

    async fn publish(
        &self,
        order: &Order,
        archive: Archive,
        words: mpsc::Sender<String>,
    ) -> Result<Published> {
        let maker = patient::until_answered(|| self.maker(order)).await?;
        publish::artifact(&self.flow, maker, archive, words).await
    }
}
