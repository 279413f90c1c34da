//! The coordinator of this process keeps the contract of the port.

use super::Here;
use crate::{dispatcher, samples::Installation, steer};
use async_trait::async_trait;
use kozmic_model::ids::JobId;
use kozmic_runner::{
    contract::{self, Office},
    coordinator::Coordinator,
};
use std::sync::Arc;

/// A server with its own runner. A server has one coordinator for it as long as it lives.
struct Server {
    installation: Installation,
    here: Arc<Here>,
}

#[async_trait]
impl Office for Server {
    fn coordinator(&self) -> Arc<dyn Coordinator> {
        self.here.clone()
    }

    async fn enqueue(&self) -> JobId {
        self.installation.enqueue().await
    }

    async fn enqueue_elsewhere(&self) -> JobId {
        self.installation.enqueue_elsewhere().await
    }

    async fn cancel(&self, job: JobId, why: &str) {
        steer::cancel(&self.installation.flow.edges, job, why).await.unwrap();
    }
}

#[tokio::test]
async fn it_keeps_the_contract_of_the_port() {
    let installation = Installation::new().await;
    let here = Arc::new(Here::new(&installation.flow));
    let dispatching = tokio::spawn(dispatcher::forever(installation.flow.clone()));
    contract::holds(&Server { installation, here }).await;
    dispatching.abort();
}
