//! The coordinator of this process keeps the contract of the port.

use super::Here;
use crate::{samples::Installation, steer};
use async_trait::async_trait;
use kozmic_model::ids::JobId;
use kozmic_runner::{
    contract::{self, Office},
    coordinator::Coordinator,
};
use std::sync::Arc;

#[async_trait]
impl Office for Installation {
    fn coordinator(&self) -> Arc<dyn Coordinator> {
        Arc::new(Here::new(&self.flow))
    }

    async fn enqueue(&self) -> JobId {
        Installation::enqueue(self).await
    }

    async fn enqueue_elsewhere(&self) -> JobId {
        Installation::enqueue_elsewhere(self).await
    }

    async fn cancel(&self, job: JobId, why: &str) {
        steer::cancel(&self.flow.edges, job, why).await.unwrap();
    }
}

#[tokio::test]
async fn it_keeps_the_contract_of_the_port() {
    contract::holds(&Installation::new().await).await;
}
