//! Badges, which readmes show to people who have not signed in.

use crate::world::{REPOSITORY, World};
use anyhow::{Context, Result};
use kozmic_testkit::github::{Commit, NewRepository, State};
use reqwest::{Client, Response, redirect::Policy};

struct Reader {
    client: Client,
    base: String,
}

impl Reader {
    fn of(world: &World) -> Result<Self> {
        let client = Client::builder().redirect(Policy::none()).build()?;
        Ok(Self { client, base: format!("{}/badges/", world.server.url()) })
    }

    async fn get(&self, badge: &str) -> Result<Response> {
        Ok(self.client.get(format!("{}{badge}", self.base)).send().await?)
    }

    async fn word(&self, badge: &str) -> Result<String> {
        let svg = self.get(badge).await?.error_for_status()?.text().await?;
        let text = svg.rsplit_once("</text></g></svg>").and_then(|(rest, _)| rest.rsplit_once('>'));
        Ok(text.with_context(|| format!("a word in {svg}"))?.1.to_owned())
    }

    async fn status(&self, badge: &str) -> Result<u16> {
        Ok(self.get(badge).await?.status().as_u16())
    }
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_badge_shows_how_the_last_build_of_its_branch_ended() -> Result<()> {
    let world = World::new().await?;
    let reader = Reader::of(&world)?;
    assert_eq!(reader.word("anna/hello").await?, "unknown");
    assert_eq!(reader.status("anna/nothing").await?, 404);
    assert_eq!(reader.status("nobody/hello/main").await?, 404);

    world.hook("exit $(cat file)").await?;
    let push = async |branch: &str, code: &str, state| {
        let commit = Commit::new("Begin").file("file", code);
        let pushed = world.github.push_commit(REPOSITORY, branch, commit).await?;
        world.status(&pushed.sha, state).await
    };
    push("main", "0", State::Success).await?;
    push("feature/x", "1", State::Failure).await?;
    for badge in ["anna/hello", "anna/hello/", "anna/hello/main", "anna/hello.svg", "Anna/Hello/main.svg"] {
        assert_eq!(reader.word(badge).await?, "success", "{badge}");
    }
    for badge in ["feature/x", "feature/x.svg", "feature%2Fx", "refs/heads/feature/x"] {
        assert_eq!(reader.word(&format!("anna/hello/{badge}")).await?, "failure", "{badge}");
    }
    assert_eq!(reader.word("anna/hello/never%20%3Cscript%3E").await?, "unknown");

    let badge = reader.get("anna/hello").await?;
    assert_eq!(header(&badge, "content-type"), "image/svg+xml; charset=utf-8");
    assert!(header(&badge, "cache-control").contains("no-cache"));
    assert_eq!(header(&badge, "cross-origin-resource-policy"), "cross-origin");
    assert_eq!(header(&badge, "set-cookie"), "");
    let etag = header(&badge, "etag");
    let again = async |etag: &str| {
        let asked = reader.client.get(format!("{}anna/hello", reader.base)).header("If-None-Match", etag);
        anyhow::Ok(asked.send().await?)
    };
    let same = again(&etag).await?;
    assert_eq!((same.status().as_u16(), header(&same, "etag")), (304, etag.clone()));
    let head = reader.client.head(format!("{}anna/hello", reader.base)).send().await?;
    assert_eq!((head.status().as_u16(), header(&head, "etag")), (200, etag.clone()));
    push("main", "2", State::Failure).await?;
    let changed = again(&etag).await?;
    assert_eq!(changed.status(), 200);
    assert!(changed.text().await?.contains(">failure<"));
    world.end().await
}

#[tokio::test]
async fn the_badge_of_a_private_project_takes_the_token_in_its_address() -> Result<()> {
    let world = World::new().await?;
    world.github.add_repository(NewRepository::private("anna/secret"))?;
    let project = world.anna.add_project("anna/secret").await?;
    let reader = Reader::of(&world)?;
    for badge in ["anna/secret", "anna/secret/main", "anna/secret?token=", "anna/secret?token=guessed"] {
        assert_eq!(reader.status(badge).await?, 404, "{badge}");
    }
    let settings = world.anna.get(&format!("/projects/{project}/settings/")).await?;
    let token = settings.body.split_once("?token=").context("the badge's address")?.1;
    let token = token.split(|c: char| !c.is_ascii_alphanumeric()).next().context("a token")?;
    assert_eq!(reader.word(&format!("anna/secret?token={token}")).await?, "unknown");
    assert_eq!(reader.word(&format!("anna/secret/main.svg?token={token}")).await?, "unknown");
    assert_eq!(reader.status("anna/secret").await?, 404);
    world.end().await
}
