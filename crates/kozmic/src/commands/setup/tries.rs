//! Tries the answers: the OAuth application at GitHub, the engine, git and ssh, the port. Nothing is made or changed.

use super::{draft::Answers, installation::Installation};
use crate::{
    commands::{
        finding::Finding,
        looks::{
            self, AtForge,
            near::{Near, nearness},
        },
    },
    settings::{Settings, SettingsFaults},
};
use std::{io::ErrorKind, net::SocketAddr};
use tokio::net::TcpListener;
use url::Url;

/// The result of a try.
pub(super) struct Tried {
    /// The name of the thing for people.
    pub(super) what: &'static str,
    /// The finding.
    pub(super) outcome: Finding,
}

impl Tried {
    /// The result for settings that the server would refuse.
    pub(super) fn settings(fault: &SettingsFaults) -> Self {
        Self { what: "settings", outcome: Finding::Bad(fault.to_string()) }
    }
}

/// The programs that Kozmic needs.
pub(super) async fn programs() -> [Tried; 2] {
    [Tried { what: "git", outcome: looks::git().await }, Tried { what: "ssh", outcome: looks::ssh().await }]
}

/// GitHub's answer to the OAuth application of these answers.
pub(super) async fn application(answers: &Answers, installation: &Installation) -> Tried {
    let outcome = match answers.github(installation).zip(Url::parse(answers.of("public_url")).ok()) {
        None => Finding::Bad("the address of GitHub, or the public address, is none".to_owned()),
        Some((settings, public_url)) => match looks::at_forge(&settings, &public_url).await {
            AtForge { api: Finding::Well(_), sign_in: Some(sign_in) } => sign_in,
            AtForge { api, .. } => api,
        },
    };
    Tried { what: "OAuth application", outcome }
}

/// The engine of these settings.
pub(super) async fn engine(settings: &Settings) -> Tried {
    Tried { what: "Docker engine", outcome: looks::engine(settings).await }
}

/// The address to listen on: it has to be free, or in use by the installation that is being set up. A name is allowed.
pub(super) async fn port(listen: &str, of_now: &str, of_page: Option<SocketAddr>) -> Tried {
    let what = "address to listen on";
    let is_pages =
        |page: SocketAddr| listen.rsplit_once(':').is_some_and(|(_, port)| port == page.port().to_string());
    if of_page.is_some_and(is_pages) {
        let words = format!("{listen}; this page is there until the set-up is over");
        return Tried { what, outcome: Finding::Well(words) };
    }
    let outcome = match TcpListener::bind(listen).await {
        Ok(_) => Finding::Well(format!("{listen} is free")),
        Err(fault) if fault.kind() == ErrorKind::AddrInUse && of_now == listen => {
            Finding::Mind(format!("{listen} is in use, which is right if Kozmic runs there now"))
        }
        Err(fault) => Finding::Bad(format!("cannot listen on {listen}: {fault}")),
    };
    Tried { what, outcome }
}

/// A finding about the public address, if the address itself shows that GitHub cannot reach it or that it has no TLS.
pub(super) async fn public_address(url: &Url, github: &str) -> Option<Tried> {
    let Ok(forge) = Url::parse(github) else { return None };
    let words = match (nearness(url).await, nearness(&forge).await, url.scheme()) {
        (Near::Machine | Near::Network, Near::Far, _) => {
            format!("{github} does not reach {url}: nothing is built by a push until it does")
        }
        (Near::Far, _, "http") => {
            format!("{url} is without TLS: whoever is on the way can read and change what goes there")
        }
        _ => return None,
    };
    Some(Tried { what: "public address", outcome: Finding::Mind(words) })
}

/// A finding about the people who may sign in, if that is everybody.
pub(super) fn people(answers: &Answers) -> Option<Tried> {
    let words = || {
        let github = answers.of("github_url");
        format!("everybody with an account at {github} may sign in, and run jobs here for their repositories")
    };
    let is_everybody = answers.of("sign_in_allowed").is_empty();
    is_everybody.then(|| Tried { what: "people", outcome: Finding::Mind(words()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_a_fault_unless_it_is_kozmics_own() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let listen = address.to_string();
        assert!(port(&listen, "", None).await.outcome.is_bad());
        assert_eq!(port(&listen, &listen, None).await.outcome.word(), "note");
        assert_eq!(port(&listen, "", Some(address)).await.outcome.word(), "ok");
        assert_eq!(port("127.0.0.1:0", "", None).await.outcome.word(), "ok");
    }

    #[tokio::test]
    async fn an_address_that_github_cannot_reach_is_told() {
        let look = async |url: &str, github: &str| {
            let tried = public_address(&Url::parse(url).unwrap(), github).await;
            tried.map(|tried| tried.outcome.words().to_owned())
        };
        // An address of a network for documentation (RFC 5737), so that no name is looked up.
        let far = "https://192.0.2.1";
        assert!(look("http://127.0.0.1:8080", far).await.unwrap().contains("does not reach"));
        assert!(look("https://10.0.0.5", far).await.unwrap().contains("does not reach"));
        assert!(look("http://192.0.2.2", far).await.unwrap().contains("without TLS"));
        assert_eq!(look("https://192.0.2.2", far).await, None);
        assert_eq!(look("http://10.0.0.5", "http://10.0.0.6").await, None);
    }
}
