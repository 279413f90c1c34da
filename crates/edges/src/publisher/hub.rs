//! The publisher for a hub, which turns an archive into a file list, and leads a stable name to the newest list. A
//! login server issues the tokens (JWT) that the hub requires.

mod answer;
mod login;
mod look;
mod progress;
#[cfg(test)]
mod tests;

use super::PublishError;
use anyhow::Context;
use login::Login;
pub use look::Look;
use progress::Progress;
use reqwest::{
    header::{COOKIE, HeaderValue},
    multipart::{Form, Part},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::fs::File;
use url::Url;

/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The longest time of a call without a file.
const CALL: Duration = Duration::from_secs(60);

/// The settings of the hub.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// The hub's address.
    pub url: Url,
    /// The address of its login server.
    pub auth_url: Url,
    /// The user whose lists are uploaded.
    pub user: String,
    /// The JWT with which newer ones are requested.
    pub token: SecretString,
}

/// A hub; cheap to clone.
#[derive(Clone)]
pub struct Hub {
    insides: Arc<Insides>,
}

struct Insides {
    http: reqwest::Client,
    url: Url,
    user: String,
    login: Login,
}

impl Hub {
    /// Prepares the calls; nothing is called yet.
    ///
    /// # Errors
    /// An address cannot have paths, the user cannot be in a cookie, or there is no TLS.
    pub fn new(settings: HubSettings) -> anyhow::Result<Self> {
        let HubSettings { url, auth_url, user, token } = settings;
        for url in [&url, &auth_url] {
            anyhow::ensure!(matches!(url.scheme(), "http" | "https"), "{url} is no address of a web server");
        }
        anyhow::ensure!(is_cookie(&user), "\"{}\" is no user of a hub", user.escape_debug());
        let agent = concat!("Kozmic/", env!("CARGO_PKG_VERSION"));
        // The client follows no redirects, because its calls contain tokens.
        let builder = reqwest::Client::builder().user_agent(agent).redirect(redirect::Policy::none());
        let http = builder.connect_timeout(CONNECT).build().context("build a client for the hub")?;
        let login = Login::new(http.clone(), auth_url, token);
        Ok(Self { insides: Arc::new(Insides { http, url, user, login }) })
    }

    /// Uploads an archive, from which the hub makes a list with this name. The upload may take any time, as long as it
    /// progresses.
    ///
    /// # Errors
    /// The file cannot be read, or the hub refuses it.
    pub async fn upload(&self, file: &Path, name: &str) -> Result<(), PublishError> {
        let step = || PublishError::io(format!("read {name}"));
        let jwt = self.insides.login.refresh().await?;
        let file = File::open(file).await.map_err(step())?;
        let size = file.metadata().await.map_err(step())?.len();
        let (body, progress) = Progress::of(file);
        let part = Part::stream_with_length(body, size).file_name(name.to_owned());
        let request = self.insides.http.post(self.address_of(&["api", "flist", "me", "upload"]));
        let request = request.header(COOKIE, self.cookies(&jwt)?).multipart(Form::new().part("file", part));
        let answered = async {
            let response = request.send().await.map_err(|fault| self.unreachable(fault))?;
            answer::check(response, &self.place(), &jwt).await
        };
        tokio::select! {
            outcome = answered => outcome,
            stalled = progress.stalled() => {
                Err(PublishError::Unreachable { place: self.place(), cause: stalled })
            }
        }
    }

    /// Makes `stable` lead to the list `flist`.
    ///
    /// # Errors
    /// The hub refuses.
    pub async fn link(&self, flist: &str, stable: &str) -> Result<(), PublishError> {
        let jwt = self.insides.login.current().await?;
        let url = self.address_of(&["api", "flist", "me", flist, "link", stable]);
        let request = self.insides.http.get(url).header(COOKIE, self.cookies(&jwt)?).timeout(CALL);
        let response = request.send().await.map_err(|fault| self.unreachable(fault))?;
        answer::check(response, &self.place(), &jwt).await
    }

    /// The address of a list for people. A name and a password in the configured address are left out.
    pub fn address(&self, name: &str) -> String {
        let mut url = self.address_of(&[&self.insides.user, name]);
        // It fails only if the address cannot have a name and a password.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.into()
    }

    /// `<hub>/<segments>`, each segment escaped.
    fn address_of(&self, segments: &[&str]) -> Url {
        below(&self.insides.url, segments)
    }

    fn cookies(&self, jwt: &SecretString) -> Result<HeaderValue, PublishError> {
        let cookies = format!("caddyoauth={}; active-user={}", jwt.expose_secret(), self.insides.user);
        let words = "its user and token make no cookies".to_owned();
        let mut value = cookies
            .parse::<HeaderValue>()
            .map_err(|_| PublishError::Refused { place: self.place(), words })?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn unreachable(&self, fault: reqwest::Error) -> PublishError {
        answer::unreachable(self.place(), fault)
    }

    fn place(&self) -> String {
        place(&self.insides.url)
    }
}

/// An address below another, each segment escaped.
fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// Host and port, as errors name them.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or("the hub");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// True if the text can be the value of a cookie.
fn is_cookie(text: &str) -> bool {
    let is_kept = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\');
    !text.is_empty() && text.bytes().all(is_kept)
}
