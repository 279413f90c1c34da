//! Tests the network access of a job's container: a short-lived container tries some addresses, and reports those that
//! it reached.

use super::{DockerEngine, EngineError, network::JobNetwork};
use crate::engine::{ContainerId, Engine, Image, Limits, NewContainer, Stage};
use bollard::query_parameters::{InspectContainerOptions, ListImagesOptions};
use futures_util::TryStreamExt;
use kozmic_model::{ids::JobId, image::ImageName, job::Attempt};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::time::timeout;

/// Defines a shell function that tries an address with a port for two seconds, or for a given time, with the tools of
/// the image.
const TRY: &str = "if command -v bash && command -v timeout; then t() { timeout \"${3:-2}\" bash -c \": </dev/tcp/$1/$2\"; }; \
                   elif command -v nc; then t() { nc -z -w \"${3:-2}\" \"$1\" \"$2\" </dev/null || return 2; }; else exit 3; fi";

/// Tries a host outside, whose name must be looked up first.
const TRY_OUTSIDE: &str =
    "{ if t \"$OUTSIDE_HOST\" \"$OUTSIDE_PORT\" 8; then echo outside; else echo inside; fi; } & ";

/// Runs until the container is removed, and for one minute at most.
const SLEEP: &str = "exec sleep 60";

/// A port on which nothing listens.
const CLOSED: u16 = 9;

/// The mark of containers that belong to no job.
const NOBODYS: Attempt = Attempt { job: JobId(0), number: 0 };

/// The longest time for such a container.
const PATIENCE: Duration = Duration::from_secs(20);

/// The number of images that are tried until one has the tools.
const IMAGES: usize = 3;

/// The prefix of image names that are tried first.
const LIKELY: &str = "kozmic/";

/// The prefix of image names that projects made.
const OF_PROJECTS: &str = "kozmic-cache/";

/// The places that a job's container can reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The tried addresses that it reached.
    pub addresses: Vec<SocketAddr>,
    /// True if it reached another job's container; none if that is unknown.
    pub other_jobs: Option<bool>,
    /// True if it reached the host outside; none if no host was given.
    pub outside: Option<bool>,
    /// The image of the container.
    pub image: String,
}

/// The places to try from a job's container.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// The installation whose mark the containers have. If this process dies, the sweep removes them by it.
    pub instance: &'a str,
    /// The image for the test; none: any suitable one on the engine.
    pub image: Option<&'a ImageName>,
    /// Addresses that jobs should not reach.
    pub targets: &'a [SocketAddr],
    /// A host and its port that jobs must reach.
    pub outside: Option<(&'a str, u16)>,
}

impl DockerEngine {
    /// Tries some addresses from a job's container; none if no image on the engine has the tools.
    ///
    /// # Errors
    /// The engine does not answer, lacks something that jobs need, or refuses to run a container like a job's.
    pub async fn reach(&self, trial: &Trial<'_>) -> Result<Option<Reach>, EngineError> {
        let names = match trial.image {
            Some(name) => vec![name.clone()],
            None => self.likely_images().await?,
        };
        for name in names {
            let Some(image) = self.find_image(&name).await? else { continue };
            let (other, one) = (container(&image, trial, SLEEP), container(&image, trial, ""));
            let other = self.create_container(&other).await?;
            let found = self.try_beside(&other, one, trial).await;
            self.remove_container(&other).await?;
            self.remove_apart(trial.instance, NOBODYS).await?;
            match found {
                Ok(None) => {}
                Err(fault) if lacks_shell(&fault) => {}
                found => return Ok(found?.map(|found| Reach { image: name.to_string(), ..found })),
            }
        }
        Ok(None)
    }

    async fn likely_images(&self) -> Result<Vec<ImageName>, EngineError> {
        let all = self.docker()?.list_images(None::<ListImagesOptions>).await;
        let all = all.map_err(|fault| self.fault(fault))?;
        let names = all.into_iter().flat_map(|image| image.repo_tags);
        let mut names = names.filter(|name| !name.starts_with(OF_PROJECTS)).collect::<Vec<_>>();
        names.sort_by_key(|name| !name.starts_with(LIKELY));
        Ok(names.iter().filter_map(|name| name.parse().ok()).take(IMAGES).collect())
    }

