//! The way out of a job's container, by experiment: a short-lived one tries some addresses, and says which let it in.

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

/// Has a shell try an address with a port for two seconds, or as many as are said, by what the image has for that.
const TRY: &str = "if command -v bash && command -v timeout; then t() { timeout \"${3:-2}\" bash -c \": </dev/tcp/$1/$2\"; }; \
                   elif command -v nc; then t() { nc -z -w \"${3:-2}\" \"$1\" \"$2\" </dev/null || return 2; }; else exit 3; fi";

/// Has it try a host outside, whose name has to be looked up first.
const TRY_OUTSIDE: &str =
    "{ if t \"$OUTSIDE_HOST\" \"$OUTSIDE_PORT\" 8; then echo outside; else echo inside; fi; } & ";

/// Runs until it is removed, and for no more than a minute.
const SLEEP: &str = "exec sleep 60";

/// A port that nothing listens on.
const CLOSED: u16 = 9;

/// The mark of containers that are no job's.
const NOBODYS: Attempt = Attempt { job: JobId(0), number: 0 };

/// Longest time that such a container may run.
const PATIENCE: Duration = Duration::from_secs(20);

/// Number of images that are tried until one can do it.
const IMAGES: usize = 3;

/// Beginning of the names of images that are tried first.
const LIKELY: &str = "kozmic/";

/// Beginning of the names of images that projects made.
const OF_PROJECTS: &str = "kozmic-cache/";

/// The places that a job's container gets to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Those of the addresses in question that let it in.
    pub addresses: Vec<SocketAddr>,
    /// Whether it gets to another job's container; none if that cannot be told.
    pub other_jobs: Option<bool>,
    /// Whether it gets to the host outside; none if there was none to try.
    pub outside: Option<bool>,
    /// The image that it was made of.
    pub image: String,
}

/// Things to try from a job's container.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// The installation whose mark the containers bear, so that they are swept up should this process end.
    pub instance: &'a str,
    /// The image to try with; none: whichever is there.
    pub image: Option<&'a ImageName>,
    /// Addresses that jobs may better not get to.
    pub targets: &'a [SocketAddr],
    /// A host and its port that jobs are to get to.
    pub outside: Option<(&'a str, u16)>,
}

impl DockerEngine {
    /// Tries some addresses from a job's container; none if no image on the engine can try.
    ///
    /// # Errors
    /// The engine does not answer, lacks what jobs need, or refuses to run a container such as a job's.
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

    /// Tries them with another job's container running, which listens nowhere: it refuses what gets to it.
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

    /// The output of a container; none if it could not do what it should.
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

/// Tries all of them at once. A packet that another container refuses got there; one that is dropped is waited for, as
/// 124 says. A firewall's answer is another one, if it does not pretend to be the container's.
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

/// Whether a container did not start since its image has no shell.
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
