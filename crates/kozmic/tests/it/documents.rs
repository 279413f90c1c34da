//! Paths and links in the documents: each one leads somewhere.

use anyhow::{Context, Result};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Paths in backquotes, as far as they look like files of this repository.
fn named_paths(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let looks = |word: &&str| {
        let starts =
            ["crates/", "script/", "docs/", "bench/", ".ci/"].iter().any(|dir| word.starts_with(dir));
        starts && !word.contains([' ', '<', '{', '*'])
    };
    quoted.filter(looks).map(|path| path.trim_end_matches('/').to_owned()).collect()
}

#[test]
fn every_path_that_a_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        for path in named_paths(&text) {
            assert!(root.join(&path).exists(), "{document} names {path}, which is not there");
        }
    }
}

/// The documents that people read, with what stands in them.
fn documents() -> Result<Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut documents = Vec::new();
    for dir in ["", "docs", "docker"] {
        for file in fs::read_dir(root.join(dir))? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path)?;
                documents.push((path, text));
            }
        }
    }
    Ok(documents)
}

/// The lines that are no code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The anchors that GitHub gives to a document's headings.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors = Vec::<String>::new();
    for heading in prose(text).filter(|line| line.starts_with('#')) {
        let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        let anchor =
            heading.chars().filter(|&c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect::<String>();
        let same = anchors.iter().filter(|there| **there == anchor).count();
        anchors.push(if same == 0 { anchor } else { format!("{anchor}-{same}") });
    }
    anchors
}

/// Targets of links within the repository: a path, and an anchor in it, each of which may be empty.
fn links(text: &str) -> Vec<(String, String)> {
    let prose = prose(text).collect::<Vec<_>>().join("\n");
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let inside = targets.map(|(target, _)| target).filter(|target| !target.contains(':'));
    let parts = inside.map(|target| target.split_once('#').unwrap_or((target, "")));
    parts.map(|(path, anchor)| (path.to_owned(), anchor.to_owned())).collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() -> Result<()> {
    let documents = documents()?;
    let anchors = documents.iter().map(|(path, text)| (path.clone(), anchors(text)));
    let anchors = anchors.collect::<HashMap<_, _>>();
    let (mut astray, mut to_anchors) = (Vec::new(), 0);
    for (document, text) in &documents {
        for (path, anchor) in links(text) {
            let beside = document.parent().context("a document is in a directory")?.join(&path);
            let target = if path.is_empty() { Ok(document.clone()) } else { beside.canonicalize() };
            let is_there = target.is_ok_and(|target| {
                anchor.is_empty() || anchors.get(&target).is_some_and(|known| known.contains(&anchor))
            });
            to_anchors += usize::from(!anchor.is_empty());
            if !is_there {
                astray.push(format!("{}: {path}#{anchor}", document.display()));
            }
        }
    }
    assert!(astray.is_empty(), "{astray:#?}");
    assert!(to_anchors > 20, "the documents lead to each other, and {to_anchors} such links were found");
    Ok(())
}

/// The first fenced block of a page that is a unit.
fn unit_in(page: &str) -> Result<&str> {
    let unit = page.split("```ini\n").nth(1).and_then(|rest| rest.split("```").next());
    unit.context("the page has a unit")
}

/// Both units are read by systemd's own tool, which finds wrong words, wrong values and missing programs.
#[test]
fn the_units_in_the_pages_are_those_of_the_package() -> Result<()> {
    let (server, runner) =
        (include_str!("../../../../docs/install.md"), include_str!("../../../../docs/scale.md"));
    let packaged = [
        ("kozmic.service", server, include_str!("../../../../packaging/kozmic.service")),
        ("kozmic-runner.service", runner, include_str!("../../../../packaging/kozmic-runner.service")),
    ];
    let dir = tempfile::tempdir()?;
    for (name, page, packaged) in packaged {
        let unit = unit_in(page)?;
        let installed = packaged.replace("/usr/bin/kozmic", "/usr/local/bin/kozmic");
        assert_eq!(unit, installed, "{name} is the package's, but for the path");
        let here = unit.replace("/usr/local/bin/kozmic", env!("CARGO_BIN_EXE_kozmic"));
        let file = dir.path().join(name);
        std::fs::write(&file, here)?;
        let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output();
        let output = output.context("run systemd-analyze: is the package systemd installed?")?;
        let said = String::from_utf8_lossy(&output.stderr);
        let of_ours: Vec<_> = said.lines().filter(|line| line.contains(name)).collect();
        assert!(output.status.success() && of_ours.is_empty(), "{said}");
    }
    Ok(())
}
