//! Measures many pushes at once on two runners, each with an engine of its own, beside one with as many slots.

use std::path::Path;

use anyhow::Result;

use super::Options;
use super::engine::Bare;
use super::figures::{Series, line, row, title};
use super::pushes;
use super::usage;
use super::variant::Variant;
use crate::engine::Engine;

/// Number of pushes that come at once, each with one script.
const PUSHES: usize = 200;
/// Number of jobs at once, on all runners.
const SLOTS: usize = 4;

pub(super) async fn measure(options: &Options, bare: &Bare, binaries: &[(String, &Path)]) -> Result<()> {
    let second = Engine::start(false, &[&options.image]).await?;
    let mut variants = Vec::new();
    for (name, binary) in binaries {
        let two = vec![options.docker_url.clone(), second.url()];
        variants.push(Variant::of(name, binary, 1));
        variants.push(Variant {
            engines: two,
            name: format!("{name}, 2 runners, 2 engines"),
            ..Variant::of(name, binary, 2)
        });
    }
    let mut all = vec![Series::default(); variants.len()];
    let plan = pushes::plan(PUSHES, 1, Some(SLOTS));
    for round in 0..options.long_rounds {
        for (variant, series) in variants.iter().zip(&mut all) {
            let took = pushes::once(options, bare, variant, &plan).await?.took;
            series.add(took.as_secs_f64() * 1000.0);
        }
        line(&format!("  load after round {}: {}", round + 1, usage::load()));
    }
    let rounds = options.long_rounds;
    title(
        &format!(
            "{PUSHES} pushes at once, one script each, {SLOTS} jobs at once: ms until all have ended (n = {rounds})"
        ),
        "÷ one",
    );
    for (variant, series) in variants.iter().zip(&all) {
        row(&variant.name, series, &all[0]);
    }
    drop(second);
    Ok(())
}
