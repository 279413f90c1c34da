//! Puts the concrete parts together. Only this module names them all.

use crate::{
    data_dir::DataDir,
    files,
    settings::{AutoBuilder, LimitSettings, MailSettings, Settings},
};
use anyhow::{Context, Result};
use axum_extra::extract::cookie::Key;
use hkdf::Hkdf;
use kozmic_edges::{
    Edges,
    broker::Broker,
    clock,
    engine::docker::DockerEngine,
    forge::{
        Forge,
        github::{GitHub, GitHubSettings},
    },
    git::Mirrors,
    logs::Logs,
    notifier::{MailSender, Notifier, Notifiers},
    publisher::{Directory, Hub, Publishers},
    room::Room,
    store::{self, Condition, Store},
};
use kozmic_flow::{Flow, FlowSettings};
use kozmic_runner::{RunnerSettings, registry::PrivateRegistries};
use kozmic_web::{App, ArtifactDirs, AutoBuilderFace, Bodies, Crowd, Face, Limits, Pulse};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The parts of a server.
pub(crate) struct Server {
    pub(crate) flow: Flow,
    pub(crate) app: App,
}

/// Makes a server from its settings, in its data directory.
pub(crate) async fn server(settings: &Settings, dir: &DataDir) -> Result<Server> {
    let secret_key = secret_key(settings, dir)?;
    let edges = edges(settings, dir, &secret_key).await?;
    let token = settings.autobuild.as_ref().map(|builder| &builder.github_token);
    if token.is_some() || edges.store.auto_builder().auto_builder().await?.is_some() {
        edges.store.auto_builder().set_auto_builder(token, clock::now()).await?;
    }
    let flow = Flow::new(edges.clone(), flow_settings(settings, dir, &secret_key)?);
    let face = Face {
        public_url: settings.server.public_url.clone(),
        cookie_key: cookie_key(&secret_key),
        forge: edges.forge.site(),
        invited: settings.server.sign_in_allowed.clone(),
        session_idle: settings.server.session_idle,
        admins: settings.server.admins.clone(),
        auto_builder: settings.autobuild.as_ref().map(|builder| auto_builder_face(builder, dir, &secret_key)),
    };
    let LimitSettings { proxies, of_one_client, webhook_memory, .. } = &settings.limits;
    let largest = edges.forge.delivery_limits().body;
    let app = App {
        edges: Arc::new(edges),
        shelf: flow.shelf(),
        face,
        pulse: Pulse::default(),
        jobs_may_call: settings.runner.may_call,
        retention: settings.retention,
        crowd: Crowd::new(proxies.clone(), *of_one_client),
        bodies: Bodies::new(*webhook_memory, largest),
    };
    Ok(Server { flow, app })
}

/// The limits of connections, reduced if the system does not give enough files.
pub(crate) fn limits(settings: &Settings) -> Limits {
    let LimitSettings { proxies, connections, of_one_client, .. } = settings.limits.clone();
    let bearable = files::bear(files::raise_limit(), connections);
    Limits { connections: bearable, of_one_address: of_one_client, proxies }
}

async fn edges(settings: &Settings, dir: &DataDir, secret_key: &SecretString) -> Result<Edges> {
    let room = room(settings, dir);
    // A full disk does not prevent the start, as long as reserved room can be given back.
    if let Err(fault) = room.trim() {
        tracing::debug!(%fault, "the disk's room cannot be looked after");
    }
    let forge = forge(&settings.github)?;
    let (url, connections) = (database_url(settings, dir), settings.server.database_connections);
    Ok(Edges {
        store: Store::open_with(&url, secret_key, connections).await?,
        broker: Broker::default(),
        mirrors: mirrors(&dir.join("mirrors"), forge.known_hosts())?,
        forge,
        engine: Arc::new(DockerEngine::new(settings.docker.clone())),
        logs: Logs::open(dir.join("logs"))?,
        notifiers: notifiers(settings)?,
        publishers: publishers(settings, dir, &room)?,
        room,
    })
}

/// The client for the forge.
pub(crate) fn forge(settings: &GitHubSettings) -> Result<Arc<dyn Forge>> {
    Ok(Arc::new(GitHub::new(settings.clone()).context("set up the client for GitHub")?))
}

/// The room to keep free on the disks of the data directory and of the database.
pub(crate) fn room(settings: &Settings, dir: &DataDir) -> Room {
    let elsewhere = settings.server.database_url.as_deref().and_then(store::directory_of);
    Room::new([dir.join("")].into_iter().chain(elsewhere).collect(), settings.server.disk_reserve)
}

/// Places for artifacts. If the Auto Builder is off, nothing is put there.
pub(crate) fn publishers(settings: &Settings, dir: &DataDir, room: &Room) -> Result<Publishers> {
    let builder = settings.autobuild.as_ref();
    let hub = builder.and_then(|builder| builder.hub.clone()).map(Hub::new).transpose();
    let directory = |path: fn(&AutoBuilder, &Path) -> PathBuf| {
        let path = builder.map_or_else(|| dir.join("artifacts"), |builder| path(builder, &dir.join("")));
        Directory::new(path, room.clone())
    };
    Ok(Publishers {
        hub: hub.context("set up the client for the hub")?,
        binaries: directory(AutoBuilder::binaries),
        kernels: directory(AutoBuilder::kernels),
    })
}

