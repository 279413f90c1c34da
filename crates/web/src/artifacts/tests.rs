//! Requests for addresses below `/artifacts/`, well-meant and hostile ones.

use super::{Links, file, listing, segment, spoken_size};
use crate::{
    app::ArtifactDirs,
    error::WebError,
    tests::trial::{Answer, Trial, face},
};
use axum::{
    body::Body,
    http::{HeaderMap, Method, Request},
};
use kozmic_model::{
    artifact::{Artifact, ArtifactName, ArtifactPlace, Format},
    ids::{ArtifactId, BuildId, JobId, ProjectId},
    time::Timestamp,
};
use std::{fs, os::unix::fs::symlink, path::Path};

const FILE: &str = "/artifacts/binary/zos-main-0123456789.bin";
const STABLE: &str = "/artifacts/binary/zos-main.bin";

async fn ask(trial: &Trial, method: &str, address: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::builder().method(method).uri(address);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    trial.ask(request.body(Body::empty()).unwrap()).await
}

async fn get(trial: &Trial, address: &str) -> Answer {
    ask(trial, "GET", address, &[]).await
}

/// A server with a file of ten bytes behind a link, a kernel, and a directory.
async fn stocked() -> Trial {
    let trial = Trial::automatic().await;
    let (binary, kernel) = (trial.dir.path().join("binary"), trial.dir.path().join("kernel"));
    fs::create_dir_all(binary.join("site-main-0123456789/a b/deep")).unwrap();
    fs::create_dir(&kernel).unwrap();
    put(&binary, "zos-main-0123456789.bin", "0123456789");
    put(&binary, ".unfinished", "half");
    put(&binary, "site-main-0123456789/index.html", "<script>alert(1)</script>");
    put(&binary, "site-main-0123456789/<b>&\".txt", &"x".repeat(2048));
    put(&binary, "site-main-0123456789/.secret", "hidden");
    put(&binary, "site-main-0123456789/a b/deep/file", "deep");
    put(&kernel, "zero-os-main-generic.efi", "MZ");
    put(trial.dir.path(), "outside", "of nobody's business");
    symlink("zos-main-0123456789.bin", binary.join("zos-main.bin")).unwrap();
    trial
}

fn put(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
}

#[tokio::test]
async fn a_file_is_fetched_whole_by_each_of_its_names() {
    let trial = stocked().await;
    for address in [FILE, STABLE] {
        let answer = get(&trial, address).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "0123456789"), "{address}");
        assert_eq!(answer.header("Content-Length"), "10");
        assert_eq!(answer.header("Accept-Ranges"), "bytes");
        assert!(answer.header("Last-Modified").ends_with(" GMT"));
        let head = ask(&trial, "HEAD", address, &[("Range", "bytes=2-3")]).await;
        assert_eq!((head.status.as_u16(), head.header("Content-Length"), head.text()), (200, "10", ""));
        assert_eq!(head.header("ETag"), answer.header("ETag"));
    }
    assert_eq!(get(&trial, "/artifacts/kernel/zero-os-main-generic.efi").await.text(), "MZ");
}

#[tokio::test]
async fn a_part_is_fetched_without_the_rest() {
    let trial = stocked().await;
    for (range, status, body, told) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=9-", 206, "9", "bytes 9-9/10"),
        ("bytes=10-", 416, "", "bytes */10"),
        ("bytes=0-1,3-4", 200, "0123456789", ""),
    ] {
        let answer = ask(&trial, "GET", FILE, &[("Range", range), ("Accept-Encoding", "gzip")]).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (status, body), "{range}");
        assert_eq!(answer.header("Content-Range"), told, "{range}");
    }
}

#[tokio::test]
async fn who_continues_a_file_that_has_changed_gets_it_whole() {
    let trial = stocked().await;
    let first = get(&trial, STABLE).await;
    let (tag, date) = (first.header("ETag").to_owned(), first.header("Last-Modified").to_owned());
    assert!(tag.starts_with('"') && tag.len() > 10, "{tag} is strong");
    let status = async |condition: &str| {
        let headers = [("Range", "bytes=5-"), ("If-Range", condition)];
        ask(&trial, "GET", STABLE, &headers).await.status.as_u16()
    };
    for condition in [&tag, &date] {
        assert_eq!(status(condition).await, 206, "{condition}");
    }
    for condition in ["\"another\"", &format!("W/{tag}"), "Sat, 01 Jan 2000 00:00:00 GMT", "nonsense"] {
        assert_eq!(status(condition).await, 200, "{condition}");
    }
    let binary = trial.dir.path().join("binary");
    put(&binary, ".next", "abcdefghij");
    fs::rename(binary.join(".next"), binary.join("zos-main-0123456789.bin")).unwrap();
    assert_eq!(status(&tag).await, 200, "the same size, but another file");
}

