//! The HTTP side of GitHub: headers, time-outs, rate limits, and errors in GitHub's own words.

use super::ForgeError;
use kozmic_model::project::Repository;
use reqwest::{Method, Response, StatusCode, header, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Time to wait if GitHub limits calls without a time. Its documentation asks for a minute.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// The largest picture that is kept, in bytes.
const PICTURE_LIMIT: usize = 512 * 1024;

/// The largest answer of the API to a stranger, in bytes.
const GREETING_LIMIT: usize = 256 * 1024;

/// The most redirections that reading follows. GitHub redirects once, to the address with the repository's id.
const REDIRECT_LIMIT: usize = 5;

/// The most pages of a list. A list without an end stops here, at 30,000 entries.
const PAGE_LIMIT: usize = 300;

pub(super) struct Client {
    /// Follows no redirection by itself, because its requests have tokens.
    http: reqwest::Client,
    /// For pictures. They are on other servers and need no token.
    pictures: reqwest::Client,
    api: Url,
}

impl Client {
    pub(super) fn new(api: Url) -> anyhow::Result<Self> {
        let agent = concat!("Kozmic/", env!("CARGO_PKG_VERSION"));
        let builder =
            || reqwest::Client::builder().user_agent(agent).timeout(TIMEOUT).connect_timeout(TIMEOUT / 2);
        let http = builder().redirect(redirect::Policy::none()).build()?;
        Ok(Self { http, pictures: builder().build()?, api })
    }

    /// `<api>/<segments>`, each segment escaped.
    pub(super) fn path(&self, segments: &[&str]) -> Result<Url, ForgeError> {
        let mut url = self.api.clone();
        let fault = || self.unexpected(format!("{} cannot be a base address", self.api));
        url.path_segments_mut().map_err(|()| fault())?.pop_if_empty().extend(segments);
        Ok(url)
    }

    /// `<api>/repositories/<number>/<rest>`. GitHub itself redirects old names there. A name may belong to another
    /// repository now, a number never does.
    pub(super) fn repository_path(&self, repository: &Repository, rest: &[&str]) -> Result<Url, ForgeError> {
        self.path(&[&["repositories", repository.id.to_string().as_str()], rest].concat())
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        url: Url,
        token: &SecretString,
    ) -> Result<T, ForgeError> {
        let response = self.read(url, token).await?;
        self.json(response).await
    }

    /// All entries of a list, from pages of 100 entries. The query of `url` has only parameters of the list itself.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        mut url: Url,
        token: &SecretString,
    ) -> Result<Vec<T>, ForgeError> {
        url.query_pairs_mut().append_pair("per_page", "100");
        let mut found = Vec::new();
        for _ in 0..PAGE_LIMIT {
            let (page, next) = self.page::<T>(url, token).await?;
            found.extend(page);
            match next {
                Some(next) => url = next,
                None => return Ok(found),
            }
        }
        // The callers take an entry that is not on the list for gone. So half of a list does harm.
        Err(self.unexpected(format!("a list of more than {} entries", found.len())))
    }

    /// One page of a list, and the address of the next one.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        url: Url,
        token: &SecretString,
    ) -> Result<(Vec<T>, Option<Url>), ForgeError> {
        let response = self.read(url, token).await?;
        let next = response.headers().get(header::LINK).and_then(|link| next_link(link.to_str().ok()?));
        // A token goes to no other host, also if a header names one.
        let next = next.filter(|next| next.origin() == self.api.origin());
        Ok((self.json(response).await?, next))
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

    pub(super) async fn delete(&self, url: Url, token: &SecretString) -> Result<(), ForgeError> {
        self.send(self.request(Method::DELETE, url, token)).await.map(drop)
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
        let response = self.send(self.pictures.get(url)).await?;
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        // No SVG: it may carry scripts.
        if !["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&kind.as_str()) {
            return Err(self.unexpected(format!("a picture of type \"{kind}\"")));
        }
        let bytes = self.limited(response, PICTURE_LIMIT).await?;
        Ok((kind, bytes))
    }

    /// Asks the API without a token. Checks that it is there, and that it is GitHub's.
    pub(super) async fn greet(&self) -> Result<String, ForgeError> {
        let response =
            self.http.get(self.api.clone()).send().await.map_err(|fault| self.unreachable(&fault))?;
        let status = response.status();
        // An Enterprise server in private mode refuses strangers. Any server refuses a client that asked too often.
        let speaks = status.is_success()
            || [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS]
                .contains(&status);
        if !speaks {
            return Err(self.error_of(response).await);
        }
        let body = self.limited(response, GREETING_LIMIT).await?;
        let answer = serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default();
        let (own, word) = if status.is_success() {
            ("current_user_url", "answers")
        } else {
            ("message", "asks who is there")
        };
        match answer.get(own) {
            Some(_) => Ok(format!("{} {word} ({status})", self.api)),
            None => Err(self.unexpected(format!("no API of GitHub is at {} ({status})", self.api))),
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

    /// Reads, and follows redirections: a repository may have been renamed or moved.
    async fn read(&self, mut url: Url, token: &SecretString) -> Result<Response, ForgeError> {
        for _ in 0..REDIRECT_LIMIT {
            let request = self.request(Method::GET, url.clone(), token);
            let response = request.send().await.map_err(|fault| self.unreachable(&fault))?;
            match (response.status().is_redirection(), destination(&response)) {
                (true, Some(next)) if next.origin() == self.api.origin() => url = next,
                _ => return self.successful(response).await,
            }
        }
        Err(self.unexpected(format!("{REDIRECT_LIMIT} redirections, one after another")))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, ForgeError> {
        let response = request.send().await.map_err(|fault| self.unreachable(&fault))?;
        self.successful(response).await
    }

    async fn successful(&self, response: Response) -> Result<Response, ForgeError> {
        match response.status().is_success() {
            true => Ok(response),
            false => Err(self.error_of(response).await),
        }
    }

    async fn error_of(&self, response: Response) -> ForgeError {
        let status = response.status();
        let (wait, destination) = (asked_wait(&response), destination(&response));
        let text = self.limited(response, 64 * 1024).await.unwrap_or_default();
        let message = message_of(&text);
        let forge = self.forge();
        match status {
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS if is_limit(status, wait, &message) => {
                ForgeError::RateLimited { forge, wait: wait.unwrap_or(DEFAULT_WAIT), message }
            }
            _ if status.is_server_error() => ForgeError::Broken { forge, status: status.as_u16(), message },
            _ => self.refused(status, with_destination(message, destination)),
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

/// The address that a redirection leads to.
fn destination(response: &Response) -> Option<Url> {
    let location = response.headers().get(header::LOCATION).filter(|_| response.status().is_redirection())?;
    response.url().join(location.to_str().ok()?).ok()
}

fn with_destination(message: String, destination: Option<Url>) -> String {
    match destination {
        Some(destination) => format!("{message}; it sends on to {destination}, which is not followed"),
        None => message,
    }
}

/// The time to wait, as the headers give it: `Retry-After` in seconds. Else the time until `X-RateLimit-Reset`, if no
/// call remains.
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

/// GitHub's own words: `message`, then the details of `errors`.
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
    use crate::forge::github::tests::loopback::Loopback;

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let header = "<https://api.github.com/a?page=1>; rel=\"prev\", <https://api.github.com/a?page=3>; rel=\"next\"";
        assert_eq!(next_link(header).unwrap().as_str(), "https://api.github.com/a?page=3");
        assert!(next_link("<https://api.github.com/a?page=1>; rel=\"prev\"").is_none());
    }

    fn on_the_way(status: u16, to: &str) -> (String, String) {
        let body = r#"{"message":"Moved Permanently"}"#.to_owned();
        (format!("{status} X\r\nlocation: {to}\r\n"), body)
    }

    #[tokio::test]
    async fn reading_follows_a_repository_that_moved() {
        let loopback = Loopback::start(|origin| {
            let answer = ("200 OK\r\n".to_owned(), "[7]".to_owned());
            vec![on_the_way(301, &format!("{origin}/api/repositories/1/keys")), answer]
        });
        let (loopback, token) = (loopback.await, "t0ken".into());
        let client = loopback.client();
        let url = client.path(&["repos", "anna", "old", "keys"]).unwrap();
        assert_eq!(client.get::<Vec<i64>>(url, &token).await.unwrap(), [7]);
        assert_eq!(loopback.asked(), ["GET /api/repos/anna/old/keys", "GET /api/repositories/1/keys"]);
    }

    #[tokio::test]
    async fn a_token_follows_to_no_other_server() {
        let elsewhere = Loopback::answering([(200, "[7]".to_owned())]).await;
        let loopback = Loopback::start(|_| vec![on_the_way(301, &format!("{}/api", elsewhere.origin))]).await;
        let client = loopback.client();
        let fault = client.get::<Vec<i64>>(client.path(&["x"]).unwrap(), &"t0ken".into()).await.unwrap_err();
        assert!(fault.to_string().contains(&elsewhere.origin), "{fault}");
        assert!(elsewhere.asked().is_empty() && fault.is_moved());
    }

    #[tokio::test]
    async fn a_change_follows_nowhere_and_says_that_the_repository_moved() {
        for status in [301, 302, 307, 308] {
            let answers = |origin: &str| vec![on_the_way(status, &format!("{origin}/api/repositories/1"))];
            let (loopback, token) = (Loopback::start(answers).await, "t0ken".into());
            let client = loopback.client();
            let fault = client.delete(client.path(&["x"]).unwrap(), &token).await.unwrap_err();
            assert!(fault.is_moved() && fault.try_again().is_none(), "{fault}");
            assert_eq!(loopback.asked(), ["DELETE /api/x"]);
        }
    }

    #[tokio::test]
    async fn lists_are_read_to_their_end() {
        let loopback = Loopback::start(|origin| {
            let link = format!("200 OK\r\nlink: <{origin}/api/x?page=2>; rel=\"next\"\r\n");
            vec![(link, "[1,2]".to_owned()), ("200 OK\r\n".to_owned(), "[3]".to_owned())]
        });
        let loopback = loopback.await;
        let client = loopback.client();
        let found = client.list::<i64>(client.path(&["x"]).unwrap(), &"t0ken".into()).await.unwrap();
        assert_eq!(found, [1, 2, 3]);
        assert_eq!(loopback.asked(), ["GET /api/x?per_page=100", "GET /api/x?page=2"]);
    }

    #[tokio::test]
    async fn a_list_without_end_is_refused_as_a_whole() {
        let loopback = Loopback::start(|origin| {
            let page = (format!("200 OK\r\nlink: <{origin}/api/x>; rel=\"next\"\r\n"), "[1]".to_owned());
            vec![page; PAGE_LIMIT]
        });
        let loopback = loopback.await;
        let client = loopback.client();
        let fault = client.list::<i64>(client.path(&["x"]).unwrap(), &"t0ken".into()).await.unwrap_err();
        assert!(fault.to_string().contains("a list of more than 300 entries"), "{fault}");
    }

    #[test]
    fn errors_come_in_githubs_words() {
        let body = br#"{"message":"Validation Failed","errors":[{"message":"Hook already exists"}]}"#;
        assert_eq!(message_of(body), "Validation Failed; Hook already exists");
        assert_eq!(message_of(b"<html>"), "<html>");
    }
}
