//! A coordinator for tests: it gives the orders of a test, and stores the runner's reports.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "it is for tests, and panics")]

mod claims;

use crate::{
    coordinator::{
        AnswerLost, Archive, Beginning, Complaint, Coordinator, GivenName, ImageChange, Leave, Published,
        Repository, Standing, State, Surplus,
    },
    order::{Limits, Order},
};
use anyhow::Result;
use async_trait::async_trait;
use futures_util::TryStreamExt;
use kozmic_edges::git::Credentials;
use kozmic_model::{
    cache::{CacheInputs, CachedImage},
    ids::{CachedImageId, JobId, ProjectId},
    image::ImageName,
    job::{Attempt, Outcome},
    phase::Phase,
    runner::ClaimKey,
    time::Timestamp,
};
use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    sync::{Mutex, MutexGuard},
};
use tokio::sync::{mpsc, watch};

/// The side of a call at which a test blocks it for ever; meanwhile the runner's process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nothing was stored yet.
    Question,
    /// The call was stored, but the answer never comes.
    Answer,
}

/// An attempt that a runner holds.
struct Held {
    order: Order,
    container: Option<String>,
    cancellation: Option<Outcome>,
}

/// Everything that a ledger knows.
#[derive(Default)]
pub struct Notes {
    waiting: VecDeque<Order>,
    /// The attempts that claims gave, by the claims' keys.
    claims: BTreeMap<ClaimKey, Attempt>,
    held: BTreeMap<JobId, Held>,
    inputs: Option<CacheInputs>,
    stop_at: Option<(usize, Side)>,
    /// The reported reasons why no job is taken.
    pub troubles: Vec<String>,
    /// The names of all calls about attempts.
    pub calls: Vec<&'static str>,
    /// The attempts that ended, with their outcomes.
    pub ended: Vec<(Attempt, Outcome)>,
    /// Sizes of cached images, by their keys.
    pub images: BTreeMap<String, i64>,
    /// Ids of images that containers were kept as, by their names.
    pub kept: BTreeMap<String, String>,
    /// Pulls, by repository and project: true with a login, false without, none while the pull is running.
    pub pulls: BTreeMap<(String, ProjectId), Option<bool>>,
    /// Images that nobody needs any more.
    pub surplus: Vec<Surplus>,
    /// True if an image of a newer push has the name that a job's container gets.
    pub has_newer: bool,
    /// Answers about the repository; the last one repeats. Empty: an address at which no server is.
    pub repositories: VecDeque<Repository>,
    /// The complaints of the requests for the repository.
    pub complaints: Vec<Option<Complaint>>,
    /// The archives that were published.
    pub published: Vec<Vec<u8>>,
    /// The number of artifacts whose results are lost on their way to the runner.
    pub lost_results: usize,
    /// The refusal of the next artifact; none: it is accepted.
    pub refusal: Option<String>,
    /// The number of times that the list of held jobs fails.
    pub silences: usize,
    /// The number of claims whose answers are lost.
    pub lost_claims: usize,
    /// The attempts that were given back.
    pub given_back: Vec<Attempt>,
    /// True if each script that is about to begin gets the answer no.
    pub has_lost: bool,
}

/// A coordinator in memory.
#[derive(Default)]
pub struct Ledger {
    notes: Mutex<Notes>,
    changed: watch::Sender<()>,
}

impl Ledger {
    /// Everything that it knows.
    ///
    /// # Panics
    /// A test panicked meanwhile.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    fn change<T>(&self, act: impl FnOnce(&mut Notes) -> T) -> T {
        let done = act(&mut self.notes());
        self.changed.send_replace(());
        done
    }

    /// Enqueues a job for a runner.
    pub fn give(&self, order: Order) {
        self.change(|notes| notes.waiting.push_back(order));
    }

    /// Cancels a job as a person does.
    pub fn cancel(&self, job: i64, why: &str) {
        let canceled = Some(Outcome::Canceled(why.to_owned()));
        self.change(|notes| notes.held.get_mut(&JobId(job)).expect("it runs").cancellation = canceled);
    }

    /// Takes back that a job is canceled.
    pub fn forgive(&self, job: i64) {
        self.change(|notes| notes.held.get_mut(&JobId(job)).expect("it is held").cancellation = None);
    }

    /// Changes the limits of a job that is held.
    pub fn change_limits(&self, job: i64, limits: Limits) {
        self.change(|notes| notes.held.get_mut(&JobId(job)).expect("it is held").order.limits = limits);
    }

    /// Blocks the runner for ever in one of its calls, counted from 0.
    pub fn stop_at(&self, call: usize, side: Side) {
        self.notes().stop_at = Some((call, side));
    }

    /// Waits until a condition holds.
    pub async fn when<T>(&self, mut is_so: impl FnMut(&Notes) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = is_so(&self.notes()) {
                return found;
            }
            changed.changed().await.expect("the sender is here");
        }
    }

    /// Waits until the runner has reached the call at which it blocks.
    pub async fn stopped_there(&self) {
        self.when(|notes| notes.stop_at.is_none().then_some(())).await;
    }

    /// Waits until a job's attempt has ended.
    pub async fn end_of(&self, job: i64) -> Outcome {
        let is_it = |(attempt, _): &&(Attempt, Outcome)| attempt.job.0 == job;
        self.when(|notes| notes.ended.iter().find(is_it).map(|(_, outcome)| outcome.clone())).await
    }

    /// Records a call, and applies it.
    async fn call<T>(&self, name: &'static str, act: impl FnOnce(&mut Notes) -> T) -> Result<T> {
        let stop = self.change(|notes| {
            let number = notes.calls.len();
            notes.calls.push(name);
            notes.stop_at.take_if(|(call, _)| *call == number).map(|(_, side)| side)
        });
        if stop == Some(Side::Question) {
            return pending().await;
        }
        let done = self.change(act);
        if stop == Some(Side::Answer) {
            return pending().await;
        }
        Ok(done)
    }
}

