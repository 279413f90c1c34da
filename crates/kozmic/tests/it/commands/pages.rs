//! Reads the blocks of commands in the documents, and the marks before them.

use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The languages of fences with commands in them.
const SHELLS: [&str; 3] = ["```sh", "```bash", "```console"];

/// A fenced block of commands.
#[derive(Debug, Clone)]
pub struct Block {
    /// The document, from the repository's root.
    pub page: String,
    /// The line of its fence.
    pub line: usize,
    /// The line before the fence.
    pub mark: Option<Mark>,
    /// Its lines, without what they are indented by.
    pub text: String,
}

/// The use of a block.
#[derive(Debug, Clone)]
pub enum Mark {
    /// `<!-- runs: SCENE -->`: a story plays it.
    Runs(String),
    /// `<!-- run by: SCRIPT -->`: that script has the same words.
    RunBy(String),
    /// `<!-- not run: WHY -->`.
    NotRun(String),
}

impl Mark {
    fn read(line: &str) -> Option<Self> {
        let (kind, rest) = line.trim().strip_prefix("<!-- ")?.strip_suffix(" -->")?.split_once(": ")?;
        match kind {
            "runs" => Some(Self::Runs(rest.to_owned())),
            "run by" => Some(Self::RunBy(rest.to_owned())),
            "not run" => Some(Self::NotRun(rest.to_owned())),
            _ => None,
        }
    }
}

impl Block {
    /// Whether this story plays it on that page.
    pub fn is_played(&self, scene: &str, page: &str) -> bool {
        self.page == page && matches!(&self.mark, Some(Mark::Runs(of)) if of == scene)
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All blocks of all documents.
pub fn blocks() -> Result<Vec<Block>> {
    let mut found = Vec::new();
    for dir in ["", "docs/", "docker/", "bench/"] {
        for entry in fs::read_dir(root().join(dir))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                let page = format!("{dir}{name}");
                let text = fs::read_to_string(root().join(&page)).with_context(|| format!("read {page}"))?;
                found.extend(blocks_of(&page, &text));
            }
        }
    }
    Ok(found)
}

fn blocks_of(page: &str, text: &str) -> Vec<Block> {
    let (mut found, mut before) = (Vec::new(), "");
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let fence = line.trim_start();
        if fence.starts_with("```") {
            let indent = line.len() - fence.len();
            let inside = lines.by_ref().map(|(_, line)| line);
            let inside = inside.take_while(|line| !line.trim_start().starts_with("```"));
            let text = inside.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()));
            let text = text.collect::<String>();
            if SHELLS.contains(&fence) {
                let (page, mark) = (page.to_owned(), Mark::read(before));
                found.push(Block { page, line: index + 1, mark, text });
            }
        }
        before = line;
    }
    found
}

#[test]
fn a_block_has_the_mark_of_the_line_before_it() {
    let page = "Text\n<!-- runs: here -->\n```sh\none\n```\n   ```bash\n   two\n     three\n   ```\n```toml\na = 1\n```\n\
                <!-- not run: it needs a moon -->\n```sh\n```";
    let found = blocks_of("page.md", page);
    let texts = found.iter().map(|block| (block.line, block.text.as_str()));
    assert_eq!(texts.collect::<Vec<_>>(), [(3, "one\n"), (6, "two\n  three\n"), (14, "")]);
    assert!(found[0].is_played("here", "page.md") && !found[0].is_played("there", "page.md"));
    assert!(
        found[1].mark.is_none()
            && matches!(&found[2].mark, Some(Mark::NotRun(why)) if why == "it needs a moon")
    );
}
