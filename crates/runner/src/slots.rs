//! The slots of a runner: the number of jobs that it runs at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots of a runner; cheap to clone.
#[derive(Clone)]
pub(crate) struct Slots {
    total: usize,
    free: Arc<Semaphore>,
    /// Counted apart from the free slots: a slot that becomes free is given to the task that waits for it, and still has
    /// no job.
    jobs: Arc<AtomicUsize>,
}

/// The slot of one job. It is free again when this is dropped.
pub(crate) struct Slot {
    jobs: Arc<AtomicUsize>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, free: Arc::new(Semaphore::new(total)), jobs: Arc::default() }
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Number of slots that have a job.
    pub(crate) fn busy(&self) -> usize {
        self.jobs.load(Ordering::SeqCst).min(self.total)
    }

    /// Waits until a slot is free. It stays free if only the caller takes slots.
    pub(crate) async fn wait_for_free(&self) {
        drop(self.free.acquire().await);
    }

    /// Takes a slot for a job, whether or not one is free: a job that is running already needs no free one.
    pub(crate) fn take(&self) -> Slot {
        self.jobs.fetch_add(1, Ordering::SeqCst);
        Slot { jobs: Arc::clone(&self.jobs), _permit: Arc::clone(&self.free).try_acquire_owned().ok() }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.jobs.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::pin::pin;

    #[tokio::test]
    async fn a_slot_has_no_job_as_soon_as_its_job_ended_though_somebody_waited_for_it() {
        let slots = Slots::new(1);
        let (job, running_already) = (slots.take(), slots.take());
        assert_eq!((slots.total(), slots.busy()), (1, 1));
        let mut next = pin!(slots.wait_for_free());
        assert!(poll!(&mut next).is_pending());
        drop(running_already);
        drop(job);
        assert_eq!(slots.busy(), 0);
        next.await;
    }
}
