//! Gets an attempt's container ready: image, account, container and checkout.
//!
//! Starting a container is what takes longest, and the checkout and its way into the container's volume do not need
//! it, so all happen at once; `gate` keeps the script from beginning before its files are there.

use crate::{
    Flow, checkout,
    gate::{self, Closing, SCRIPT, SOURCE, Started, VOLUME},
    job_log::JobLog,
    report,
};
use anyhow::{Context, Result};
use kozmic_edges::{
    clock,
    engine::{Account, Image, NewContainer},
    git::{Archive, Checkout, Ownership},
    store::ClaimedJob,
};
use kozmic_model::{
    image::ImageName,
    phase::{Phase, PhaseKind, mark, mark_done},
    spec::{BuildFacts, environment},
    time::Timestamp,
};
use tokio::sync::mpsc;

/// Makes an attempt's container and lets its script begin.
pub(crate) async fn container(flow: &Flow, claimed: &ClaimedJob, log: &mut JobLog) -> Result<Started> {
    let mut phases = Vec::new();
    let image = image(flow, claimed, log, &mut phases).await?;
    let (engine, instance) = (&flow.edges.engine, &flow.settings.instance);
    let account =
        engine.account(&image, instance, claimed.job.attempt()).await.context("look into the image")?;
    let begun = clock::now();
    let Closing { side_door, gate } =
        gate::close(flow, new_container(flow, claimed, &image, &account), account.has_shell);
    // Starting git holds up this thread for a moment: the engine is to hear of the container before.
    tokio::task::yield_now().await;
    let fill = async {
        let checkout = checkout::commit(flow, claimed, log).await?;
        side_door.carry_in(flow, archive(claimed, checkout, &account)).await
    };
    let (mut closed, ()) = tokio::try_join!(gate.closed(), fill)?;
    note_phases(claimed, log, (&mut phases, begun), &account).await?;
    let attempt = claimed.job.attempt();
    let is_ours = flow.edges.store.note_container(attempt, &closed.keep().0, &phases).await?;
    anyhow::ensure!(is_ours, "another runner took the job over");
    let started = closed.open(flow).await?;
    report::change(&flow.edges, claimed.project.id, claimed.job.id);
    Ok(started)
}

/// Marks in the log that the checkout is done and the build begins.
async fn note_phases(
    claimed: &ClaimedJob,
    log: &mut JobLog,
    (phases, begun): (&mut Vec<Phase>, Timestamp),
    account: &Account,
) -> Result<()> {
    let now = clock::now();
    phases.push(Phase { finished_at: Some(now), ..Phase::begin(PhaseKind::Checkout, begun) });
    phases.push(Phase::begin(PhaseKind::Build, now));
    let what = format!("{} of {}", claimed.build.sha.short(), claimed.build.git_ref.label());
    let checkout = mark_done(PhaseKind::Checkout, &what, now.since(begun));
    let build = format!("{SCRIPT} in {}{}", claimed.job.spec.image, as_whom(account));
    log.say(&format!("{checkout}{}", mark(PhaseKind::Build, &build))).await
}

async fn image(
    flow: &Flow,
    claimed: &ClaimedJob,
    log: &mut JobLog,
    phases: &mut Vec<Phase>,
) -> Result<Image> {
    let name = &claimed.job.spec.image;
    if let Some(image) = flow.edges.engine.image(name).await.context("look for the image")? {
        return Ok(image);
    }
    let begun = clock::now();
    phases.push(Phase::begin(PhaseKind::Pull, begun));
    flow.edges.store.note_phases(claimed.job.attempt(), phases).await?;
    report::change(&flow.edges, claimed.project.id, claimed.job.id);
    log.say(&mark(PhaseKind::Pull, &format!("{name} is not on the engine"))).await?;
    pull(flow, name, log).await.with_context(|| format!("pull the image {name}"))?;
    let took = clock::now().since(begun);
    phases.iter_mut().for_each(|phase| phase.finished_at = Some(begun.after(took)));
    log.say(&mark_done(PhaseKind::Pull, &format!("{name}"), took)).await?;
    let image = flow.edges.engine.image(name).await.context("look for the image")?;
    image.with_context(|| format!("the image {name} is not there after it was pulled"))
}

async fn pull(flow: &Flow, name: &ImageName, log: &mut JobLog) -> Result<()> {
    let (progress, mut lines) = mpsc::channel::<String>(16);
    let pull = flow.edges.engine.pull(name, progress);
    let tell = async {
        while let Some(line) = lines.recv().await {
            log.say(&line).await?;
        }
        Ok(())
    };
    let (pulled, told) = tokio::join!(pull, tell);
    pulled?;
    told
}

/// Checkout and script, as they lie in the container's volume.
fn archive(claimed: &ClaimedJob, checkout: Checkout, account: &Account) -> Archive {
    let owner = Ownership { uid: account.uid, gid: account.gid };
    let files = gate::files(&claimed.job.spec.script, account.has_shell);
    checkout.into_archive(gate::ROOT, owner, files)
}

fn new_container(flow: &Flow, claimed: &ClaimedJob, image: &Image, account: &Account) -> NewContainer {
    let ClaimedJob { job, build, project } = claimed;
    let facts = BuildFacts {
        project: &project.repository.full_name(),
        build: build.id,
        number: build.number,
        url: &report::build_url(&flow.settings.public_url, build),
        git_ref: &build.git_ref,
        sha: &build.sha,
        author: &build.author,
        message: &build.message,
        trigger: &build.trigger,
    };
    let mut environment = environment(&facts, job.id, &job.spec.title);
    environment.push(("HOME".to_owned(), account.home.clone()));
    NewContainer {
        instance: flow.settings.instance.clone(),
        attempt: job.attempt(),
        image: image.id.clone(),
        command: gate::command(account.has_shell),
        user: account.user.clone(),
        working_dir: if account.has_shell { "/" } else { SOURCE }.to_owned(),
        environment,
        volume: VOLUME.to_owned(),
        takes_input: account.has_shell,
    }
}

fn as_whom(account: &Account) -> String {
    match account.user.as_str() {
        "" => " as root".to_owned(),
        user => format!(" as {user}"),
    }
}
