//! Answers of each address to the owner, to another person who signed in, and to a stranger; and to odd requests.

use crate::world::{World, github, options};
use anyhow::{Context, Result};
use kozmic_testkit::{github::GitHub, server::Server};
use reqwest::{Client, Method, RequestBuilder, Response, Url, redirect::Policy};

/// A browser that follows no redirects and sends what it is told to.
pub struct Browser {
    client: Client,
    base: String,
}

impl Browser {
    pub fn nobody(server: &Server) -> Result<Self> {
        let client = Client::builder().redirect(Policy::none()).cookie_store(true).build()?;
        Ok(Self { client, base: server.url() })
    }

    pub async fn of(server: &Server, github: &GitHub, login: &str) -> Result<Self> {
        let browser = Self::nobody(server)?;
        let asked = location(&browser.get("/_auth/").await?)?;
        let back = browser.allow(github, &asked, login).await?;
        let arrived = browser.client.get(back).send().await?;
        anyhow::ensure!(location(&arrived)? == "/", "signing in failed");
        Ok(browser)
    }

    /// Presses the button of this login on GitHub's page; gives the address that leads back.
    pub async fn allow(&self, github: &GitHub, asked: &str, login: &str) -> Result<String> {
        let mut fields = Url::parse(asked)?.query_pairs().into_owned().collect::<Vec<_>>();
        fields.push(("login".to_owned(), login.to_owned()));
        let page = format!("{}/login/oauth/authorize", github.url());
        location(&self.client.post(page).form(&fields).send().await?)
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> Result<Response> {
        self.ask(Method::GET, path).send().await.with_context(|| format!("get {path}"))
    }

    pub async fn status(&self, path: &str) -> Result<u16> {
        Ok(self.get(path).await?.status().as_u16())
    }
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

pub fn location(response: &Response) -> Result<String> {
    Ok(response.headers().get("location").context("a redirect")?.to_str()?.to_owned())
}

#[tokio::test]
async fn each_address_is_for_who_may_see_it() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo seen").await?;
    world.push("Begin").await?;
    let build = world.finished().await?;
    let (project, id, job) = (world.project, build.build, build.job()?);
    let anna = Browser::of(&world.server, &world.github, "anna").await?;
    let eve = Browser::of(&world.server, &world.github, "eve").await?;
    let nobody = Browser::nobody(&world.server)?;
    let of_project = [
        "history/".to_owned(),
        "settings/".to_owned(),
        "hooks/add/".to_owned(),
        "hooks/1/edit/".to_owned(),
        format!("builds/{id}/"),
        format!("builds/{id}/jobs/{job}/"),
        format!("jobs/{job}/log/"),
    ];
    for path in of_project.iter().map(|path| format!("/projects/{project}/{path}")) {
        assert_eq!(anna.status(&path).await?, 200, "{path}");
        assert_eq!(eve.status(&path).await?, 404, "{path}");
        assert!(location(&nobody.get(&path).await?)?.starts_with("/login/?next=%2Fprojects"), "{path}");
    }
    assert_eq!(anna.status("/avatars/1").await?, 200);
    assert_eq!(eve.status("/avatars/1").await?, 404, "whose picture it is, is nobody else's business");
    assert_eq!(nobody.status("/avatars/1").await?, 303);
    let posts = [format!("jobs/{job}/cancel/"), "hooks/add/".to_owned(), "hooks/1/connect/".to_owned()];
    for path in posts.iter().map(|path| format!("/projects/{project}/{path}")) {
        let sent = anna.ask(Method::POST, &path).form(&[("csrf_token", "guessed")]).send().await?;
        assert_eq!(sent.status(), 403, "{path}");
    }
    world.end().await
}

#[tokio::test]
async fn odd_questions_get_plain_answers() -> Result<()> {
    let world = World::new().await?;
    let anna = Browser::of(&world.server, &world.github, "anna").await?;
    let history = format!("/projects/{}/history/", world.project);
    for page in ["0", "-1", "x", "", "1"] {
        assert_eq!(anna.status(&format!("{history}?page={page}")).await?, 200, "{page}");
    }
    for page in ["2", "1000000000000000000", "18446744073709551615"] {
        let turned = anna.get(&format!("{history}?page={page}")).await?;
        assert_eq!(location(&turned)?, format!("{history}?page=1"), "{page}");
    }
    for path in ["/projects/0/", "/projects/-1/", "/projects/99999999999999999999/", "/projects/%FF/", "/x"] {
        assert_eq!(anna.status(path).await?, 404, "{path}");
    }
    let slashed = anna.get("/projects/1/history?page=2").await?;
    assert_eq!(
        (slashed.status().as_u16(), location(&slashed)?.as_str()),
        (308, "/projects/1/history/?page=2")
    );
    let refs = format!("/projects/{}/builds/latest/?ref=a%2Fb%25%3Cscript%3E%C3%A9%FF", world.project);
    let page = anna.get(&refs).await?;
    assert_eq!(page.status(), 200);
    assert!(!page.text().await?.contains("b%<script>"));
    let wrong = anna.ask(Method::OPTIONS, &history).send().await?;
    assert_eq!((wrong.status().as_u16(), header(&wrong, "allow").as_str()), (405, "GET,HEAD"));
    let huge = "x".repeat(2 * 1024 * 1024);
    let add = format!("/projects/{}/hooks/add/", world.project);
    let sent = anna.ask(Method::POST, &add).form(&[("script", huge.as_str())]).send().await?;
    assert_eq!(sent.status(), 413);
    assert!(sent.text().await?.contains("too large"));
    world.end().await
}

#[tokio::test]
async fn a_raw_log_is_given_whole_or_by_range() -> Result<()> {
    let world = World::new().await?;
    world.hook("seq 1 2000").await?;
    world.push("Begin").await?;
    let job = world.finished().await?.job()?;
    let whole = world.log().await?;
    let anna = Browser::of(&world.server, &world.github, "anna").await?;
    let path = format!("/projects/{}/jobs/{job}/log/", world.project);
    let length = whole.len();
    let cases = [
        ("bytes=0-9".to_owned(), 206, &whole[..10]),
        ("bytes=-5".to_owned(), 206, &whole[length - 5..]),
        (format!("bytes={}-{}", length - 3, u64::MAX), 206, &whole[length - 3..]),
        (format!("bytes={length}-"), 416, ""),
        ("bytes=9-3".to_owned(), 200, whole.as_str()),
        ("bytes=0-1,5-6".to_owned(), 200, whole.as_str()),
        ("lines=1-2".to_owned(), 200, whole.as_str()),
    ];
    for (range, status, text) in cases {
        let asked = anna.ask(Method::GET, &path).header("Range", &range).header("Accept-Encoding", "gzip");
        let answer = asked.send().await?;
        assert_eq!(answer.status(), status, "{range}");
        assert_eq!(header(&answer, "content-encoding") == "gzip", status == 200, "{range}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        if status != 200 {
            assert_eq!(answer.text().await?, text, "{range}");
        }
    }
    let head = anna.ask(Method::HEAD, &path).send().await?;
    assert_eq!(header(&head, "content-length"), length.to_string());
    world.end().await
}

#[tokio::test]
async fn strangers_learn_that_jobs_wait_but_not_where_the_engine_is() -> Result<()> {
    let nowhere = "unix:///nonexistent/engine.sock";
    let github = github().await?;
    let server = Server::start(options(&github).env("KOZMIC_DOCKER_URL", nowhere)).await?;
    let anna = Browser::of(&server, &github, "anna").await?;
    let ready = anna.get("/readyz").await?;
    assert_eq!(ready.status(), 503);
    assert!(ready.text().await?.contains("/nonexistent/engine.sock"));
    let ready = Browser::nobody(&server)?.get("/readyz").await?;
    assert_eq!(ready.status(), 503);
    let told = ready.text().await?;
    assert!(told.contains("\"engine\":\"not ready\"") && !told.contains("nonexistent"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_page_that_looks_again_by_itself_does_not_ask_github() -> Result<()> {
    let github = github().await?;
    github.add_user("zoe", "Zoe Without", "zoe@example.com");
    let server = Server::start(options(&github)).await?;
    let zoe = Browser::of(&server, &github, "zoe").await?;
    let lists = || github.requests().iter().filter(|call| call.path == "/api/v3/user/repos").count();
    assert_eq!(zoe.status("/repositories/").await?, 200);
    let before = lists();
    assert!(before > 0);
    zoe.ask(Method::GET, "/repositories/")
        .header("X-Kozmic-Part", "live")
        .send()
        .await?
        .error_for_status()?;
    assert_eq!(lists(), before);
    Ok(())
}

#[tokio::test]
async fn pages_are_not_kept_and_assets_are() -> Result<()> {
    let github = github().await?;
    let server = Server::start(options(&github)).await?;
    let nobody = Browser::nobody(&server)?;
    let page = nobody.get("/login/").await?;
    assert_eq!(header(&page, "cache-control"), "no-store");
    assert!(header(&page, "content-security-policy").contains("default-src 'none'"));
    assert!(!header(&page, "x-request-id").is_empty());
    let html = page.text().await?;
    let style = html.split('"').find(|text| text.starts_with("/static/kozmic.")).context("a style sheet")?;
    let asked = nobody.ask(Method::GET, style).header("Accept-Encoding", "gzip").send().await?;
    assert!(header(&asked, "cache-control").contains("immutable"));
    assert_eq!(header(&asked, "content-encoding"), "gzip");
    assert_eq!(nobody.status("/static/kozmic.css").await?, 404);
    for path in ["//evil.example/", "/\\evil.example", "https://evil.example/", "/%09/evil\n"] {
        let asked = nobody.ask(Method::GET, "/login/").query(&[("next", path)]).send().await?.text().await?;
        assert!(!asked.contains("evil.example"), "{path}");
    }
    Ok(())
}
