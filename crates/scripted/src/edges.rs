//! Edges for tests that need no server: an empty store in a directory, and addresses at which nobody answers.

use anyhow::Result;
use kozmic_edges::{
    Edges,
    broker::Broker,
    engine::docker::{DockerEngine, DockerSettings},
    forge::github::{GitHub, GitHubSettings},
    git::Mirrors,
    logs::Logs,
    notifier::Notifiers,
    publisher::{Directory, Publishers},
    room::Room,
    store::Store,
};
use std::{path::Path, sync::Arc};

/// The address of the engine and of the forge: nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Makes edges in a directory. The store is empty, and the engine and the forge do not exist.
///
/// # Errors
/// The directory cannot be written to.
pub async fn edges_to_nowhere(dir: &Path) -> Result<Edges> {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let database = format!("sqlite://{}?mode=rwc", dir.join("kozmic.db").display());
    let github = GitHubSettings {
        url: NOWHERE.parse()?,
        api_url: NOWHERE.parse()?,
        client_id: "id".into(),
        client_secret: "secret".into(),
    };
    let room = Room::new(vec![dir.to_owned()], Some(0));
    let [binaries, kernels] = ["binary", "kernel"].map(|name| Directory::new(dir.join(name), room.clone()));
    Ok(Edges {
        store: Store::open(&database, &"key".repeat(20).into()).await?,
        broker: Broker::default(),
        forge: Arc::new(GitHub::new(github)?),
        engine: Arc::new(DockerEngine::new(DockerSettings { url: NOWHERE.into(), ..Default::default() })),
        mirrors: Mirrors::open(dir.join("mirrors"))?,
        logs: Logs::open(dir.join("logs"))?,
        publishers: Publishers { hub: None, binaries, kernels },
        notifiers: Notifiers::default(),
        room,
    })
}
