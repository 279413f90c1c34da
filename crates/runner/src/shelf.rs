//! The images on a runner's engine that Kozmic made. Who decides says which of them go.

use crate::turns::{Turn, Turns};
use anyhow::{Context, Result};
use kozmic_edges::engine::{Engine, Nameless};
use kozmic_model::image::ImageName;
use std::{fmt::Display, sync::Arc};

/// The images of one runner; cheap to clone.
#[derive(Clone)]
pub struct Shelf {
    engine: Arc<dyn Engine>,
    turns: Turns,
    runner: String,
}

impl Shelf {
    /// The images that the runner of this name made on an engine. Who has its turns holds it up, and is held up.
    pub fn new(engine: Arc<dyn Engine>, turns: Turns, runner: &str) -> Self {
        Self { engine, turns, runner: runner.to_owned() }
    }

    /// The right to do something with the image of that name, when whoever has it is done.
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

    /// The engine's id of the image of that name, whoever made it.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn id_of(&self, name: &ImageName) -> Result<Option<String>> {
        Ok(self.engine.image(name).await.context("look for an image")?.map(|image| image.id))
    }

    /// Takes a name off the engine, and the image if it has no other. False if a container uses it; one that is gone is
    /// fine.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn remove(&self, name: &ImageName) -> Result<bool> {
        self.engine.remove_image(name).await.with_context(|| format!("remove the image {name}"))
    }

    /// Removes the image of that id, unless it has a name or is used. True: it needs no more looks.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn remove_nameless(&self, id: &str) -> Result<bool> {
        let removed = self.engine.remove_nameless(id).await.context("remove an image without a name")?;
        Ok(removed != Nameless::InUse)
    }
}

/// The name of the turn for the image of that name.
pub(crate) fn turn_name(name: impl Display) -> String {
    format!("image {name}")
}