/// The Auto Builder's settings that concern browsers.
fn auto_builder_face(builder: &AutoBuilder, dir: &DataDir, secret_key: &SecretString) -> AutoBuilderFace {
    let data_dir = dir.join("");
    AutoBuilderFace {
        webhook_secret: builder.flow(|| webhook_secret(secret_key)).webhook_secret,
        monitor_is_public: builder.monitor_is_public,
        artifacts: builder.serves_artifacts.then(|| ArtifactDirs {
            binary: builder.binaries(&data_dir),
            kernel: builder.kernels(&data_dir),
        }),
    }
}

/// Store and engine for a command that works beside a running server.
pub(crate) async fn store_and_engine(settings: &Settings, dir: &DataDir) -> Result<(Store, DockerEngine)> {
    let url = database_url(settings, dir);
    dir.judge_database(&url)?;
    anyhow::ensure!(
        !store::is_server(&url) || store::look(&url).await? != Condition::Missing,
        "the database {} is empty: no server has used it yet",
        store::name_of(&url)
    );
    let store = Store::open(&url, &secret_key(settings, dir)?).await?;
    Ok((store, DockerEngine::new(settings.docker.clone())))
}

/// Does work that needs the database, and closes the database.
pub(crate) async fn closing<T>(store: &Store, work: impl Future<Output = T>) -> T {
    let done = work.await;
    store.close().await;
    done
}

/// The address of the database.
pub(crate) fn database_url(settings: &Settings, dir: &DataDir) -> String {
    settings.server.database_url.clone().unwrap_or_else(|| dir.database_url())
}

/// The database's file. If the database is on a server: the path that SQLite's file would have.
pub(crate) fn database_file(settings: &Settings, dir: &DataDir) -> PathBuf {
    store::file_of(&database_url(settings, dir)).unwrap_or_else(|| dir.join("kozmic.db"))
}

/// The settings of a runner on another machine.
pub(crate) fn runner_settings(settings: &Settings, dir: &DataDir, name: &str) -> RunnerSettings {
    RunnerSettings {
        name: name.to_owned(),
        slots: settings.runner.concurrency,
        work_dir: dir.join("work"),
        largest_checkout: settings.runner.largest_checkout,
        private_registries: PrivateRegistries::new(&settings.runner.private_registries),
    }
}

fn mirrors(path: &Path, known_hosts: &str) -> Result<Mirrors> {
    Mirrors::open_knowing(path.to_owned(), known_hosts)
        .with_context(|| format!("make the directory {}", path.display()))
}

/// The key that seals secrets and signs cookies.
pub(crate) fn secret_key(settings: &Settings, dir: &DataDir) -> Result<SecretString> {
    settings.server.secret_key.clone().map_or_else(|| dir.secret_key(), Ok)
}

/// The notifiers that the settings name.
pub(crate) fn notifiers(settings: &Settings) -> Result<Notifiers> {
    let mut list = Vec::new();
    if let Some(MailSettings { smtp_url, sender, .. }) = settings.mail.clone() {
        list.push(Notifier::Mail(MailSender::new(smtp_url, sender)?));
    }
    Notifiers::new(list)
}

fn flow_settings(settings: &Settings, dir: &DataDir, secret_key: &SecretString) -> Result<FlowSettings> {
    let drawn = || webhook_secret(secret_key);
    Ok(FlowSettings {
        public_url: settings.server.public_url.clone(),
        runner: dir.runner()?,
        instance: dir.instance()?,
        slots: settings.runner.concurrency,
        labels: settings.runner.labels.clone(),
        lease: settings.runner.lease,
        stall_timeout: settings.runner.stall_timeout,
        job_timeout: settings.runner.job_timeout,
        log_limit: settings.runner.log_limit,
        stop_grace: settings.runner.stop_timeout,
        work_dir: dir.join("work"),
        largest_checkout: settings.runner.largest_checkout,
        private_registries: settings.runner.private_registries.clone(),
        cached_images: settings.runner.cached_images,
        invited: settings.server.sign_in_allowed.clone(),
        audit_kept: settings.server.audit_kept,
        mail_limit: settings.mail.as_ref().and_then(|mail| mail.hourly_limit),
        retention: settings.retention,
        autobuild: settings.autobuild.as_ref().map(|builder| builder.flow(drawn)),
    })
}

/// The key for signing cookies, derived from the installation's key.
fn cookie_key(secret_key: &SecretString) -> Key {
    Key::from(&drawn_from::<64>(secret_key, b"kozmic cookies v1"))
}

/// The default secret for signing the Auto Builder's webhooks.
fn webhook_secret(secret_key: &SecretString) -> SecretString {
    hex::encode(drawn_from::<32>(secret_key, b"kozmic autobuild webhook v1")).into()
}

/// A key for one purpose. It does not reveal the installation's key.
fn drawn_from<const LENGTH: usize>(secret_key: &SecretString, info: &[u8]) -> [u8; LENGTH] {
    let mut key = [0; LENGTH];
    Hkdf::<Sha256>::new(None, secret_key.expose_secret().as_bytes())
        .expand(info, &mut key)
        .expect("a few dozen bytes are a valid length for HKDF-SHA-256");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawn_webhook_secret_stays_as_it_is() {
        // Computed elsewhere by RFC 5869 with SHA-256. Another secret would invalidate all webhooks at the forge.
        let secret = webhook_secret(&"0".repeat(32).into());
        let right = "2731b76b21dc408a70bf7de2485de1fc214981c9f23c390477910ea56fc8b806";
        assert_eq!(secret.expose_secret(), right);
        assert_ne!(webhook_secret(&"1".repeat(32).into()).expose_secret(), right);
    }
}
