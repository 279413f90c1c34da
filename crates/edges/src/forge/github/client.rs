//! The HTTP side of GitHub: headers, time-outs, rate limits, and errors in GitHub's own words.

use super::ForgeError;
use kozmic_model::project::Repository;
use reqwest::{Method, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(20);

/// How long to wait when GitHub limits without saying for how long; its documentation asks for a minute.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// The largest picture that is kept, in bytes.
const PICTURE_LIMIT: usize = 512 * 1024;

pub(super) struct Client {
    http: reqwest::Client,
    api: Url,
}

/// One page of a list and the address of the next.
pub(super) struct ListPage<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<Url>,
}

impl Client {
    pub(super) fn new(api: Url) -> anyhow::Result<Self> {
        let agent = concat!("Kozmic/", env!("CARGO_PKG_VERSION"));
        let http = reqwest::Client::builder().user_agent(agent).timeout(TIMEOUT).connect_timeout(TIMEOUT / 2);
        Ok(Self { http: http.build()?, api })
    }

    /// `<api>/<segments>`, each segment escaped.
    pub(super) fn path(&self, segments: &[&str]) -> Result<Url, ForgeError> {
        let mut url = self.api.clone();
        let fault = || self.unexpected(format!("{} cannot be a base address", self.api));
        url.path_segments_mut().map_err(|()| fault())?.pop_if_empty().extend(segments);
        Ok(url)
    }