#[tokio::test]
async fn who_has_it_already_is_told_so() {
    let trial = stocked().await;
    let first = get(&trial, FILE).await;
    let (tag, date) = (first.header("ETag"), first.header("Last-Modified"));
    let several = format!("\"other\", W/{tag}");
    for (name, value) in [
        ("If-None-Match", tag),
        ("If-None-Match", &several),
        ("If-None-Match", "*"),
        ("If-Modified-Since", date),
    ] {
        let answer = ask(&trial, "GET", FILE, &[(name, value)]).await;
        assert_eq!((answer.status.as_u16(), answer.text(), answer.header("ETag")), (304, "", tag), "{name}");
    }
    let stale = [("If-None-Match", "\"other\""), ("If-Modified-Since", date)];
    assert_eq!(ask(&trial, "GET", FILE, &stale).await.status, 200, "the tag says more than the date");
    let old = [("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT")];
    assert_eq!(ask(&trial, "GET", FILE, &old).await.status, 200);
}

#[tokio::test]
async fn what_a_script_wrote_never_runs_as_a_page_of_ours() {
    let trial = stocked().await;
    let answer = get(&trial, "/artifacts/binary/site-main-0123456789/index.html").await;
    assert_eq!(answer.text(), "<script>alert(1)</script>");
    assert_eq!(answer.header("Content-Type"), "application/octet-stream");
    assert_eq!(answer.header("Content-Disposition"), "attachment");
    assert_eq!(answer.header("X-Content-Type-Options"), "nosniff");
    assert!(answer.header("Content-Security-Policy").starts_with("sandbox; default-src 'none'"));
    let listing = get(&trial, "/artifacts/binary/site-main-0123456789/").await;
    assert!(listing.header("Content-Security-Policy").contains("script-src 'self'"), "a page of ours");
}

#[tokio::test]
async fn a_file_goes_as_it_lies_there_however_it_could_be_packed() {
    let trial = stocked().await;
    put(&trial.dir.path().join("binary"), "large", &"x".repeat(1_000_000));
    let answer = ask(&trial, "GET", "/artifacts/binary/large", &[("Accept-Encoding", "gzip")]).await;
    assert_eq!((answer.header("Content-Encoding"), answer.header("Content-Length")), ("", "1000000"));
    assert_eq!(answer.body.len(), 1_000_000);
}

#[tokio::test]
async fn nothing_outside_and_nothing_hidden_is_found() {
    let trial = stocked().await;
    let binary = trial.dir.path().join("binary");
    symlink("../outside", binary.join("leak")).unwrap();
    symlink(trial.dir.path().join("outside"), binary.join("absolute")).unwrap();
    symlink("..", binary.join("up")).unwrap();
    symlink(".", binary.join("all")).unwrap();
    symlink(".unfinished", binary.join("early")).unwrap();
    symlink("round", binary.join("round")).unwrap();
    symlink("nowhere", binary.join("dangling")).unwrap();
    for name in [
        "",
        "%2e%2e/outside",
        "../outside",
        "..%2foutside",
        "%2e%2e%2foutside",
        "%2foutside",
        "/outside",
        ".unfinished",
        "%2eunfinished",
        "site-main-0123456789/.secret",
        "site-main-0123456789/../zos-main.bin",
        "site-main-0123456789//index.html",
        "leak",
        "absolute",
        "up/outside",
        "up/",
        "all",
        "all/.unfinished",
        "early",
        "round",
        "dangling",
        "none",
        "zos-main.bin/",
        "zos-main.bin/x",
        "a%00b",
        "%ff",
        &"x".repeat(300),
    ] {
        let answer = get(&trial, &format!("/artifacts/binary/{name}")).await;
        assert_eq!(answer.status, 404, "{name}");
    }
    for address in ["/artifacts/", "/artifacts/binary", "/artifacts/kernel/", "/artifacts/other/outside"] {
        assert_eq!(get(&trial, address).await.status, 404, "{address}");
    }
    assert_eq!(ask(&trial, "POST", FILE, &[]).await.status, 405);
}

