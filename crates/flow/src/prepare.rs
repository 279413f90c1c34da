//! Gets an attempt's container ready: image, account, container and checkout.
//!
//! Starting a container is what takes longest, and a checkout does not need it, so both happen at once: the
//! container starts with a shell that waits for a line on its standard input, and gets it when the files are there.
//! An image without a shell gets its files first and is started after that.

use crate::{Flow, checkout, job_log::JobLog, report};
use anyhow::{Context, Result};
use kozmic_edges::{
    clock,
    engine::{Account, Attached, ContainerId, Image, NewContainer},
    git::{Checkout, Extra, Ownership},
    store::ClaimedJob,
};
use kozmic_model::{
    image::ImageName,
    phase::{Phase, PhaseKind, mark, mark_done},
    spec::{BuildFacts, environment},
};
use tokio::{io::AsyncWriteExt, sync::mpsc};

/// The volume's directory, below the container's root.
const ROOT: &str = "kozmic";
const VOLUME: &str = "/kozmic";
const SOURCE: &str = "/kozmic/src";
const SCRIPT: &str = "/kozmic/script.sh";

/// Exists in a container as soon as its script may have begun.
pub(crate) const STARTED: &str = "/kozmic/.started";

/// Waits for the line that says that the files are there; without it (the runner died) nothing has happened.
const GATE: &str = "read -r _ && : > /kozmic/.started && cd /kozmic/src && exec /kozmic/script.sh";

/// A container whose script runs.
pub(crate) struct Started {
    pub(crate) container: ContainerId,
    pub(crate) attached: Attached,
}

/// Makes an attempt's container and starts its script.
pub(crate) async fn container(flow: &Flow, claimed: &ClaimedJob, log: &mut JobLog) -> Result<Started> {
    let mut phases = Vec::new();
    let image = image(flow, claimed, log, &mut phases).await?;
    let account = flow.edges.engine.account(&image).await.context("look into the image")?;
    let wanted = new_container(flow, claimed, &image, &account);
    let engine = &flow.edges.engine;
    let begun = clock::now();
    let start = async {
        let container = engine.create(&wanted).await.context("create the container")?;
        let attached = engine.attach(&container).await.context("listen to the container")?;
        if account.has_shell {
            engine.start(&container).await.context("start the container")?;
        }
        anyhow::Ok((container, attached))
    };
    let ((container, mut attached), checkout) =
        tokio::try_join!(start, checkout::commit(flow, claimed, log))?;
    let took = clock::now().since(begun);
    phases.push(Phase { finished_at: Some(begun.after(took)), ..Phase::begin(PhaseKind::Checkout, begun) });
    fill(flow, claimed, &container, (checkout, &account)).await?;
    phases.push(Phase::begin(PhaseKind::Build, clock::now()));
    let sha = claimed.build.sha.short();
    log.say(&mark_done(PhaseKind::Checkout, &format!("{sha} of {}", claimed.build.git_ref.label()), took))
        .await?;
    log.say(&mark(PhaseKind::Build, &format!("{SCRIPT} in {}{}", claimed.job.spec.image, as_whom(&account))))
        .await?;
    let is_ours = flow.edges.store.note_container(claimed.job.attempt(), &container.0, &phases).await?;
    anyhow::ensure!(is_ours, "another runner took the job over");
    if account.has_shell {
        attached.input.write_all(b"go\n").await.context("let the script begin")?;
    } else {
        engine.start(&container).await.context("start the container")?;
    }
    attached.input.shutdown().await.context("close the script's input")?;
    report::change(&flow.edges, claimed.project.id, claimed.job.id);
    Ok(Started { container, attached })
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

/// Puts checkout and script into the container's volume.
async fn fill(
    flow: &Flow,
    claimed: &ClaimedJob,
    container: &ContainerId,
    (checkout, account): (Checkout, &Account),
) -> Result<()> {
    let owner = Ownership { uid: account.uid, gid: account.gid };
    let content = claimed.job.spec.script.clone().into_bytes();
    let script = Extra { path: "script.sh", mode: 0o755, content };
    let archive = checkout.into_archive(ROOT, owner, vec![script]);
    flow.edges.engine.upload(container, "/", archive).await.context("put the checkout into the container")
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
    let gate = || ["/bin/sh", "-c", GATE].map(str::to_owned).to_vec();
    NewContainer {
        instance: flow.settings.instance.clone(),
        attempt: job.attempt(),
        image: image.id.clone(),
        command: if account.has_shell { gate() } else { vec![SCRIPT.to_owned()] },
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
