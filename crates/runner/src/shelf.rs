//! The images on a runner's engine that Kozmic made. The coordinator decides which of them are removed.

use crate::turns::{Turn, Turns};
use anyhow::{Context, Result};
use kozmic_edges::engine::{Engine, Nameless};
use kozmic_model::image::ImageName;
use std::{fmt::Display, sync::Arc};

/// The name of the turn for removing surplus images.
pub(crate) const REMOVAL: &str = "surplus images";

/// The images of one runner; cheap to clone.
#[derive(Clone)]
pub struct Shelf {
    engine: Arc<dyn Engine>,
    turns: Turns,
    runner: String,
}

impl Shelf {
    /// The images that the runner with this name made on an engine. Work under a turn waits for other work with the
    /// same turn.
    pub fn new(engine: Arc<dyn Engine>, turns: Turns, runner: &str) -> Self {
        Self { engine, turns, runner: runner.to_owned() }
    }

    /// The right to work with the image of that name alone. Waits while another task has it.
    pub async fn turn(&self, name: &ImageName) -> Turn {
        self.turns.take(&turn_name(name)).await
    }

    /// The runner's name.
    pub fn runner(&self) -> &str {
        &self.runner
    }

    /// The names of all images that the runner made.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn names(&self) -> Result<Vec<ImageName>> {
        self.engine.own_images(&self.runner).await.context("list cached images")
    }

    /// The engine's id of the image with that name, even if Kozmic did not make it.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn id_of(&self, name: &ImageName) -> Result<Option<String>> {
        Ok(self.engine.image(name).await.context("look for an image")?.map(|image| image.id))
    }

    /// Removes a name from the engine, and the image if it has no other name. False if a container uses it; true if it
    /// was gone already.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn remove(&self, name: &ImageName) -> Result<bool> {
        self.engine.remove_image(name).await.with_context(|| format!("remove the image {name}"))
    }

    /// Removes the image with that id, unless it has a name or is in use. True if it needs no further look.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn remove_nameless(&self, id: &str) -> Result<bool> {
        let removed = self.engine.remove_nameless(id).await.context("remove an image without a name")?;
        Ok(removed != Nameless::InUse)
    }
}

/// The name of the turn for the image with that name.
pub(crate) fn turn_name(name: impl Display) -> String {
    format!("image {name}")
}
