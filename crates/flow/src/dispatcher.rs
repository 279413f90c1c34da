//! The dispatcher: chooses a runner for each waiting job. The chosen runner is woken, and claims the job itself. So a
//! choice that turns out wrong costs a wake-up, and no job.

mod connected;

use crate::Flow;
use anyhow::Result;
use connected::{Connected, PATIENCE};
use kozmic_edges::{
    broker::{Broker, Topic},
    store::Store,
};
use kozmic_model::{
    ids::{JobId, ProjectId},
    placement::{FreeRunner, WaitingJob, place},
    runner::{Runner, RunnerFacts},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// The number of waiting jobs that are read at once.
const PAGE: u64 = 500;

/// The most pages of waiting jobs that are looked at for one choice.
const PAGES: usize = 40;

/// The time without a ring after which the dispatcher looks for waiting jobs all the same.
const LOOK: Duration = Duration::from_secs(5);

/// The runners that are connected to this server; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Dispatcher {
    connected: Arc<Mutex<HashMap<String, Connected>>>,
    /// The number of the newest connection of each runner that ever was connected.
    newest: Arc<Mutex<HashMap<String, u64>>>,
    numbers: Arc<AtomicU64>,
}

/// A process of a runner that wants to connect.
pub(crate) struct Arrival {
    /// Its place in the order in which processes came.
    number: u64,
    /// A random word of the process; empty: unknown.
    process: String,
}

/// A decision of people about a connected runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It takes no more jobs, or takes jobs.
    Draining(bool),
    /// It was removed, or a newer connection took the place of this one.
    Removed,
}

/// A runner's connection. The runner counts as connected until this is dropped.
pub(crate) struct Connection {
    dispatcher: Dispatcher,
    broker: Broker,
    name: String,
    number: u64,
    bell: Arc<Notify>,
}

impl Dispatcher {
    /// Notes that a process of a runner came. It may take long until it can be connected.
    pub(crate) fn arrive(&self, process: String) -> Arrival {
        // The first number is 1.
        Arrival { number: self.numbers.fetch_add(1, Ordering::Relaxed) + 1, process }
    }

    /// Connects a runner's process, with the projects that the runner built. None if a later one came first, or another
    /// one is connected and is heard of.
    pub(crate) fn connect(
        &self,
        broker: &Broker,
        runner: Runner,
        built: BTreeSet<ProjectId>,
        arrival: Arrival,
    ) -> Option<Connection> {
        let Arrival { number, process } = arrival;
        let name = runner.name.clone();
        let connected = Connected::new(number, runner, built, process);
        let bell = Arc::clone(&connected.bell);
        if let Some(before) = self.enter(&name, connected)? {
            // Its line hears that its place was taken.
            before.bell.notify_one();
        }
        broker.ring(Topic::Jobs);
        Some(Connection { dispatcher: self.clone(), broker: broker.clone(), name, number, bell })
    }

    /// Puts a connection in the place of the one before. None if the one that is there came later or is another process.
    fn enter(&self, name: &str, connected: Connected) -> Option<Option<Connected>> {
        let mut lock = self.lock();
        if lock.get_mut(name).is_some_and(|before| before.refuses(&connected.process)) {
            return None;
        }
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.get(name).is_some_and(|newest| *newest > connected.number) {
            return None;
        }
        newest.insert(name.to_owned(), connected.number);
        Some(lock.insert(name.to_owned(), connected))
    }

    /// The number of a runner's newest connection; 0: it was not connected yet.
    pub(crate) fn newest(&self, name: &str) -> u64 {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.get(name).copied().unwrap_or_default()
    }

    /// The names of all connected runners, with the one of this process.
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// True if a runner is connected.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    /// The names of the connected runners on other machines.
    pub(crate) fn remote(&self) -> Vec<String> {
        let lock = self.lock();
        lock.values().filter(|it| it.runner.is_remote).map(|it| it.runner.name.clone()).collect()
    }

