//! Removes images that nobody needs any more. The coordinator decides which ones.

use crate::{
    Runner,
    coordinator::Surplus,
    shelf::{REMOVAL, Shelf},
};
use anyhow::Result;

/// Removes surplus images from the engine, and tells the coordinator. If one removal fails, the others still happen.
pub(crate) async fn tidy(runner: &Runner) -> Result<()> {
    let Runner { tools, settings, coordinator, .. } = runner;
    let shelf = Shelf::new(tools.engine.clone(), tools.turns.clone(), &settings.name);
    let _turn = tools.turns.take(REMOVAL).await;
    // The order matters: a job that ends meanwhile has noted its images before the coordinator is asked.
    let there = shelf.names().await?;
    let mut fault = None;
    for image in coordinator.surplus_images(&there).await? {
        match remove(&shelf, &image).await {
            Ok(true) => {
                tracing::info!(%image, "a surplus image was removed");
                coordinator.note_removed(&image).await?;
            }
            // A container uses it. It stays surplus, and the next look finds it again.
            Ok(false) => {}
            Err(met) => fault = Some(met),
        }
    }
    fault.map_or(Ok(()), Err)
}

async fn remove(shelf: &Shelf, image: &Surplus) -> Result<bool> {
    match image {
        Surplus::Named(name) => shelf.remove(name).await,
        Surplus::Nameless(id) => shelf.remove_nameless(id).await,
    }
}
