//! The ledger passes the contract of the port, so tests with it behave as with the real coordinator.

use super::{
    ledger::Ledger,
    stage::{Mirror, Stage, hook},
};
use crate::{
    contract::{self, Office},
    coordinator::Coordinator,
    order::Order,
};
use async_trait::async_trait;
use kozmic_model::ids::{JobId, ProjectId};
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
        self.enqueue_of(ProjectId(1))
    }

    async fn enqueue_elsewhere(&self) -> JobId {
        self.enqueue_of(ProjectId(2))
    }

    async fn cancel(&self, job: JobId, why: &str) {
        self.ledger.cancel(job.0, why);
    }
}

impl Ledgers {
    fn enqueue_of(&self, project: ProjectId) -> JobId {
        let job = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.ledger.give(Order { project, ..self.stage.order(job, hook("exit 0")) });
        JobId(job)
    }
}

#[test]
fn the_ledger_is_a_coordinator() {
    let stage = Stage::with(&Mirror::new());
    let ledger = stage.ledger.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(contract::holds(&Ledgers { stage, ledger, count: AtomicI64::new(0) }));
}
