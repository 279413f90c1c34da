//! The hub's double: the calls that it accepts, refuses and records.

use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt;
use kozmic_testkit::hub::Hub;
use reqwest::header::COOKIE;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Response};
use serde_json::Value;

use crate::support::{LIMIT, client};

/// A client that uploads.
struct Uploader<'a> {
    hub: &'a Hub,
    user: &'a str,
    token: String,
}

impl<'a> Uploader<'a> {
    async fn of(hub: &'a Hub) -> Result<Self> {
        let response = refresh(hub, hub.token()).await?;
        Ok(Self { hub, user: hub.user(), token: response.error_for_status()?.text().await? })
    }

    fn cookies(&self) -> String {
        format!("caddyoauth={}; active-user={}", self.token, self.user)
    }

    async fn upload(&self, field: &str, part: Part) -> Result<Response> {
        let url = format!("{}/api/flist/me/upload", self.hub.url());
        let form = Form::new().part(field.to_owned(), part);
        Ok(client().post(url).header(COOKIE, self.cookies()).multipart(form).send().await?)
    }

    async fn link(&self, flist: &str, stable: &str) -> Result<Response> {
        let url = format!("{}/api/flist/me/{flist}/link/{stable}", self.hub.url());
        Ok(client().get(url).header(COOKIE, self.cookies()).send().await?)
    }
}

async fn refresh(hub: &Hub, token: &str) -> Result<Response> {
    let url = format!("{}/v1/oauth/jwt/refresh", hub.auth_url());
    Ok(client().get(url).header("Authorization", format!("bearer {token}")).send().await?)
}

fn file(name: &str, content: &'static str) -> Part {
    Part::text(content).file_name(name.to_owned())
}

async fn said(response: Response) -> Result<(u16, String, String)> {
    let status = response.status().as_u16();
    let json = response.json::<Value>().await?;
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    Ok((status, text("status"), text("message")))
}

fn success() -> (u16, String, String) {
    (200, "success".to_owned(), String::new())
}

