//! Prepares an attempt's container: account, container and checkout.
//!
//! Starting a container takes longest, and the checkout and its upload into the container's volume do not need the
//! started container. So all of it happens at once. The gate keeps the script from beginning before its files are
//! there.

use crate::{
    checkout,
    gate::{self, Closing, SCRIPT, SOURCE, Started, VOLUME},
    work::{Opening, Work},
};
use anyhow::{Context, Result};
use kozmic_edges::{
    clock,
    engine::{Account, Image, Limits, NewContainer, Stage, Volume},
    git::{Archive, Checkout, Destination, Ownership},
};
use kozmic_model::phase::PhaseKind;

/// An order for a container with the script that it runs.
pub(crate) struct Wanted<'a> {
    /// The image of the container.
    pub(crate) image: &'a Image,
    /// The image's name for people.
    pub(crate) image_name: &'a str,
    /// The script.
    pub(crate) script: &'a str,
    /// The stage of the attempt to which the script belongs.
    pub(crate) stage: Stage,
}

/// Creates a container and starts its script.
pub(crate) async fn container(work: &mut Work, wanted: Wanted<'_>) -> Result<Started> {
    let runner = work.runner.clone();
    let account = runner.tools.engine.account(wanted.image, &runner.settings.name, work.order.attempt).await;
    let account = account.context("look into the image")?;
    let begun = clock::now();
    let new = new_container(work, &wanted, &account);
    let Closing { side_door, gate } = gate::close(&runner, new, account.has_shell);
    // Starting git blocks this thread for a moment, so the engine is called first.
    tokio::task::yield_now().await;
    let fill = async {
        let checkout = checkout::commit(work).await?;
        side_door.carry_in(&runner, archive(wanted.script, checkout, &account)).await
    };
    let (mut closed, ()) = tokio::try_join!(gate.closed(), fill)?;
    let kind = match wanted.stage {
        Stage::Install(_) => PhaseKind::Install,
        Stage::Build => PhaseKind::Build,
    };
    let checkout = checkout::in_words(&work.order);
    let text = format!("{SCRIPT} in {}{}", wanted.image_name, as_whom(&account));
    let (container, cache_key) = (&closed.keep().0, wanted.stage.cache_key());
    let opening = Opening { kind, container, cache_key, begun, checkout: &checkout, text: &text };
    work.begin_script(opening).await?;
    closed.open(&runner).await
}

/// The checkout and the script, as an archive for the container's volume.
fn archive(script: &str, checkout: Checkout, account: &Account) -> Archive {
    let owner = Ownership { uid: account.uid, gid: account.gid };
    let to = Destination { tree: gate::TREE.to_owned(), owner, settles: account.has_shell };
    checkout.into_archive(to, gate::files(script, account.has_shell))
}

fn new_container(work: &Work, wanted: &Wanted<'_>, account: &Account) -> NewContainer {
    let mut environment = work.order.environment.clone();
    let (name, value) = gate::TO_ALL;
    environment.extend([("HOME".to_owned(), account.home.clone()), (name.to_owned(), value.to_owned())]);
    NewContainer {
        instance: work.runner.settings.name.clone(),
        attempt: work.order.attempt,
        stage: wanted.stage.clone(),
        image: wanted.image.id.clone(),
        command: gate::command(account.has_shell, work.order.limits.grace),
        user: account.user.clone(),
        working_dir: if account.has_shell { "/" } else { SOURCE }.to_owned(),
        environment,
        volumes: vec![Volume { path: VOLUME.to_owned(), is_empty: true }],
        takes_input: account.has_shell,
        has_terminal: false,
        limits: Limits { no_new_privileges: work.order.limits.no_new_privileges, ..Limits::default() },
    }
}

fn as_whom(account: &Account) -> String {
    match account.user.as_str() {
        "" => " as root".to_owned(),
        user => format!(" as {user}"),
    }
}
