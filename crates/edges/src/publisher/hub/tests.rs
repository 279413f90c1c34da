//! Tests of the hub's client with the hub's double, and with servers that misbehave.

use super::*;
use kozmic_testkit::hub::Hub as Double;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

const LIMIT: Duration = Duration::from_secs(10);

fn hub_of(url: &str, auth_url: &str, token: &str) -> Hub {
    rustls::crypto::ring::default_provider().install_default().ok();
    let [url, auth_url] = [url, auth_url].map(|url| Url::parse(url).unwrap());
    Hub::new(HubSettings { url, auth_url, user: "anna-orbit".into(), token: token.into() }).unwrap()
}

async fn double() -> (Double, Hub) {
    let double = Double::start().await.unwrap();
    let hub = hub_of(&double.url(), &double.auth_url(), double.token());
    assert_eq!(double.user(), "anna-orbit");
    (double, hub)
}

fn archive(size: usize) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("from");
    std::fs::write(&path, vec![7; size]).unwrap();
    (dir, path)
}

/// A server that gives each connection the same answer. Its task returns the first request.
async fn answering(answer: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    });
    (url, asked)
}

fn http(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_file_of_many_pieces_arrives_whole_and_is_linked() {
    let (double, hub) = double().await;
    let (_dir, path) = archive(3_000_001);
    hub.upload(&path, "zos-1.tar.gz").await.unwrap();
    hub.link("zos-1.flist", "zos.flist").await.unwrap();
    let uploads = double.uploads();
    assert_eq!((uploads.len(), uploads[0].name.as_str()), (1, "zos-1.tar.gz"));
    assert!(uploads[0].bytes.len() == 3_000_001 && uploads[0].bytes.iter().all(|byte| *byte == 7));
    assert_eq!(double.wait_for_link("zos.flist", LIMIT).await.unwrap(), "zos-1.flist");
    assert_eq!(hub.address("zos.flist"), format!("{}/anna-orbit/zos.flist", double.url()));
    double.assert_no_wrong_calls();
}

#[tokio::test]
async fn a_token_that_has_run_out_is_followed_by_that_of_the_settings() {
    let (double, hub) = double().await;
    let (_dir, path) = archive(10);
    hub.upload(&path, "a.tar.gz").await.unwrap();
    double.forget_tokens();
    hub.upload(&path, "b.tar.gz").await.unwrap();
    let refreshes = double.requests().iter().filter(|call| call.ends_with("/jwt/refresh")).count();
    assert_eq!((refreshes, double.uploads().len()), (3, 2));
    double.assert_no_wrong_calls();
}

#[tokio::test]
async fn uploads_at_the_same_time_do_not_disturb_each_other() {
    let (double, hub) = double().await;
    let (_dir, path) = archive(100_000);
    let names = (0..8).map(|number| format!("{number}.tar.gz")).collect::<Vec<_>>();
    let uploads = futures_util::future::join_all(names.iter().map(|name| hub.upload(&path, name))).await;
    assert!(uploads.iter().all(Result::is_ok), "{uploads:?}");
    assert_eq!(double.uploads().len(), 8);
    double.assert_no_wrong_calls();
}

#[tokio::test]
async fn a_link_after_a_new_start_has_a_token_too() {
    let (double, hub) = double().await;
    let (_dir, path) = archive(10);
    hub.upload(&path, "a.tar.gz").await.unwrap();
    let again = hub_of(&double.url(), &double.auth_url(), double.token());
    again.link("a.flist", "stable.flist").await.unwrap();
    double.assert_no_wrong_calls();
}

#[tokio::test]
async fn the_token_of_the_settings_is_named_when_it_is_not_accepted() {
    let double = Double::start().await.unwrap();
    let (_dir, path) = archive(10);
    for token in ["eyJ.wrong.one", "no\ntoken"] {
        let hub = hub_of(&double.url(), &double.auth_url(), token);
        let fault = hub.upload(&path, "a.tar.gz").await.unwrap_err();
        assert!(matches!(fault, PublishError::Refused { .. }) && !fault.is_worth_another_try());
        let words = fault.to_string();
        assert!(words.contains("KOZMIC_AUTOBUILD_HUB_TOKEN") && !words.contains(token), "{words}");
    }
    assert!(double.uploads().is_empty());
}

#[tokio::test]
async fn a_refusal_has_the_hubs_words() {
    let (double, hub) = double().await;
    let (_dir, path) = archive(10);
    double.refuse_next("the archive\nis odd");
    let fault = hub.upload(&path, "a.tar.gz").await.unwrap_err();
    assert!(
        matches!(&fault, PublishError::Refused { words, .. } if words == "the archive is odd"),
        "{fault}"
    );
    let fault = hub.link("none.flist", "stable").await.unwrap_err();
    let words = fault.to_string();
    assert!(words.contains("there is no list none.flist (404 Not Found)"), "{words}");
    assert!(!fault.is_worth_another_try());
}

#[tokio::test]
async fn names_stay_what_they_are_in_addresses() {
    let (double, hub) = double().await;
    assert!(hub.link("a/../b?x#y.flist", "s t").await.is_err());
    let escaped = "GET /hub/api/flist/me/a%2F..%2Fb%3Fx%23y.flist/link/s%20t";
    assert!(double.requests().iter().any(|call| call == escaped), "{:?}", double.requests());
}

#[tokio::test]
async fn a_hub_that_is_down_is_worth_another_try() {
    let (double, hub) = double().await;
    let (_dir, path) = archive(10);
    for status in [500, 503, 429] {
        double.fail_next(1, status);
        let fault = hub.upload(&path, "a.tar.gz").await.unwrap_err();
        assert!(fault.is_worth_another_try(), "{fault}");
        assert!(matches!(fault, PublishError::Broken { status: found, .. } if found == status));
    }
    let (url, auth_url, token) = (double.url(), double.auth_url(), double.token().to_owned());
    drop((double, hub));
    let fault = hub_of(&url, &auth_url, &token).upload(&path, "a.tar.gz").await.unwrap_err();
    assert!(matches!(fault, PublishError::Unreachable { .. }) && fault.is_worth_another_try(), "{fault}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_no_fault_of_the_hub() {
    let (_double, hub) = double().await;
    let fault = hub.upload(Path::new("/none/here"), "a.tar.gz").await.unwrap_err();
    assert!(matches!(fault, PublishError::Io { .. }) && fault.to_string().contains("a.tar.gz"), "{fault}");
}

#[tokio::test]
async fn tokens_follow_to_no_other_server() {
    let (elsewhere, asked_elsewhere) = answering(http("200 OK", "x.y.z")).await;
    let moved = http(&format!("302 Found\r\nlocation: {elsewhere}/"), "");
    let (auth, asked) = answering(moved).await;
    let fault = hub_of("http://127.0.0.1:9", &auth, "t0.k.en").link("a", "b").await.unwrap_err();
    assert!(matches!(fault, PublishError::Refused { .. }), "{fault}");
    assert!(asked.await.unwrap().contains("authorization: bearer t0.k.en"));
    assert!(!asked_elsewhere.is_finished());
    asked_elsewhere.abort();
}

#[tokio::test]
async fn what_is_said_back_holds_no_token() {
    let (auth, _) = answering(http("200 OK", "new.t0.ken\n")).await;
    let (url, asked) = answering(http("400 Bad Request", "odd cookie caddyoauth=new.t0.ken")).await;
    let fault = hub_of(&url, &auth, "t0.k.en").link("a", "b").await.unwrap_err();
    assert!(asked.await.unwrap().contains("cookie: caddyoauth=new.t0.ken; active-user=anna-orbit\r\n"));
    let place = url.strip_prefix("http://").unwrap();
    let expected = format!("{place} refused: odd cookie caddyoauth=[token] (400 Bad Request)");
    assert_eq!(fault.to_string(), expected);
    assert!(!format!("{fault:?}").contains("t0.ken"));
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_success_is_none() {
    for body in ["", "success", "{}", r#"{"status":true}"#, r#"{"status":"SUCCESS"}"#, "[]"] {
        let (auth, _) = answering(http("200 OK", "new.t0.ken")).await;
        let (url, _) = answering(http("200 OK", body)).await;
        let fault = hub_of(&url, &auth, "t0.k.en").link("a", "b").await.unwrap_err();
        assert!(matches!(fault, PublishError::Refused { .. }), "{body}: {fault}");
    }
}

#[tokio::test]
async fn a_login_server_that_gives_no_token_is_told_apart() {
    for (head, body, is_worth_another_try) in [
        ("200 OK", "", false),
        ("200 OK", "two tokens", false),
        ("200 OK", "a;b", false),
        ("404 Not Found", "nothing here", false),
        ("502 Bad Gateway", "down", true),
    ] {
        let (auth, _) = answering(http(head, body)).await;
        let fault = hub_of("http://127.0.0.1:9", &auth, "t0.k.en").link("a", "b").await.unwrap_err();
        assert_eq!(fault.is_worth_another_try(), is_worth_another_try, "{head}: {fault}");
    }
}

#[test]
fn settings_that_make_no_hub_are_refused_at_once() {
    let settings = |url: &str, user: &str| HubSettings {
        url: Url::parse(url).unwrap(),
        auth_url: Url::parse("https://login.example.com").unwrap(),
        user: user.to_owned(),
        token: "t0.k.en".into(),
    };
    for (url, user) in
        [("mailto:a@example.com", "anna"), ("https://hub.example.com", "a;b"), ("https://x", "")]
    {
        assert!(Hub::new(settings(url, user)).is_err(), "{url} {user}");
    }
}

#[test]
fn an_address_for_people_has_no_password() {
    let hub = hub_of("https://anna:hush@hub.example.org/x", "https://id.example.org", "t");
    assert_eq!(hub.address("a.flist"), "https://hub.example.org/x/anna-orbit/a.flist");
}

#[tokio::test]
async fn a_hub_tells_what_it_has_and_when_that_changed() {
    let (double, hub) = double().await;
    let (_dir, path) = archive(10);
    assert_eq!(hub.look("a.flist").await.unwrap(), Look::Missing);
    hub.upload(&path, "a.tar.gz").await.unwrap();
    let first = hub.look("a.flist").await.unwrap();
    assert_eq!(hub.look("a.flist").await.unwrap(), first);
    hub.upload(&path, "a.tar.gz").await.unwrap();
    let second = hub.look("a.flist").await.unwrap();
    assert!(matches!((&first, &second), (Look::There(first), Look::There(second)) if first != second));
    double.assert_no_wrong_calls();
}
