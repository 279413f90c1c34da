//! Measures many pushes at once, each with several scripts: the time until everything is built and published. Nothing
//! may be lost.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;

use super::Options;
use super::engine::Bare;
use super::figures::{Series, line, row, title};
use super::usage;
use super::variant::Variant;
use super::workshop::{Answered, Plan, Unpushed, Workshop};
use crate::github::State;

/// Number of scripts in a recipe.
const SCRIPTS: usize = 4;
/// Number of repositories that get the pushes, each on several branches.
const REPOSITORIES: usize = 10;
/// Numbers of jobs that run at once: Kozmic's default, and larger ones.
const SLOTS: [Option<usize>; 3] = [None, Some(4), Some(8)];

/// Results of one measurement.
pub(super) struct Run {
    pub(super) took: Duration,
    answers: Series,
    /// The peak of memory, in MB.
    memory: f64,
    /// The processor's time, in seconds.
    processor: f64,
}

pub(super) async fn measure(options: &Options, bare: &Bare, variants: &[Variant]) -> Result<()> {
    let jobs = options.pushes * SCRIPTS;
    let plan = plan(options.pushes, SCRIPTS, None);
    title(
        &format!("{} pushes at once, {SCRIPTS} scripts each: ms until all {jobs} have ended", options.pushes),
        "÷ docker",
    );
    for slots in SLOTS {
        let plan = Plan { slots, ..plan.clone() };
        let at_once = plan.at_once();
        let alone = bare.many_by_command(jobs, at_once).await?;
        let engine = one(alone);
        row(&format!("docker run, {at_once} at once"), &engine, &engine);
        for variant in variants {
            let run = once(options, bare, variant, &plan).await?;
            row(&format!("{}, {at_once} at once", variant.name), &one(run.took), &engine);
            let Run { took, answers, memory, processor } = run;
            let (half, most) = (answers.percentile(50.0), answers.percentile(95.0));
            let rate = jobs as f64 / took.as_secs_f64() * 60.0;
            line(&format!(
                "    {rate:.0} jobs a minute; deliveries answered in p50 {half:.0} ms, p95 {most:.0} ms"
            ));
            line(&format!("    {memory:.0} MB at most, {processor:.1} s of processor; nothing was lost"));
        }
    }
    Ok(())
}

fn one(took: Duration) -> Series {
    let mut series = Series::default();
    series.add(took.as_secs_f64() * 1000.0);
    series
}

/// Spreads the pushes over repositories and branches. Each has this number of scripts.
pub(super) fn plan(pushes: usize, scripts: usize, slots: Option<usize>) -> Plan {
    let mut branches = Vec::new();
    for number in 0..REPOSITORIES.min(pushes) {
        let of_it = (number..pushes).step_by(REPOSITORIES).map(|push| format!("work-{push}")).collect();
        branches.push((format!("anna/core-{number}"), of_it));
    }
    let names = (0..scripts).map(|script| format!("autobuild/part-{script}.sh")).collect::<Vec<_>>();
    let mut recipe = "buildscripts:\n".to_owned();
    names.iter().for_each(|name| recipe.push_str(&format!("  - {name}\n")));
    for (script, name) in names.iter().enumerate() {
        recipe.push_str(&format!("{name}:\n  archives: /tmp/archives\n  artifact: part.bin\n"));
        recipe.push_str(&format!("  format: binary\n  tag: part-{script}\n"));
    }
    // The script does not know its repository and branch, so it finds them in the container.
    let text =
        |script| format!("#!/bin/bash\n{{ echo {script}; cat /core-*/branch; }} > /tmp/archives/part.bin\n");
    let scripts = names.iter().enumerate().map(|(script, name)| (name.clone(), text(script))).collect();
    Plan { branches, recipe, scripts, slots }
}

/// Measures one variant: a new Kozmic, from the first delivery to the last success.
pub(super) async fn once(options: &Options, bare: &Bare, variant: &Variant, plan: &Plan) -> Result<Run> {
    let workshop = Workshop::set(options, variant, plan).await?;
    let outcome = build(&workshop, plan).await;
    workshop.settle(bare).await?;
    workshop.clear().await?;
    outcome
}

async fn build(workshop: &Workshop, plan: &Plan) -> Result<Run> {
    let (mut pushes, scripts) = (Vec::new(), plan.scripts.len());
    for (repository, branches) in &plan.branches {
        for branch in branches {
            pushes.push(workshop.commit(repository, branch).await?);
        }
    }
    let (pid, before) = (workshop.pid()?, workshop.github.last_status_id());
    usage::forget_peak(pid)?;
    let processor = usage::processor_seconds(pid)?;
    let answered = try_join_all(pushes.iter().map(|push| workshop.deliver(push))).await?;
    let last = workshop.successes(pushes.len() * scripts, before).await?;
    let first = answered.iter().map(|one| one.at).min().context("something was pushed")?;
    for push in &pushes {
        nothing_is_lost(workshop, push, scripts)?;
    }
    nothing_is_left_over(workshop, pushes.len() * scripts)?;
    let mut answers = Series::default();
    answered.iter().for_each(|Answered { took, .. }| answers.add(took.as_secs_f64() * 1000.0));
    let processor = usage::processor_seconds(pid)? - processor;
    Ok(Run { took: last - first, answers, memory: usage::peak_memory(pid)?, processor })
}

/// Fails unless each script of a push has its success, its artifact and its link.
fn nothing_is_lost(workshop: &Workshop, push: &Unpushed, scripts: usize) -> Result<()> {
    let Unpushed { repository, branch, sha, .. } = push;
    let statuses = workshop.github.statuses(repository, sha);
    let good = statuses.iter().filter(|status| status.state == State::Success);
    let good = good.map(|status| status.context.as_str()).collect::<Vec<_>>();
    let names = good.iter().collect::<BTreeSet<_>>();
    ensure!(good.len() == scripts && names.len() == scripts, "successes of {repository} {branch}: {good:?}");
    let stem = repository.replace('/', "-");
    for script in 0..scripts {
        let stable = format!("{stem}-part-{script}-{branch}.bin");
        let versioned = format!("{stem}-part-{script}-{branch}-{}.bin", &sha[..10]);
        let link = workshop.artifacts().join(&stable);
        let behind = fs::read_link(&link).with_context(|| format!("read the link {stable}"))?;
        ensure!(behind.to_str() == Some(&versioned), "{stable} leads to {}", behind.display());
        let content = fs::read_to_string(&link).with_context(|| format!("read {versioned}"))?;
        ensure!(content == format!("{script}\n{branch}\n"), "{versioned} holds {content:?}");
    }
    Ok(())
}

/// Fails unless there are exactly so many artifacts, each with its link.
fn nothing_is_left_over(workshop: &Workshop, count: usize) -> Result<()> {
    let (mut files, mut links) = (0, 0);
    for entry in fs::read_dir(workshop.artifacts())? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_string_lossy().ends_with(".bin") {
            continue;
        }
        if entry.file_type()?.is_symlink() { links += 1 } else { files += 1 }
    }
    ensure!(files == count && links == count, "{files} artifacts and {links} links instead of {count} each");
    Ok(())
}