    /// True if another process of a runner is connected and is heard of.
    pub(crate) fn refuses(&self, name: &str, arrival: &Arrival) -> bool {
        self.lock().get_mut(name).is_some_and(|connected| connected.refuses(&arrival.process))
    }

    /// True if a runner on another machine is connected.
    pub(crate) fn has_remote(&self) -> bool {
        self.lock().values().any(|connected| connected.runner.is_remote)
    }

    /// The names of the connected runners on other machines that gave a sign of life within this time.
    pub(crate) fn heard_within(&self, time: Duration) -> Vec<String> {
        let lock = self.lock();
        let heard = lock.values().filter(|it| it.runner.is_remote && it.heard.elapsed() <= time);
        heard.map(|it| it.runner.name.clone()).collect()
    }

    /// Follows people's decision that a runner takes no more jobs, or takes jobs again.
    pub(crate) fn drain(&self, broker: &Broker, name: &str, is_draining: bool) {
        let has_changed = self
            .lock()
            .get_mut(name)
            .is_none_or(|connected| connected.change(|runner| runner.is_draining = is_draining));
        if has_changed {
            broker.ring(Topic::Jobs);
        }
    }

    /// Follows people's decisions about a connected runner. `known` is the runner as the store has it; none: it was
    /// removed.
    pub(crate) fn decide(&self, broker: &Broker, name: &str, known: Option<&Runner>) {
        let mut lock = self.lock();
        let Some(connected) = lock.get_mut(name) else { return };
        let Some(known) = known else {
            let bell = Arc::clone(&connected.bell);
            lock.remove(name);
            bell.notify_one();
            return;
        };
        let is_new =
            connected.runner.is_draining != known.is_draining || connected.runner.rules != known.rules;
        connected.runner.is_draining = known.is_draining;
        connected.runner.rules = known.rules.clone();
        if is_new {
            connected.bell.notify_one();
            drop(lock);
            broker.ring(Topic::Jobs);
        }
    }

    /// Notes that a runner builds a project now; true if that is to be stored.
    pub(crate) fn note_built(&self, name: &str, project: ProjectId) -> bool {
        self.lock().get_mut(name).is_some_and(|connected| connected.note_built(project))
    }

    /// The job for a runner that asks for one, and has a free slot.
    ///
    /// # Errors
    /// The database does not answer.
    pub(crate) async fn choice(&self, store: &Store, name: &str) -> Result<Option<JobId>> {
        let free = self.free(Some(name));
        let waiting = claimable(store, &free).await?;
        let chosen = place(&waiting, &free).into_iter().find(|(_, runner)| *runner == name);
        Ok(chosen.map(|(job, _)| job))
    }

    /// Wakes the runners for which jobs may wait, because something changed. If only one runner is free, it looks itself.
    pub(crate) async fn wake(&self, store: &Store) -> Result<()> {
        match self.free(None).as_slice() {
            [one] => self.ring(&one.name),
            free => self.wake_some_of(store, free).await?,
        }
        Ok(())
    }

    /// Wakes the runners for which jobs wait.
    pub(crate) async fn look(&self, store: &Store) -> Result<()> {
        self.wake_some_of(store, &self.free(None)).await
    }

    async fn wake_some_of(&self, store: &Store, free: &[FreeRunner]) -> Result<()> {
        let waiting = claimable(store, free).await?;
        for (_, name) in place(&waiting, free) {
            self.ring(name);
        }
        Ok(())
    }

    /// True if a runner was woken and has not claimed yet.
    fn awaits(&self) -> bool {
        self.lock().values().any(|connected| connected.woken.is_some())
    }

    fn ring(&self, name: &str) {
        if let Some(connected) = self.lock().get_mut(name) {
            connected.woken.get_or_insert_with(Instant::now);
            connected.bell.notify_one();
        }
    }

