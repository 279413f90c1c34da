//! The ledger passes the contract of the port, so tests with it behave as with the real coordinator.

use super::{
    ledger::Ledger,
    stage::{Mirror, Stage, hook},
};
use crate::{
    contract::{self, Office},
    coordinator::Coordinator,
};
use async_trait::async_trait;
use kozmic_model::ids::JobId;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

struct Ledgers {
    stage: Stage,
    ledger: Arc<Ledger>,
    count: AtomicI64,
}

#[async_trait]
impl Office for Ledgers {
    fn coordinator(&self) -> Arc<dyn Coordinator> {
        self.ledger.clone()
    }

    async fn enqueue(&self) -> JobId {
        let job = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.ledger.give(self.stage.order(job, hook("exit 0")));
        JobId(job)
    }

    async fn cancel(&self, job: JobId, why: &str) {
        self.ledger.cancel(job.0, why);
    }
}

#[test]
fn the_ledger_is_a_coordinator() {
    let stage = Stage::with(&Mirror::new());
    let ledger = stage.ledger.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(contract::holds(&Ledgers { stage, ledger, count: AtomicI64::new(0) }));
}
