//! The login server's tokens (JWT): one from the settings, with which newer ones are requested.

use super::{CALL, answer, below, is_cookie, place};
use crate::publisher::PublishError;
use reqwest::{
    Response,
    header::{AUTHORIZATION, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Mutex, PoisonError};
use url::Url;

/// The variable that sets the token.
const SETTING: &str = "KOZMIC_AUTOBUILD_HUB_TOKEN";

/// The tokens and their source.
pub(super) struct Login {
    http: reqwest::Client,
    url: Url,
    /// The token from the settings.
    first: SecretString,
    /// The token that was issued last; the first one may have expired since.
    kept: Mutex<Option<SecretString>>,
}

impl Login {
    pub(super) fn new(http: reqwest::Client, url: Url, first: SecretString) -> Self {
        Self { http, url, first, kept: Mutex::default() }
    }

    /// The token that was issued last, else a new one.
    pub(super) async fn current(&self) -> Result<SecretString, PublishError> {
        match self.kept() {
            Some(jwt) => Ok(jwt),
            None => self.refresh().await,
        }
    }

    /// A new token, requested with the last one; if that is refused, with the one from the settings.
    pub(super) async fn refresh(&self) -> Result<SecretString, PublishError> {
        let kept = self.kept();
        let asked = self.ask(kept.as_ref().unwrap_or(&self.first)).await;
        let jwt = match asked {
            Err(PublishError::Refused { .. }) if kept.is_some() => {
                self.keep(None);
                self.ask(&self.first).await?
            }
            asked => asked?,
        };
        self.keep(Some(jwt.clone()));
        Ok(jwt)
    }

    async fn ask(&self, by: &SecretString) -> Result<SecretString, PublishError> {
        let mut bearer = format!("bearer {}", by.expose_secret())
            .parse::<HeaderValue>()
            .map_err(|_| self.refused(format!("{SETTING} is no token")))?;
        bearer.set_sensitive(true);
        let url = below(&self.url, &["v1", "oauth", "jwt", "refresh"]);
        let request = self.http.get(url).header(AUTHORIZATION, bearer).timeout(CALL);
        let response = request.send().await.map_err(|fault| answer::unreachable(self.place(), fault))?;
        self.read(response, by).await
    }

    async fn read(&self, response: Response, by: &SecretString) -> Result<SecretString, PublishError> {
        let status = response.status();
        let body = answer::body(response, &self.place(), answer::LIMIT).await?;
        let body = String::from_utf8_lossy(&body);
        if matches!(status.as_u16(), 401 | 403) {
            let words = answer::one_line(&body, by);
            return Err(self.refused(format!("the token of {SETTING} is not accepted ({status}): {words}")));
        }
        if !status.is_success() {
            return Err(answer::failed(status, self.place(), answer::one_line(&body, by)));
        }
        match body.trim() {
            jwt if is_cookie(jwt) => Ok(jwt.to_owned().into()),
            // The answer is not quoted, because it may be a token after all.
            _ => Err(self.refused("its answer is no token".to_owned())),
        }
    }

    fn kept(&self) -> Option<SecretString> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, jwt: Option<SecretString>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = jwt;
    }

    fn refused(&self, words: String) -> PublishError {
        PublishError::Refused { place: self.place(), words }
    }

    fn place(&self) -> String {
        place(&self.url)
    }
}