#[tokio::test]
async fn an_archive_becomes_a_list_that_can_be_linked() -> Result<()> {
    let hub = Hub::start().await?;
    let uploader = Uploader::of(&hub).await?;
    assert_eq!(said(uploader.upload("file", file("zos-1.tar.gz", "one")).await?).await?, success());
    assert_eq!(said(uploader.link("zos-1.flist", "zos.flist").await?).await?, success());
    let uploads = hub.uploads();
    assert_eq!((uploads[0].name.as_str(), &uploads[0].bytes[..]), ("zos-1.tar.gz", &b"one"[..]));
    assert_eq!(hub.wait_for_link("zos.flist", LIMIT).await?, "zos-1.flist");
    let calls = hub.requests();
    assert_eq!(calls[0], "GET /auth/v1/oauth/jwt/refresh");
    assert_eq!(calls[2], "GET /hub/api/flist/me/zos-1.flist/link/zos.flist");
    hub.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn who_has_not_logged_in_uploads_and_links_nothing() -> Result<()> {
    let hub = Hub::start().await?;
    let good = Uploader::of(&hub).await?;
    let strangers = [
        Uploader { hub: &hub, user: hub.user(), token: hub.token().to_owned() },
        Uploader { hub: &hub, user: hub.user(), token: String::new() },
        Uploader { hub: &hub, user: "mallory", token: good.token.clone() },
    ];
    for (stranger, status) in strangers.iter().zip([401, 401, 403]) {
        assert_eq!(stranger.upload("file", file("a.tar.gz", "1")).await?.status(), status);
        assert_eq!(stranger.link("a.flist", "b").await?.status(), status);
    }
    assert_eq!(refresh(&hub, "eyJ.none.of.these").await?.status(), 401);
    assert_eq!(client().get(format!("{}/v1/oauth/jwt/refresh", hub.auth_url())).send().await?.status(), 401);
    assert!(hub.uploads().is_empty() && hub.links().is_empty());
    assert_eq!(hub.take_wrong_calls().len(), 8);
    Ok(())
}

#[tokio::test]
async fn a_token_gives_another_until_it_is_forgotten() -> Result<()> {
    let hub = Hub::start().await?;
    let uploader = Uploader::of(&hub).await?;
    let next = refresh(&hub, &uploader.token).await?.error_for_status()?.text().await?;
    assert!(next != uploader.token && next.matches('.').count() == 2);
    hub.forget_tokens();
    assert_eq!(refresh(&hub, &next).await?.status(), 401);
    assert_eq!(uploader.link("a.flist", "b").await?.status(), 401);
    assert_eq!(refresh(&hub, hub.token()).await?.status(), 200);
    // A try with a formerly valid token is no wrong call.
    hub.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn what_is_no_upload_is_refused() -> Result<()> {
    let hub = Hub::start().await?;
    let uploader = Uploader::of(&hub).await?;
    for (field, part) in [
        ("data", file("a.tar.gz", "1")),
        ("file", file("a.zip", "1")),
        ("file", file("a/b.tar.gz", "1")),
        ("file", Part::text("1")),
    ] {
        let (status, state, message) = said(uploader.upload(field, part).await?).await?;
        assert_eq!((status, state.as_str()), (400, "error"), "{message}");
    }
    let url = format!("{}/api/flist/me/upload", hub.url());
    let plain = client().post(url).header(COOKIE, uploader.cookies()).body("1").send().await?;
    assert_eq!(said(plain).await?.0, 400);
    assert_eq!(said(uploader.link("none.flist", "b").await?).await?.0, 404);
    assert_eq!(client().get(format!("{}/none", hub.url())).send().await?.status(), 404);
    assert!(hub.uploads().is_empty() && hub.broken_uploads().is_empty());
    assert_eq!(hub.take_wrong_calls().len(), 7);
    Ok(())
}

#[tokio::test]
async fn failures_and_refusals_befall_as_many_calls_as_were_asked_for() -> Result<()> {
    let hub = Hub::start().await?;
    let uploader = Uploader::of(&hub).await?;
    hub.fail_next(2, 503);
    hub.refuse_next("the disk is full");
    for status in [503, 503] {
        assert_eq!(uploader.upload("file", file("a.tar.gz", "1")).await?.status(), status);
    }
    let refused = said(uploader.upload("file", file("a.tar.gz", "1")).await?).await?;
    assert_eq!(refused, (200, "error".to_owned(), "the disk is full".to_owned()));
    assert!(hub.uploads().is_empty());
    assert_eq!(said(uploader.upload("file", file("a.tar.gz", "1")).await?).await?, success());
    hub.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn an_upload_waits_at_the_gate_and_comes_to_its_end_when_it_opens() -> Result<()> {
    let hub = Hub::start().await?;
    let gate = hub.hold_uploads();
    let uploader = Uploader::of(&hub).await?;
    let upload = uploader.upload("file", file("a.tar.gz", "1"));
    let story = async {
        let begun = hub.wait_for_upload_begun(LIMIT).await?;
        assert_eq!((begun.as_str(), hub.uploads().len()), ("a.tar.gz", 0));
        gate.open();
        anyhow::Ok(())
    };
    let (answer, story) = tokio::join!(upload, story);
    story?;
    assert_eq!(said(answer?).await?, success());
    assert_eq!(hub.uploads().len(), 1);
    assert!(hub.wait_for_upload_begun(Duration::ZERO).await.is_err(), "none is under way any more");
    Ok(())
}

#[tokio::test]
async fn an_upload_that_is_cut_off_makes_no_list() -> Result<()> {
    let hub = Hub::start().await?;
    let gate = hub.hold_uploads();
    let uploader = Uploader::of(&hub).await?;
    let begin = futures_util::stream::iter([Ok::<_, std::io::Error>("begin")]);
    let endless = Body::wrap_stream(begin.chain(futures_util::stream::pending()));
    let part = Part::stream(endless).file_name("half.tar.gz");
    tokio::select! {
        answer = uploader.upload("file", part) => panic!("{answer:?}"),
        begun = hub.wait_for_upload_begun(LIMIT) => assert_eq!(begun?, "half.tar.gz"),
    }
    gate.open();
    assert_eq!(hub.wait_for_broken_uploads(1, LIMIT).await?, ["half.tar.gz"]);
    assert!(hub.uploads().is_empty());
    let missing = uploader.link("half.flist", "stable").await?;
    assert_eq!(missing.status(), 404);
    let wrong = hub.take_wrong_calls();
    assert!(wrong.len() == 1 && wrong[0].contains("half.flist"), "{wrong:?}");
    Ok(())
}
