//! Paths in the documents: every one that they name exists.

use anyhow::{Context, Result};
use std::{fs, path::Path, process::Command};

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

/// The unit is read by systemd's own tool, which finds wrong words, wrong values and missing programs.
#[test]
fn the_unit_in_the_installations_page_is_one() -> Result<()> {
    let page = include_str!("../../../../docs/install.md");
    let unit = page.split("```ini\n").nth(1).and_then(|rest| rest.split("```").next()).context("a unit")?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("kozmic.service");
    let here = unit.replace("/usr/local/bin/kozmic", env!("CARGO_BIN_EXE_kozmic"));
    std::fs::write(&file, here)?;
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output();
    let output = output.context("run systemd-analyze: is the package systemd installed?")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let of_ours: Vec<_> = said.lines().filter(|line| line.contains("kozmic.service")).collect();
    assert!(output.status.success() && of_ours.is_empty(), "{said}");
    Ok(())
}