    /// Tries them while another job's container runs. That container listens nowhere, so it refuses a packet that
    /// reaches it.
    async fn try_beside(
        &self,
        other: &ContainerId,
        mut wanted: NewContainer,
        trial: &Trial<'_>,
    ) -> Result<Option<Reach>, EngineError> {
        let is_alone = matches!(self.settings.network, JobNetwork::Each(_));
        self.start_container(other).await?;
        let beside = if is_alone { None } else { self.address_of(other).await? };
        wanted.command = shell(&script(trial, beside));
        let container = self.create_container(&wanted).await?;
        let tried = timeout(PATIENCE, self.run(&container)).await;
        self.remove_container(&container).await?;
        let said = match tried {
            Ok(Ok(Some(said))) => said,
            Ok(Err(fault)) => return Err(fault),
            Ok(Ok(None)) | Err(_) => return Ok(None),
        };
        let has_said = |text: String| said.lines().any(|line| line == text);
        let is_reached = |target: &&SocketAddr| has_said(format!("reached {target}"));
        let other_jobs = beside.and_then(|_| match has_said("apart".to_owned()) {
            true => Some(false),
            false => has_said("together".to_owned()).then_some(true),
        });
        Ok(Some(Reach {
            addresses: trial.targets.iter().filter(is_reached).copied().collect(),
            other_jobs,
            outside: trial.outside.map(|_| has_said("outside".to_owned())),
            image: String::new(),
        }))
    }

    async fn address_of(&self, container: &ContainerId) -> Result<Option<IpAddr>, EngineError> {
        let found = self.docker()?.inspect_container(&container.0, None::<InspectContainerOptions>).await;
        let found = found.map_err(|fault| self.fault(fault))?;
        let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        Ok(networks.into_values().find_map(|endpoint| endpoint.ip_address?.parse().ok()))
    }

    /// The output of a container; none if its tools were missing.
    async fn run(&self, container: &ContainerId) -> Result<Option<String>, EngineError> {
        self.start_container(container).await?;
        if self.wait_for(container).await? != 0 {
            return Ok(None);
        }
        let pieces = self.output(container).await?.try_collect::<Vec<_>>().await?;
        let bytes = pieces.into_iter().flat_map(|piece| piece.bytes).collect::<Vec<_>>();
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// Tries all targets at once. If another container refuses a packet, the packet arrived. A dropped packet ends in a
/// timeout with code 124. A firewall's answer looks different, unless it imitates the container's.
fn script(trial: &Trial<'_>, beside: Option<IpAddr>) -> String {
    let target =
        |target: &SocketAddr| format!("t {} {} && echo reached {target} & ", target.ip(), target.port());
    let tries = trial.targets.iter().map(target).collect::<String>();
    let outside = trial.outside.map_or("", |_| TRY_OUTSIDE);
    let beside = beside.map(|address| {
        format!(
            "{{ m=$(t {address} {CLOSED} 2>&1); case $?$m in 124*|*'No route'*|*prohibited*) echo apart;; 1*refused*) echo \
             together;; esac; }} & "
        )
    });
    format!(
        "export LC_ALL=C; exec 3>&1 >/dev/null 2>&1; {TRY}; exec >&3; {tries}{outside}{}wait; exit 0",
        beside.unwrap_or_default()
    )
}

/// True if a container did not start because its image has no shell.
fn lacks_shell(fault: &EngineError) -> bool {
    matches!(fault, EngineError::Refused { message, .. } if message.contains("no such file or directory"))
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).into()
}

fn container(image: &Image, trial: &Trial<'_>, script: &str) -> NewContainer {
    let outside = trial.outside.into_iter();
    let outside = outside
        .flat_map(|(host, port)| [("OUTSIDE_HOST", host.to_owned()), ("OUTSIDE_PORT", port.to_string())]);
    NewContainer {
        instance: trial.instance.to_owned(),
        attempt: NOBODYS,
        stage: Stage::Build,
        image: image.id.clone(),
        command: shell(script),
        user: String::new(),
        working_dir: "/".to_owned(),
        environment: outside.map(|(name, value)| (name.to_owned(), value)).collect(),
        volumes: Vec::new(),
        takes_input: false,
        has_terminal: false,
        limits: Limits { no_new_privileges: true, ..Limits::default() },
    }
}
