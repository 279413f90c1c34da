//! `kozmic serve`: pages, deliveries and jobs in one process, until a signal ends it.

use crate::{
    at_rest, data_dir::DataDir, failure::Failure, settings::Settings, sole::Sole, version::VERSION, wire,
};
use anyhow::Context;
use kozmic_edges::{
    git::{GitError, Mirrors},
    store,
};
use std::{io, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// Time for open connections and unfinished steps to end.
const FAREWELL: Duration = Duration::from_secs(10);

/// Number of tries to listen on an address in use, and the pause between them.
const TRIES: u32 = 10;
const TRY: Duration = Duration::from_millis(100);

/// Serves until SIGTERM or SIGINT.
#[expect(clippy::print_stdout, reason = "who starts a server by hand or from a script waits for this line")]
pub(crate) async fn serve(settings: Settings) -> Result<ExitCode, Failure> {
    let dir = DataDir::take(&settings.server.data_dir)?;
    let database = wire::database_url(&settings, &dir);
    dir.judge_database(&database)?;
    if let Err(fault @ GitError::TooOld { .. }) = Mirrors::version().await {
        return Err(Failure::other(fault.into()));
    }
    let limits = wire::limits(&settings);
    if limits.connections < settings.limits.connections {
        tracing::warn!(
            connections = limits.connections,
            "the limit of open files leaves fewer connections than connections_limit"
        );
    }
    at_rest::close(&dir.join(""), &wire::database_file(&settings, &dir));
    let address = settings.server.listen;
    let listener = listen(address).await.map_err(|cause| Failure::Listen { address, cause })?;
    let address = listener.local_addr().context("read the address that we listen on")?;
    let server = wire::server(&settings, &dir).await?;
    let (stop, store) = (server.flow.stop.clone(), server.flow.edges.store.clone());
    let sole = Sole::take(&store, &dir).await?;
    if let Err(fault) = dir.note_database(&database) {
        tracing::warn!(error = format!("{fault:#}"), "the database cannot be noted in the data directory");
    }
    let ended = signals(stop.clone())?;
    server.flow.start().await;
    println!("Kozmic listens on http://{address}");
    let (public_url, database) = (&settings.server.public_url, store::name_of(&database));
    tracing::info!(version = VERSION, %address, %public_url, %database, "serving");
    let for_runners = Arc::new(server.flow.remote_runners());
    let for_runners = kozmic_remote::router(for_runners, stop.clone(), server.flow.tasks.clone());
    let router = kozmic_web::router(server.app, for_runners);
    let mut is_taken = false;
    tokio::select! {
        () = kozmic_web::serve(listener, router, limits, stop.clone()) => {}
        () = sole.keep() => {
            is_taken = true;
            stop.cancel();
        }
        () = after_stop(&stop) => tracing::info!("connections that stayed open were cut"),
    }
    if tokio::time::timeout(FAREWELL, server.flow.shut_down()).await.is_err() {
        tracing::warn!("some steps did not end in time; the next start goes on with them");
    }
    sole.leave().await;
    store.close().await;
    ended.abort();
    if is_taken {
        return Err(Failure::DatabaseTaken);
    }
    tracing::info!("stopped; running containers go on and are found again");
    Ok(ExitCode::SUCCESS)
}

/// Listens on an address, even if `kozmic check` is trying it at this moment: that releases it soon.
async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    for _ in 0..TRIES {
        match TcpListener::bind(address).await {
            Err(fault) if fault.kind() == io::ErrorKind::AddrInUse => tokio::time::sleep(TRY).await,
            bound => return bound,
        }
    }
    TcpListener::bind(address).await
}

async fn after_stop(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(FAREWELL).await;
}

/// Handles signals: the first one stops in order, the second one at once.
pub(super) fn signals(stop: CancellationToken) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(1);
            }
            tracing::info!("stopping: no new work is taken");
            stop.cancel();
        }
    }))
}
