//! A coordinator that asks the store again for as long as the database is away, so that an outage of a database server
//! ends no job.

use super::Here;
use anyhow::Result;
use async_trait::async_trait;
use kozmic_edges::store;
use kozmic_model::{
    cache::{CacheInputs, CachedImage},
    image::ImageName,
    job::{Attempt, Outcome},
    phase::Phase,
    runner::ClaimKey,
};
use kozmic_runner::{
    coordinator::{
        Archive, Beginning, Complaint, Coordinator, GivenName, ImageChange, Leave, Published, Repository,
        Standing, State, Surplus,
    },
    order::Order,
};
use std::time::Duration;
use tokio::sync::mpsc;

/// The pause before the next question.
const PAUSE: Duration = Duration::from_secs(1);

/// The coordinator of this process, with patience. An attempt that must stop meanwhile drops its question.
pub(crate) struct Patient(pub(crate) Here);

/// Repeats a call of the port until the database answers.
pub(super) async fn until_answered<T, Call>(call: impl Fn() -> Call) -> Result<T>
where
    Call: Future<Output = Result<T>>,
{
    loop {
        match call().await {
            Err(fault) if store::is_away(&fault) => {
                tracing::warn!(error = format!("{fault:#}"), "the database is away: a job waits for it");
            }
            answer => return answer,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The runner repeats `held`, `claim`, `give_back`, `beat` and `end` itself.
#[async_trait]
impl Coordinator for Patient {
    async fn held(&self) -> Result<Vec<Order>> {
        self.0.held().await
    }

    async fn claim(&self, key: &ClaimKey) -> Result<Option<Order>> {
        self.0.claim(key).await
    }

    async fn woken(&self) {
        self.0.woken().await;
    }

    async fn beat(&self, state: &State) -> Result<()> {
        self.0.beat(state).await
    }

    async fn note_state(&self, state: &State) -> Result<()> {
        self.0.note_state(state).await
    }

    async fn standing(&self, attempt: Attempt) -> Result<Option<Standing>> {
        until_answered(|| self.0.standing(attempt)).await
    }

    async fn note_phases(&self, order: &Order, phases: &[Phase]) -> Result<()> {
        until_answered(|| self.0.note_phases(order, phases)).await
    }

    async fn begin_script(&self, order: &Order, beginning: &Beginning<'_>) -> Result<bool> {
        until_answered(|| self.0.begin_script(order, beginning)).await
    }

    async fn forget_container(&self, attempt: Attempt) -> Result<()> {
        until_answered(|| self.0.forget_container(attempt)).await
    }

    async fn stopped(&self, attempt: Attempt) -> Outcome {
        self.0.stopped(attempt).await
    }

    fn log_grew(&self, order: &Order) {
        self.0.log_grew(order);
    }

    async fn give_back(&self, order: &Order) -> Result<()> {
        self.0.give_back(order).await
    }

    async fn end(&self, order: &Order, outcome: &Outcome) -> Result<()> {
        self.0.end(order, outcome).await
    }

    async fn cleared(&self, attempt: Attempt) {
        self.0.cleared(attempt).await;
    }

    async fn repository(&self, order: &Order, complaint: Option<Complaint>) -> Result<Repository> {
        until_answered(|| self.0.repository(order, complaint)).await
    }

    async fn use_image(&self, order: &Order, key: &str) -> Result<Option<CachedImage>> {
        until_answered(|| self.0.use_image(order, key)).await
    }

    async fn compare_inputs(&self, order: &Order, inputs: &CacheInputs) -> Result<Option<CacheInputs>> {
        until_answered(|| self.0.compare_inputs(order, inputs)).await
    }

    async fn leave(&self, order: &Order, image: &ImageName, id: &str) -> Result<Leave> {
        until_answered(|| self.0.leave(order, image, id)).await
    }

    async fn kept_image(&self, name: &ImageName) -> Result<Option<String>> {
        until_answered(|| self.0.kept_image(name)).await
    }

    async fn note_image(&self, order: &Order, change: ImageChange<'_>) -> Result<()> {
        until_answered(|| self.0.note_image(order, change)).await
    }

    async fn surplus_images(&self, there: &[ImageName]) -> Result<Vec<Surplus>> {
        self.0.surplus_images(there).await
    }

    async fn note_removed(&self, image: &Surplus) -> Result<()> {
        self.0.note_removed(image).await
    }

    async fn image_name(&self, order: &Order, plain: &ImageName) -> Result<GivenName> {
        until_answered(|| self.0.image_name(order, plain)).await
    }

    async fn publish(
        &self,
        order: &Order,
        archive: Archive,
        words: mpsc::Sender<String>,
    ) -> Result<Published> {
        self.0.publish(order, archive, words).await
    }
}
