//! The answers tried out: the OAuth application at GitHub, the engine, git and ssh, the port. Nothing is made or changed.

use super::{draft::Answers, installation::Installation};
use crate::settings::{Settings, SettingsFaults};
use kozmic_edges::{
    engine::{Engine, docker::DockerEngine},
    forge::{Forge, github::GitHub},
    git::Mirrors,
};
use std::{io::ErrorKind, net::SocketAddr};
use tokio::net::TcpListener;
use url::{Host, Url};

/// Something that was tried.
pub(super) struct Tried {
    /// Its name for people.
    pub(super) what: &'static str,
    /// The outcome.
    pub(super) outcome: Outcome,
}

/// The outcome of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It works.
    Well(String),
    /// It is worth a thought.
    Mind(String),
    /// It does not work.
    Bad(String),
}

impl Tried {
    fn new<F: ToString>(what: &'static str, outcome: Result<String, F>) -> Self {
        let outcome = outcome.map_or_else(|fault| Outcome::Bad(fault.to_string()), Outcome::Well);
        Self { what, outcome }
    }

    /// Settings that the server would refuse.
    pub(super) fn settings(fault: &SettingsFaults) -> Self {
        Self { what: "settings", outcome: Outcome::Bad(fault.to_string()) }
    }

    /// Whether it does not work.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self.outcome, Outcome::Bad(_))
    }

    /// The word for the outcome, as `kozmic check` has it.
    pub(super) fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::Well(_) => "ok",
            Outcome::Mind(_) => "note",
            Outcome::Bad(_) => "FAIL",
        }
    }

    /// The outcome in words.
    pub(super) fn words(&self) -> &str {
        match &self.outcome {
            Outcome::Well(words) | Outcome::Mind(words) | Outcome::Bad(words) => words,
        }
    }
}

/// The programs that Kozmic needs beside itself.
pub(super) async fn programs() -> [Tried; 2] {
    [Tried::new("git", Mirrors::version().await), Tried::new("ssh", Mirrors::ssh_version().await)]
}

/// GitHub's answer to the OAuth application of these answers.
pub(super) async fn application(answers: &Answers, installation: &Installation) -> Tried {
    Tried::new("OAuth application", known_application(answers, installation).await)
}

/// The API is asked first: that GitHub cannot be reached is no fault of the application's.
async fn known_application(answers: &Answers, installation: &Installation) -> Result<String, String> {
    let settings = answers.github(installation).ok_or("the address of GitHub is none")?;
    let callback = Url::parse(&answers.callback()).map_err(|fault| fault.to_string())?;
    let id = settings.client_id.clone();
    let forge = GitHub::new(settings).map_err(|fault| format!("{fault:#}"))?;
    forge.greet().await.map_err(|fault| fault.to_string())?;
    forge.try_client(&callback).await.map_err(|fault| fault.to_string())?;
    Ok(format!("GitHub knows {id}, and the secret fits"))
}

/// The engine of these settings.
pub(super) async fn engine(settings: &Settings) -> Tried {
    let engine = DockerEngine::new(settings.docker.clone());
    let version = engine.version().await.map(|version| format!("{version} at {}", settings.docker.url));
    Tried::new("Docker engine", version)
}

/// The address to listen on: free, or the one that is in use by what is set up here. A name will do.
pub(super) async fn port(listen: &str, of_now: &str, of_page: Option<SocketAddr>) -> Tried {
    let what = "address to listen on";
    let is_pages =
        |page: SocketAddr| listen.rsplit_once(':').is_some_and(|(_, port)| port == page.port().to_string());
    if of_page.is_some_and(is_pages) {
        let words = format!("{listen}; this page is there until the set-up is over");
        return Tried { what, outcome: Outcome::Well(words) };
    }
    let outcome = match TcpListener::bind(listen).await {
        Ok(_) => Outcome::Well(format!("{listen} is free")),
        Err(fault) if fault.kind() == ErrorKind::AddrInUse && of_now == listen => {
            Outcome::Mind(format!("{listen} is in use, which is right if Kozmic runs there now"))
        }
        Err(fault) => Outcome::Bad(format!("cannot listen on {listen}: {fault}")),
    };
    Tried { what, outcome }
}

/// The public address, as far as it tells by itself that GitHub cannot reach it.
pub(super) fn public_address(url: &Url, github: &str) -> Option<Tried> {
    let is_near = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || !name.contains('.'),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unique_local(),
        None => true,
    };
    let is_far = Url::parse(github).is_ok_and(|github| !is_near(&github));
    let words = match (is_near(url) && is_far, url.scheme()) {
        (true, _) => format!("{github} does not reach {url}: nothing is built by a push until it does"),
        (false, "http") if !is_near(url) => {
            format!("{url} is without TLS: whoever is on the way can read and change what goes there")
        }
        _ => return None,
    };
    Some(Tried { what: "public address", outcome: Outcome::Mind(words) })
}

/// The people who may sign in, if that is everybody.
pub(super) fn people(answers: &Answers) -> Option<Tried> {
    let words = || {
        let github = answers.of("github_url");
        format!("everybody with an account at {github} may sign in, and run jobs here for their repositories")
    };
    let is_everybody = answers.of("sign_in_allowed").is_empty();
    is_everybody.then(|| Tried { what: "people", outcome: Outcome::Mind(words()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_a_fault_unless_it_is_kozmics_own() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let listen = address.to_string();
        assert!(port(&listen, "", None).await.is_bad());
        assert_eq!(port(&listen, &listen, None).await.word(), "note");
        assert_eq!(port(&listen, "", Some(address)).await.word(), "ok");
        drop(taken);
        assert_eq!(port(&format!("localhost:{}", address.port()), "", None).await.word(), "ok");
    }

    #[test]
    fn an_address_that_github_cannot_reach_is_told() {
        let look = |url: &str, github: &str| {
            public_address(&Url::parse(url).unwrap(), github).map(|tried| tried.words().to_owned())
        };
        let hub = "https://github.com";
        assert!(look("http://127.0.0.1:8080", hub).unwrap().contains("does not reach"));
        assert!(look("https://ci", hub).unwrap().contains("does not reach"));
        assert!(look("http://ci.example.com", hub).unwrap().contains("without TLS"));
        assert_eq!(look("https://ci.example.com", hub), None);
        assert_eq!(look("http://10.0.0.5", "http://10.0.0.6"), None);
    }
}
