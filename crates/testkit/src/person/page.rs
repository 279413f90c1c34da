//! A page that a person received.

use std::fmt;

use anyhow::{Context, Result, ensure};
use reqwest::Response;
use reqwest::header::HeaderMap;
use url::Url;

use crate::html::{Form, forms, tags};

/// Number of bytes of a page that an error shows.
const SHOWN: usize = 2000;

/// An answer with its text.
#[derive(Debug, Clone)]
pub struct Page {
    /// The address after all redirects.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The text.
    pub body: String,
}

impl Page {
    pub(super) async fn read(response: Response) -> Result<Self> {
        let (url, status) = (response.url().clone(), response.status().as_u16());
        let headers = response.headers().clone();
        let body = response.text().await.with_context(|| format!("read {url}"))?;
        Ok(Self { url, status, headers, body })
    }

    /// Fails unless the status is 200.
    pub fn ensure_ok(&self) -> Result<()> {
        ensure!(self.status == 200, "not the page that was expected: {self}");
        Ok(())
    }

    /// The first form for which `is_it` is true.
    pub fn form(&self, is_it: impl Fn(&Form) -> bool) -> Option<Form> {
        forms(&self.body).into_iter().find(|form| is_it(form))
    }

    /// An attribute of the first tag of this name.
    pub fn attribute(&self, tag: &str, attribute: &str) -> Option<String> {
        let tag = tags(&self.body).into_iter().find(|one| one.name == tag)?;
        tag.attribute(attribute).map(str::to_owned)
    }

    /// The number that follows this in the address, such as the project's after `/projects/`.
    pub fn number_after(&self, prefix: &str) -> Option<u64> {
        let rest = self.url.path().split_once(prefix)?.1;
        rest.split('/').next()?.parse().ok()
    }

    /// True if a form's action on this page leads to that path.
    pub(super) fn leads_to(&self, action: &str, path: &str) -> bool {
        self.url.join(action).is_ok_and(|url| url.path() == path)
    }
}

impl fmt::Display for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: String = self.body.chars().take(SHOWN).collect();
        write!(formatter, "{} (status {}):\n{body}", self.url, self.status)
    }
}
