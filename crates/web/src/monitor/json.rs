//! A build as JSON for programs and for the page's script.

use super::card::{ArtifactLine, Card, CommitLine};
use serde::Serialize;
use serde_json::Value;

/// The facts for everybody.
#[derive(Serialize)]
struct Facts<'a> {
    name: &'a str,
    status: &'static str,
    monitor: &'a str,
    docker: &'a str,
    started: i64,
    ended: Option<i64>,
    error: Option<&'a str>,
    commits: Vec<Commit<'a>>,
    artifact: Option<String>,
    artifacts: Vec<Published<'a>>,
    tag: Option<&'a str>,
    baseimage: &'a str,
    id: String,
    log: &'a str,
}

/// The facts for the page's script, in addition to those for everybody.
#[derive(Serialize)]
struct LiveFacts<'a> {
    #[serde(flatten)]
    facts: Facts<'a>,
    title: &'a str,
    html: &'a str,
    project: i64,
    page: &'a str,
}

#[derive(Serialize)]
struct Commit<'a> {
    id: &'a str,
    message: &'a str,
    url: Option<&'a str>,
    author: Author<'a>,
}

#[derive(Serialize)]
struct Author<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Published<'a> {
    name: &'a str,
    link: &'a str,
    url: Option<&'a str>,
    size: u64,
    sha256: &'a str,
    removed: bool,
}

/// A build for programs.
pub(super) fn of(card: &Card) -> Value {
    serde_json::to_value(facts(card)).expect("facts of plain text are JSON")
}

/// A build for the page's script, as text.
pub(super) fn live(card: &Card) -> String {
    let live = LiveFacts {
        facts: facts(card),
        title: &card.title,
        html: &card.tail.html,
        project: card.project.0,
        page: &card.page,
    };
    serde_json::to_string(&live).expect("facts of plain text are JSON")
}

fn facts(card: &Card) -> Facts<'_> {
    let seconds = |ms: i64| ms.div_euclid(1_000);
    Facts {
        name: &card.name,
        status: card.state.word(),
        monitor: &card.tail.text,
        docker: &card.container,
        started: seconds(card.started_at.0),
        ended: card.finished_at.map(|end| seconds(end.0)),
        error: card.error.as_deref(),
        commits: card.commits.iter().map(commit).collect(),
        artifact: card.artifacts.first().map(|artifact| format!("{}/{}", artifact.place, artifact.name)),
        artifacts: card.artifacts.iter().map(published).collect(),
        tag: card.tag.as_deref(),
        baseimage: card.image.as_deref().unwrap_or_default(),
        id: card.id.to_string(),
        log: &card.log,
    }
}

fn commit(CommitLine { id, message, author, url }: &CommitLine) -> Commit<'_> {
    Commit { id, message, url: url.as_deref(), author: Author { name: author } }
}

fn published(artifact: &ArtifactLine) -> Published<'_> {
    let ArtifactLine { place: _, name, link, url, size, sha256, is_removed } = artifact;
    Published { name, link, url: url.as_deref(), size: *size, sha256, removed: *is_removed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::samples;
    use kozmic_model::status::Status;
    use serde_json::json;

    #[test]
    fn a_build_has_the_fields_of_the_original() {
        let mut card = samples::card(9, Status::Failure);
        card.container = "0123456789".into();
        let expected = json!({
            "name": "adlift/show/79-render-js-callback",
            "status": "error",
            "monitor": "last line",
            "docker": "0123456789",
            "started": 2,
            "ended": 66,
            "error": "Failure.",
            "commits": [
                {
                    "id": "b".repeat(40),
                    "message": "Second <b>",
                    "url": "https://github.com/adlift/show/commit/b",
                    "author": { "name": "Anna <i>Li</i>" },
                },
                {
                    "id": "a".repeat(40),
                    "message": "First",
                    "url": "https://github.com/adlift/show/commit/a",
                    "author": { "name": "Bob" },
                },
            ],
            "artifact": "kernel/zero-os-main-generic-aaaaaaaaaa.efi",
            "artifacts": [{
                "name": "zero-os-main-generic-aaaaaaaaaa.efi",
                "link": "zero-os-main-generic.efi",
                "url": "https://ci.example.org/artifacts/kernel/zero-os-main-generic-aaaaaaaaaa.efi",
                "size": 12_345_678,
                "sha256": "c".repeat(64),
                "removed": false,
            }],
            "tag": "special-tag",
            "baseimage": "ubuntu:16.04",
            "id": "9",
            "log": "https://ci.example.org/report/9",
        });
        assert_eq!(of(&card), expected);
    }

    #[test]
    fn the_page_is_told_more() {
        let live = live(&samples::card(9, Status::Pending));
        let live = serde_json::from_str::<Value>(&live).unwrap();
        assert_eq!(live["html"], "last <span class=\"f1\">line</span>");
        assert_eq!(live["page"], "/projects/1/builds/5/jobs/9/");
        assert_eq!((&live["project"], &live["title"]), (&json!(1), &json!("autobuild/flist.sh")));
        assert_eq!(
            (&live["status"], &live["ended"], &live["id"]),
            (&json!("creating"), &json!(null), &json!("9"))
        );
    }
}