    /// The runners with free slots. The one that asks has a free slot, whatever it last reported.
    fn free(&self, asks: Option<&str>) -> Vec<FreeRunner> {
        let mut lock = self.lock();
        if let Some(asking) = asks.and_then(|name| lock.get_mut(name)) {
            asking.woken = None;
        }
        lock.values().filter_map(|connected| connected.free(asks == Some(&connected.runner.name))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Connected>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes runners whenever there may be a job for them. It also looks at intervals, for all runners at once, so that a
/// change of which nobody told is noticed: by a command in another process, or while the database was away.
pub(crate) async fn forever(flow: Flow) {
    let Flow { dispatcher, edges, stop, .. } = flow;
    let mut bell = edges.broker.bell(Topic::Jobs);
    let mut is_told = true;
    while !stop.is_cancelled() {
        let woken = match is_told {
            true => dispatcher.wake(&edges.store).await,
            false => dispatcher.look(&edges.store).await,
        };
        if let Err(fault) = &woken {
            tracing::warn!(error = format!("{fault:#}"), "runners cannot be woken for jobs yet");
        }
        let is_awaited = woken.is_err() || dispatcher.awaits();
        is_told = tokio::select! {
            () = bell.rung() => true,
            () = tokio::time::sleep(if is_awaited { PATIENCE } else { LOOK }) => false,
            () = stop.cancelled() => false,
        };
    }
}

/// The oldest waiting jobs that one of these runners may have, at least as many as there are slots. Jobs that none of
/// them may have hold up no others.
async fn claimable(store: &Store, free: &[FreeRunner]) -> Result<Vec<WaitingJob>> {
    let slots = free.iter().map(|runner| runner.slots).sum::<usize>();
    let (mut found, mut behind) = (Vec::new(), JobId(0));
    // Mostly the oldest jobs are claimable.
    let mut size = PAGE.min(slots as u64);
    for _ in 0..PAGES {
        if found.len() >= slots {
            break;
        }
        let page = store.queue().waiting(behind, size).await?;
        match page.last() {
            Some(last) => behind = last.id,
            // Jobs that cannot be read are left out, so a small page may be empty before the last job.
            None if size < PAGE => {}
            None => break,
        }
        size = PAGE;
        found.extend(page.into_iter().filter(|job| free.iter().any(|runner| runner.may_have(job))));
    }
    Ok(found)
}

impl Connection {
    /// The decisions of people about the runner so far.
    pub(crate) fn decision(&self) -> Decision {
        let draining = self.with_own(|connected| connected.runner.is_draining);
        draining.map_or(Decision::Removed, Decision::Draining)
    }

    /// Notes a sign of life of the runner.
    pub(crate) fn hear(&self) {
        self.with_own(|connected| connected.heard = Instant::now());
    }

    /// Changes the runner, because of its report. If it may have more jobs now, it is woken.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Runner)) {
        if self.with_own(|connected| connected.change(change)) == Some(true) {
            self.broker.ring(Topic::Jobs);
        }
    }

    /// Does something with the runner, unless a newer connection took the place of this one.
    fn with_own<T>(&self, act: impl FnOnce(&mut Connected) -> T) -> Option<T> {
        let mut lock = self.dispatcher.lock();
        lock.get_mut(&self.name).filter(|connected| connected.number == self.number).map(act)
    }

    /// Notes facts about the runner's machine. If its labels change, it may have other jobs now.
    pub(crate) fn note_facts(&self, facts: &RunnerFacts) {
        if self.with_own(|connected| connected.note_facts(facts)) == Some(true) {
            self.broker.ring(Topic::Jobs);
        }
    }

    /// The time of the runner's last sign of life. None if it was removed, or a newer connection took the place of this
    /// one.
    pub(crate) fn heard(&self) -> Option<Instant> {
        self.with_own(|connected| connected.heard)
    }

    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Waits until there may be a job for the runner, or a decision about it.
    pub(crate) async fn woken(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut lock = self.dispatcher.lock();
        if lock.get(&self.name).is_some_and(|connected| connected.number == self.number) {
            lock.remove(&self.name);
        }
        drop(lock);
        // Jobs that were chosen for this runner are for others now.
        self.broker.ring(Topic::Jobs);
    }
}

#[cfg(test)]
mod tests;