#[async_trait]
impl Coordinator for Ledger {
    async fn held(&self) -> Result<Vec<Order>> {
        let mut notes = self.notes();
        if let Some(rest) = notes.silences.checked_sub(1) {
            notes.silences = rest;
            anyhow::bail!("the database is locked");
        }
        Ok(notes.held.values().map(|held| held.order.clone()).collect())
    }

    async fn claim(&self, key: &ClaimKey) -> Result<Option<Order>> {
        let order = self.call("claim", |notes| notes.claim(key)).await?;
        let is_lost = self.change(|notes| {
            let is_lost = notes.lost_claims > 0;
            notes.lost_claims = notes.lost_claims.saturating_sub(1);
            is_lost
        });
        anyhow::ensure!(!is_lost, "the answer was lost");
        Ok(order)
    }

    async fn woken(&self) {
        self.when(|notes| (!notes.waiting.is_empty()).then_some(())).await;
    }

    async fn beat(&self, _state: &State) -> Result<()> {
        Ok(())
    }

    async fn note_state(&self, state: &State) -> Result<()> {
        self.change(|notes| notes.troubles.extend(state.trouble.clone()));
        Ok(())
    }

    async fn standing(&self, attempt: Attempt) -> Result<Option<Standing>> {
        self.call("standing", |notes| {
            let held = notes.of(attempt)?;
            let (phases, container) = (held.order.phases.clone(), held.container.clone());
            Some(Standing { phases, container, cancellation: held.cancellation.clone() })
        })
        .await
    }

    async fn note_phases(&self, order: &Order, phases: &[Phase]) -> Result<()> {
        self.call("note_phases", |notes| {
            if let Some(held) = notes.of(order.attempt) {
                held.order.phases = phases.to_vec();
            }
        })
        .await
    }

    async fn begin_script(&self, order: &Order, beginning: &Beginning<'_>) -> Result<bool> {
        self.call("begin_script", |notes| {
            let has_lost = notes.has_lost;
            let Some(held) = notes.of(order.attempt).filter(|_| !has_lost) else {
                return false;
            };
            held.container = Some(beginning.container.to_owned());
            held.order.cache_key = beginning.cache_key.map(str::to_owned);
            held.order.phases = beginning.phases.to_vec();
            true
        })
        .await
    }

    async fn forget_container(&self, attempt: Attempt) -> Result<()> {
        self.call("forget_container", |notes| {
            if let Some(held) = notes.of(attempt) {
                (held.container, held.order.cache_key) = (None, None);
            }
        })
        .await
    }

    async fn stopped(&self, attempt: Attempt) -> Outcome {
        self.when(|notes| notes.held.get(&attempt.job)?.cancellation.clone()).await
    }

    fn log_grew(&self, _order: &Order) {}

    async fn give_back(&self, order: &Order) -> Result<()> {
        self.call("give_back", |notes| notes.give_back(order.attempt)).await
    }

    async fn end(&self, order: &Order, outcome: &Outcome) -> Result<()> {
        self.call("end", |notes| {
            if notes.of(order.attempt).is_some() {
                notes.held.remove(&order.attempt.job);
                notes.ended.push((order.attempt, outcome.clone()));
            }
        })
        .await
    }

    async fn cleared(&self, _attempt: Attempt) {
        let _ = self.call("cleared", |_| {}).await;
    }

