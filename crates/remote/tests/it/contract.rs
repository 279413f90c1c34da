//! A coordinator on another machine keeps the contract of the port.

use crate::stage::{Stage, order};
use async_trait::async_trait;
use kozmic_model::ids::{JobId, ProjectId};
use kozmic_runner::{
    contract::{self, Office},
    coordinator::Coordinator,
};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

struct Remote {
    stage: Stage,
    count: AtomicI64,
}

#[async_trait]
impl Office for Remote {
    fn coordinator(&self) -> Arc<dyn Coordinator> {
        self.stage.runner().away
    }

    async fn enqueue(&self) -> JobId {
        self.enqueue_of(ProjectId(1)).await
    }

    async fn enqueue_elsewhere(&self) -> JobId {
        self.enqueue_of(ProjectId(2)).await
    }

    async fn cancel(&self, job: JobId, why: &str) {
        self.stage.known.ledger.cancel(job.0, why);
    }
}

impl Remote {
    async fn enqueue_of(&self, project: ProjectId) -> JobId {
        let job = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.stage.known.ledger.give(kozmic_runner::order::Order { project, ..order(job) });
        JobId(job)
    }
}

#[tokio::test]
async fn it_keeps_the_contract_of_the_port_over_http() {
    let office = Remote { stage: Stage::new().await, count: AtomicI64::new(0) };
    contract::holds(&office).await;
}
