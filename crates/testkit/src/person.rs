//! A person who is signed in, over plain HTTP: presses the same buttons as in a browser, but fast.

mod page;
mod projects;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use reqwest::cookie::{CookieStore, Jar};
use url::Url;

use crate::github::GitHub;
use crate::http;
use crate::server::Server;

pub use page::Page;
pub use projects::{Build, NewHook};

/// Longest time that a page may take.
const PAGE_LIMIT: Duration = Duration::from_secs(30);

/// A person with cookies like a browser.
#[derive(Clone)]
pub struct Person {
    http: Client,
    jar: Arc<Jar>,
    base: Url,
    github: GitHub,
    /// The person's login at GitHub.
    pub login: String,
}

impl Person {
    /// A person who has not signed in yet. `kozmic` is the server's address.
    pub fn visitor(kozmic: &str, github: &GitHub, login: &str) -> Result<Self> {
        let jar = Arc::new(Jar::default());
        let client =
            http::builder().cookie_provider(jar.clone()).timeout(PAGE_LIMIT).user_agent("Kozmic's tests");
        Ok(Self {
            http: client.build().context("build a client")?,
            jar,
            base: Url::parse(kozmic).context("read the server's address")?,
            github: github.clone(),
            login: login.to_owned(),
        })
    }

    /// Signs in with GitHub, through all pages: Kozmic's, GitHub's with its button, and back.
    pub async fn sign_in(server: &Server, github: &GitHub, login: &str) -> Result<Self> {
        Self::sign_in_at(&server.url(), github, login).await
    }

    /// The same at this address.
    pub async fn sign_in_at(kozmic: &str, github: &GitHub, login: &str) -> Result<Self> {
        let person = Self::visitor(kozmic, github, login)?;
        let page = person.go_through_github(login).await?;
        ensure!(page.url.origin() == person.base.origin(), "GitHub did not lead back: {page}");
        ensure!(page.status == 200, "signing in failed: {page}");
        Ok(person)
    }

    /// Starts signing in and presses the button of this login on GitHub's page (`""` for Cancel); gives the last page.
    pub async fn go_through_github(&self, login: &str) -> Result<Page> {
        let asked = self.get("/_auth/").await?;
        ensure!(asked.url.as_str().starts_with(self.github.url()), "Kozmic did not lead to GitHub: {asked}");
        asked.ensure_ok()?;
        let form = asked.form(|_| true).context("GitHub's page has a form")?;
        self.submit(&asked, &form, &[("login", login)]).await
    }

    /// Signs out.
    pub async fn sign_out(&self) -> Result<Page> {
        self.post_form("/", "/logout/", &[]).await
    }

    /// A page after all redirects, with any status.
    pub async fn get(&self, path: &str) -> Result<Page> {
        let request = self.http.get(self.address(path)?);
        Page::read(request.send().await.with_context(|| format!("get {path}"))?).await
    }

    /// The bytes at an address. The status has to be 200.
    pub async fn get_bytes(&self, path: &str) -> Result<Vec<u8>> {
        let response = self.http.get(self.address(path)?).send().await?.error_for_status()?;
        Ok(response.bytes().await.with_context(|| format!("read {path}"))?.to_vec())
    }

    /// Fills in and sends the form with this action on a page, with its hidden fields.
    pub async fn post_form(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let page = self.get(page).await?;
        page.ensure_ok()?;
        let form = page.form(|form| page.leads_to(&form.action, action) && form.method == "post");
        let form = form.with_context(|| format!("no form to {action} on {page}"))?;
        self.submit(&page, &form, fields).await
    }

    /// Sends a form of a page.
    pub async fn submit(
        &self,
        page: &Page,
        form: &crate::html::Form,
        typed: &[(&str, &str)],
    ) -> Result<Page> {
        let target = page.url.join(&form.action).context("read a form's action")?;
        let origin = page.url.origin().ascii_serialization();
        let request = self.http.post(target.clone()).header("Origin", origin).form(&form.filled(typed));
        Page::read(request.send().await.with_context(|| format!("send a form to {target}"))?).await
    }

    /// The double of GitHub.
    pub(crate) fn github(&self) -> &GitHub {
        &self.github
    }

    /// The full address of a path.
    pub(crate) fn address(&self, path: &str) -> Result<Url> {
        self.base.join(path).with_context(|| format!("read the address {path}"))
    }

    /// The cookies that a browser would send.
    pub(crate) fn cookies(&self) -> Option<reqwest::header::HeaderValue> {
        self.jar.cookies(&self.base)
    }
}
