//! What the documents say is there: every path that they name exists.

use std::{fs, path::Path};

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