    async fn repository(&self, _order: &Order, complaint: Option<Complaint>) -> Result<Repository> {
        self.call("repository", |notes| {
            notes.complaints.push(complaint);
            match notes.repositories.len() {
                0 => nobody(),
                1 => notes.repositories[0].clone(),
                _ => notes.repositories.pop_front().expect("there are two"),
            }
        })
        .await
    }

    async fn use_image(&self, order: &Order, key: &str) -> Result<Option<CachedImage>> {
        self.call("use_image", |notes| notes.images.get(key).map(|size| cached(order, key, *size))).await
    }

    async fn leave(&self, order: &Order, image: &ImageName, id: &str) -> Result<Leave> {
        self.call("leave", |notes| {
            let own = puller(order, image);
            let mut of_repository = notes.pulls.iter().filter(|((repository, _), _)| *repository == own.0);
            let has_pulled = notes.pulls.get(&own).is_some_and(Option::is_some);
            match has_pulled || of_repository.all(|(_, known)| *known == Some(false)) {
                _ if notes.kept.values().any(|kept| kept == id) => Leave::Kept,
                true => Leave::Given,
                false => Leave::AtRegistry,
            }
        })
        .await
    }

    async fn kept_image(&self, name: &ImageName) -> Result<Option<String>> {
        self.call("kept_image", |notes| notes.kept.get(&name.to_string()).cloned()).await
    }

    async fn compare_inputs(&self, _order: &Order, inputs: &CacheInputs) -> Result<Option<CacheInputs>> {
        self.call("compare_inputs", |notes| notes.inputs.replace(inputs.clone())).await
    }

    async fn note_image(&self, order: &Order, change: ImageChange<'_>) -> Result<()> {
        self.call("note_image", |notes| match change {
            ImageChange::Made { key, size } => drop(notes.images.insert(key.to_owned(), size)),
            ImageChange::Gone(known) => drop(notes.images.remove(&known.key)),
            ImageChange::Kept { name, id } => drop(notes.kept.insert(name.to_string(), id.to_owned())),
            ImageChange::Pulling(name) => {
                notes.pulls.entry(puller(order, name)).or_default();
            }
            ImageChange::Pulled { name, has_login } => {
                let known = notes.pulls.entry(puller(order, name)).or_default();
                *known = Some(has_login || *known == Some(true));
            }
            ImageChange::NotPulled(name) => {
                notes.pulls.retain(|key, known| *key != puller(order, name) || known.is_some())
            }
        })
        .await
    }

    async fn surplus_images(&self, there: &[ImageName]) -> Result<Vec<Surplus>> {
        let notes = self.notes();
        let of_test = notes.surplus.iter().filter(|image| match image {
            Surplus::Named(name) => there.contains(name),
            Surplus::Nameless(_) => true,
        });
        Ok(of_test.cloned().collect())
    }

    async fn note_removed(&self, image: &Surplus) -> Result<()> {
        self.change(|notes| notes.surplus.retain(|known| known != image));
        Ok(())
    }

    async fn image_name(&self, _order: &Order, plain: &ImageName) -> Result<GivenName> {
        let given = |notes: &mut Notes| GivenName { name: plain.clone(), has_newer: notes.has_newer };
        self.call("image_name", given).await
    }

    async fn publish(
        &self,
        _order: &Order,
        archive: Archive,
        words: mpsc::Sender<String>,
    ) -> Result<Published> {
        let bytes = archive.try_collect::<Vec<_>>().await?.concat();
        words.send("It is on its way.".to_owned()).await?;
        let publish = |notes: &mut Notes| match notes.refusal.take() {
            Some(why) => Published::Refused(why),
            None => {
                notes.published.push(bytes);
                Published::As("thing-1".to_owned())
            }
        };
        let published = self.call("publish", publish).await?;
        let mut notes = self.notes();
        let is_lost = notes.lost_results > 0;
        notes.lost_results = notes.lost_results.saturating_sub(1);
        if is_lost { Err(AnswerLost.into()) } else { Ok(published) }
    }
}

fn cached(order: &Order, key: &str, size: i64) -> CachedImage {
    let at = Timestamp(0);
    let (runner, base) = ("runner".to_owned(), "debian".to_owned());
    let (id, project, key) = (CachedImageId(1), order.project, key.to_owned());
    CachedImage { id, project, runner, key, base, size, created_at: at, used_at: at }
}

/// A repository at an address at which no server is.
fn nobody() -> Repository {
    let url = "http://127.0.0.1:9/nobody.git".to_owned();
    Repository { url, credentials: Credentials::Open, default_branch: "main".to_owned() }
}

fn puller(order: &Order, image: &ImageName) -> (String, ProjectId) {
    (image.listed_repository().to_owned(), order.project)
}
