//! A person's actions on projects: adding one, adding a hook, looking at a build, canceling a job.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::{Page, Person};

/// Pause between two looks at a page: a plain HTTP client gets no message when it changes.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Fields that a person fills in the form for a hook.
#[derive(Debug, Clone, Copy)]
pub struct NewHook<'a> {
    /// The hook's title.
    pub title: &'a str,
    /// The Docker image.
    pub image: &'a str,
    /// The script, with its shebang.
    pub script: &'a str,
}

/// Facts about a build on its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The project's id.
    pub project: u64,
    /// The build's id.
    pub build: u64,
    /// The id of the shown job.
    pub job: Option<u64>,
    /// The status, such as `pending`.
    pub status: String,
}

impl Person {
    /// Makes a project of a repository, by its full name; gives the project's id.
    pub async fn add_project(&self, repository: &str) -> Result<u64> {
        let id = self.github().repository(repository).map(|one| one.id.to_string());
        let id = id.with_context(|| format!("GitHub has no repository {repository}"))?;
        let mut page = self.get("/repositories/").await?;
        if form_for(&page, &id).is_none() {
            page = self.post_form("/repositories/", "/repositories/", &[]).await?;
        }
        page.ensure_ok()?;
        let form = form_for(&page, &id).with_context(|| format!("no button for {repository} on {page}"))?;
        let project = self.submit(&page, &form, &[]).await?;
        project.ensure_ok()?;
        project.number_after("/projects/").with_context(|| format!("not a project's page: {project}"))
    }

    /// Adds a hook to a project. If Kozmic refuses it, the error shows the page.
    pub async fn add_hook(&self, project: u64, hook: NewHook<'_>) -> Result<Page> {
        let path = format!("/projects/{project}/hooks/add/");
        let page = self.try_hook(&path, hook).await?;
        page.ensure_ok()?;
        if page.url.path() == path { Err(anyhow!("the hook was refused: {page}")) } else { Ok(page) }
    }

    /// Sends the form of `…/hooks/add/` or `…/hooks/<hook>/edit/`, with any result.
    pub async fn try_hook(&self, path: &str, hook: NewHook<'_>) -> Result<Page> {
        let fields = [("title", hook.title), ("image", hook.image), ("script", hook.script)];
        self.post_form(path, path, &fields).await
    }

    /// Presses the cancel button of a job on its build's page.
    pub async fn cancel(&self, project: u64, job: u64) -> Result<Page> {
        let page = format!("/projects/{project}/builds/latest/");
        self.post_form(&page, &format!("/projects/{project}/jobs/{job}/cancel/"), &[]).await
    }

    /// The latest build of a project, if there is one.
    pub async fn latest_build(&self, project: u64) -> Result<Option<Build>> {
        let page = self.get(&format!("/projects/{project}/builds/latest/")).await?;
        Ok(Build::on(&page))
    }

    /// A build, by its id.
    pub async fn build(&self, project: u64, build: u64) -> Result<Build> {
        let page = self.get(&format!("/projects/{project}/builds/{build}/")).await?;
        Build::on(&page).with_context(|| format!("no build on {page}"))
    }

    /// Loads the latest build until `is_it` is true.
    pub async fn wait_for_build(
        &self,
        project: u64,
        limit: Duration,
        is_it: impl Fn(&Build) -> bool,
    ) -> Result<Build> {
        let look = async {
            loop {
                if let Some(build) = self.latest_build(project).await?.filter(|build| is_it(build)) {
                    return anyhow::Ok(build);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let outcome = tokio::time::timeout(limit, look).await;
        match outcome {
            Ok(build) => build,
            Err(_) => {
                let latest = self.latest_build(project).await?;
                Err(anyhow!("no such build of project {project} within {limit:?}; the latest is {latest:?}"))
            }
        }
    }

    /// The whole raw log of a job.
    pub async fn raw_log(&self, project: u64, job: u64) -> Result<Vec<u8>> {
        self.get_bytes(&format!("/projects/{project}/jobs/{job}/log/")).await
    }
}

impl Build {
    fn on(page: &Page) -> Option<Self> {
        let number = |name| page.attribute("main", name).and_then(|value| value.parse().ok());
        Some(Self {
            project: number("data-project")?,
            build: number("data-build")?,
            job: number("data-job"),
            status: page.attribute("main", "data-status")?,
        })
    }

    /// The shown job. A build has one as soon as it is planned.
    pub fn job(&self) -> Result<u64> {
        self.job.with_context(|| format!("build {} shows no job", self.build))
    }
}

fn form_for(page: &Page, repository: &str) -> Option<crate::html::Form> {
    page.form(|form| {
        page.leads_to(&form.action, "/projects/") && form.field("repository") == Some(repository)
    })
}