#[tokio::test]
async fn a_directory_is_a_list_of_what_is_in_it() {
    let trial = stocked().await;
    let address = "/artifacts/binary/site-main-0123456789";
    let bare = get(&trial, address).await;
    assert_eq!((bare.status.as_u16(), bare.header("Location")), (307, format!("{address}/").as_str()));
    let inside = trial.dir.path().join("binary/site-main-0123456789");
    symlink("index.html", inside.join("link")).unwrap();
    symlink("../../outside", inside.join("leak")).unwrap();
    let page = get(&trial, &format!("{address}/")).await;
    let text = page.text();
    assert_eq!(page.status, 200);
    assert!(text.contains(r#"href="./index.html""#) && text.contains(r#"href="./link""#));
    assert!(text.contains(r#"href="./a%20b/""#) && text.contains("2.0 KiB"));
    assert!(text.contains(r#"href="./%3Cb%3E%26%22.txt""#) && !text.contains("<b>&"), "{text}");
    assert!(!text.contains("leak") && !text.contains(".secret"));
    let odd = get(&trial, &format!("{address}/%3Cb%3E%26%22.txt")).await;
    assert_eq!(odd.body.len(), 2048);
    assert_eq!(get(&trial, &format!("{address}/a%20b/deep/file")).await.text(), "deep");
}

#[tokio::test]
async fn what_is_taken_away_while_it_is_looked_for_is_not_found() {
    let trial = stocked().await;
    let root = trial.dir.path().join("binary");
    let gone = file::send(&root.join("gone"), &Method::GET, &HeaderMap::new()).await;
    assert!(matches!(gone, Err(WebError::NotFound)));
    let gone = listing::page(&root, root.join("gone"), "gone/").await;
    assert!(matches!(gone, Err(WebError::NotFound)));
}

#[tokio::test]
async fn without_an_auto_builder_nothing_is_served() {
    let trial = Trial::plain().await;
    fs::create_dir(trial.dir.path().join("binary")).unwrap();
    put(&trial.dir.path().join("binary"), "zos-main.bin", "0123456789");
    assert_eq!(get(&trial, STABLE).await.status, 404);
}

fn artifact(format: Format, place: ArtifactPlace) -> Artifact {
    let name = ArtifactName { versioned: "zos-main-0123456789".into(), stable: "zos-main".into() };
    Artifact {
        id: ArtifactId(1),
        project: ProjectId(1),
        build: BuildId(5),
        job: JobId(9),
        format,
        name,
        place,
        size: 10,
        sha256: "ab".repeat(32),
        pushed_at: Timestamp(0),
        created_at: Timestamp(0),
        removed_at: None,
    }
}

#[test]
fn links_lead_to_the_hub_or_to_what_is_served_here() {
    let dirs = ArtifactDirs { binary: "/binary".into(), kernel: "/kernel".into() };
    let (served, plain) = (face(Some(dirs)), face(None));
    let links = |artifact: &Artifact, face| {
        let Links { versioned, stable } = Links::of(artifact, face);
        (versioned.unwrap_or_default(), stable.unwrap_or_default())
    };
    let hub = |url: &str| ArtifactPlace::Hub {
        url: url.into(),
        stable_url: "https://hub.example/me/zos.flist".into(),
    };
    let list = artifact(Format::Flist, hub("https://hub.example/me/zos-1.flist"));
    let there =
        ("https://hub.example/me/zos-1.flist".to_owned(), "https://hub.example/me/zos.flist".to_owned());
    assert_eq!(links(&list, &plain), there);
    assert_eq!(links(&artifact(Format::Flist, hub("javascript:alert(1)")), &plain).0, "");
    let mut site = artifact(Format::Directory, ArtifactPlace::Binaries);
    assert_eq!(links(&site, &plain), (String::new(), String::new()));
    let (versioned, stable) = links(&site, &served);
    assert_eq!(versioned, "https://ci.example.org/artifacts/binary/zos-main-0123456789/");
    assert_eq!(stable, "https://ci.example.org/artifacts/binary/zos-main/");
    site.removed_at = Some(Timestamp(1));
    assert_eq!(links(&site, &served), (String::new(), stable));
    let kernel = artifact(Format::Kernel, ArtifactPlace::Kernels);
    assert_eq!(links(&kernel, &served).1, "https://ci.example.org/artifacts/kernel/zos-main");
}

#[test]
fn a_name_stays_one_part_of_an_address() {
    assert_eq!(segment("zos-main_1.2.tar.gz"), "zos-main_1.2.tar.gz");
    assert_eq!(segment("a/b?c#d e%:ü"), "a%2Fb%3Fc%23d%20e%25%3A%C3%BC");
}

#[test]
fn sizes_are_told_as_people_say_them() {
    let told = [0, 1023, 1024, 1_572_864, 10 << 20, 3 << 30, u64::MAX].map(spoken_size);
    assert_eq!(told, ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "10.0 MiB", "3.0 GiB", "16777215.9 TiB"]);
}
