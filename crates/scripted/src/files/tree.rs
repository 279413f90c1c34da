//! A tree of files in memory: the content of an image or a volume.

use std::collections::BTreeMap;

/// A file, a directory or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A file.
    File {
        /// Its content.
        content: Vec<u8>,
        /// Its permissions.
        mode: u32,
    },
    /// A directory.
    Directory,
    /// A link to a path.
    Link(String),
}

impl Node {
    /// A file that is not executable.
    pub(crate) fn file(content: &[u8]) -> Self {
        Self::File { content: content.to_vec(), mode: 0o644 }
    }
}

/// Files by their paths: absolute, without a slash at the end. The root directory has the empty path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree(BTreeMap<String, Node>);

impl Tree {
    /// The node at a path.
    pub(crate) fn node(&self, path: &str) -> Option<&Node> {
        if path.is_empty() { Some(&Node::Directory) } else { self.0.get(path) }
    }

    /// Puts a node at a path, and creates the directories above it. A directory keeps its content.
    pub(crate) fn put(&mut self, path: &str, node: Node) {
        for (end, _) in path.match_indices('/').skip(1) {
            self.0.entry(path[..end].to_owned()).or_insert(Node::Directory);
        }
        if path.is_empty() || (node == Node::Directory && self.node(path) == Some(&Node::Directory)) {
            return;
        }
        self.remove(path);
        self.0.insert(path.to_owned(), node);
    }

    /// Removes a node and everything below it.
    pub(crate) fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.0.retain(|other, _| other != path && !other.starts_with(&below));
    }

    /// All nodes below a path, with paths that are relative to it.
    pub(crate) fn below(&self, path: &str) -> Vec<(String, Node)> {
        let below = format!("{path}/");
        let found = self.0.iter().filter_map(|(at, node)| {
            let rest = at.strip_prefix(&below)?;
            Some((format!("/{rest}"), node.clone()))
        });
        found.collect()
    }

    /// The bytes of all files together.
    pub(crate) fn size(&self) -> usize {
        let sizes = self.0.values().map(|node| match node {
            Node::File { content, .. } => content.len(),
            Node::Directory | Node::Link(_) => 0,
        });
        sizes.sum()
    }
}

/// The path in the normal form of trees.
pub(crate) fn plain(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.flat_map(|part| ["/", part]).collect()
}