    /// `<api>/repos/<owner>/<name>/<rest>`.
    pub(super) fn repository_path(&self, repository: &Repository, rest: &[&str]) -> Result<Url, ForgeError> {
        self.path(&[&["repos", repository.owner.as_str(), repository.name.as_str()], rest].concat())
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        url: Url,
        token: &SecretString,
    ) -> Result<T, ForgeError> {
        let response = self.send(self.request(Method::GET, url, token)).await?;
        self.json(response).await
    }

    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        url: Url,
        token: &SecretString,
    ) -> Result<ListPage<T>, ForgeError> {
        let response = self.send(self.request(Method::GET, url, token)).await?;
        let next = response.headers().get(header::LINK).and_then(|link| next_link(link.to_str().ok()?));
        // A token never goes to another host than GitHub's, whatever a header says.
        let next = next.filter(|next| next.origin() == self.api.origin());
        Ok(ListPage { items: self.json(response).await?, next })
    }

    pub(super) async fn post(
        &self,
        url: Url,
        token: &SecretString,
        body: &impl Serialize,
    ) -> Result<Response, ForgeError> {
        self.send(self.request(Method::POST, url, token).json(body)).await
    }

    pub(super) async fn patch(
        &self,
        url: Url,
        token: &SecretString,
        body: &impl Serialize,
    ) -> Result<Response, ForgeError> {
        self.send(self.request(Method::PATCH, url, token).json(body)).await
    }

    /// A form outside the API: the OAuth exchange.
    pub(super) async fn post_form<T: DeserializeOwned>(
        &self,
        url: Url,
        form: &[(&str, &str)],
    ) -> Result<T, ForgeError> {
        let request = self.http.post(url).header(header::ACCEPT, "application/json").form(form);
        self.json(self.send(request).await?).await
    }

    pub(super) async fn picture(&self, url: &str) -> Result<(String, Vec<u8>), ForgeError> {
        let url = Url::parse(url).map_err(|fault| self.unexpected(fault))?;
        let response = self.send(self.http.get(url)).await?;
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        // No SVG: it may carry scripts.
        if !["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&kind.as_str()) {
            return Err(self.unexpected(format!("a picture of type \"{kind}\"")));
        }
        let bytes = self.limited(response, PICTURE_LIMIT).await?;
        Ok((kind, bytes))
    }

    /// What GitHub says without a token: that it is there.
    pub(super) async fn greet(&self) -> Result<String, ForgeError> {
        let response =
            self.http.get(self.api.clone()).send().await.map_err(|fault| self.unreachable(&fault))?;
        match response.status() {
            // An Enterprise server in private mode answers 401 to strangers: it is there all the same.
            status if status.is_server_error() => Err(self.error_of(response).await),
            status => Ok(format!("{} answers ({status})", self.forge())),
        }
    }

    pub(super) async fn json<T: DeserializeOwned>(&self, response: Response) -> Result<T, ForgeError> {
        let bytes = response.bytes().await.map_err(|fault| self.unreachable(&fault))?;
        serde_json::from_slice(&bytes).map_err(|fault| self.unexpected(fault))
    }

    pub(super) fn unexpected(&self, cause: impl ToString) -> ForgeError {
        ForgeError::Unexpected { forge: self.forge(), cause: cause.to_string() }
    }

    pub(super) fn refused(&self, status: StatusCode, message: String) -> ForgeError {
        ForgeError::Refused { forge: self.forge(), status: status.as_u16(), message }
    }

    fn request(&self, method: Method, url: Url, token: &SecretString) -> reqwest::RequestBuilder {
        self.http
            .request(method, url)
            .bearer_auth(token.expose_secret())
            .header(header::ACCEPT, "application/vnd.github+json")
            .header("X-GitHub-Api-Version", "2022-11-28")
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, ForgeError> {
        let response = request.send().await.map_err(|fault| self.unreachable(&fault))?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(self.error_of(response).await),
        }
    }

    async fn error_of(&self, response: Response) -> ForgeError {
        let status = response.status();
        let wait = asked_wait(&response);
        let text = self.limited(response, 64 * 1024).await.unwrap_or_default();
        let message = message_of(&text);
        let forge = self.forge();
        match status {
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS if is_limit(status, wait, &message) => {
                ForgeError::RateLimited { forge, wait: wait.unwrap_or(DEFAULT_WAIT), message }
            }
            _ if status.is_server_error() => ForgeError::Broken { forge, status: status.as_u16(), message },
            _ => self.refused(status, message),
        }
    }

    async fn limited(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, ForgeError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|fault| self.unreachable(&fault))? {
            if bytes.len() + chunk.len() > limit {
                return Err(self.unexpected(format!("an answer of more than {limit} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn unreachable(&self, fault: &reqwest::Error) -> ForgeError {
        let mut cause = fault.to_string();
        let mut source = std::error::Error::source(fault);
        while let Some(inner) = source {
            cause = format!("{cause}: {inner}");
            source = inner.source();
        }
        ForgeError::Unreachable { forge: self.forge(), cause }
    }

    fn forge(&self) -> String {
        self.api.host_str().unwrap_or("GitHub").to_owned()
    }
}

/// How long the headers ask to wait: `Retry-After` in seconds, else until `X-RateLimit-Reset` if nothing remains.
fn asked_wait(response: &Response) -> Option<Duration> {
    let number = |name: &str| response.headers().get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    if let Some(seconds) = number("retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if number("x-ratelimit-remaining")? > 0 {
        return None;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Some(Duration::from_secs(number("x-ratelimit-reset")?.saturating_sub(now).max(1)))
}

fn is_limit(status: StatusCode, wait: Option<Duration>, message: &str) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || wait.is_some() || message.to_lowercase().contains("rate limit")
}

/// GitHub's own words: `message`, with the details of `errors` behind.
fn message_of(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else {
        return String::from_utf8_lossy(body).chars().take(200).collect();
    };
    let details = json["errors"].as_array().into_iter().flatten();
    let details = details.filter_map(|detail| detail["message"].as_str().or(detail.as_str()));
    std::iter::once(json["message"].as_str().unwrap_or("no message"))
        .chain(details)
        .collect::<Vec<_>>()
        .join("; ")
}

/// The address with `rel="next"` in a Link header.
fn next_link(header: &str) -> Option<Url> {
    let link = header.split(',').find(|link| link.contains("rel=\"next\""))?;
    let (_, rest) = link.split_once('<')?;
    Url::parse(rest.split_once('>')?.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let header = "<https://api.github.com/a?page=1>; rel=\"prev\", <https://api.github.com/a?page=3>; rel=\"next\"";
        assert_eq!(next_link(header).unwrap().as_str(), "https://api.github.com/a?page=3");
        assert!(next_link("<https://api.github.com/a?page=1>; rel=\"prev\"").is_none());
    }

    #[test]
    fn errors_come_in_githubs_words() {
        let body = br#"{"message":"Validation Failed","errors":[{"message":"Hook already exists"}]}"#;
        assert_eq!(message_of(body), "Validation Failed; Hook already exists");
        assert_eq!(message_of(b"<html>"), "<html>");
    }
}
