//! The disk of a container: its own files, and volumes at some of its paths.

use super::tree::{Node, Tree, plain};
use std::collections::HashMap;

/// The volumes of an engine, by their numbers.
pub(crate) type Volumes = HashMap<u64, Tree>;

/// The disk of one container, without the volumes themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    /// The container's own files.
    pub(crate) own: Tree,
    /// Paths with the volumes that are mounted there.
    pub(crate) mounts: Vec<(String, u64)>,
}

/// The result of a look at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file, directory or link.
    Node(Node),
    /// Nothing.
    Nothing,
    /// Nothing, and nothing can be there: this path above it is not a directory.
    BelowFile(String),
}

impl Disk {
    /// The volume of a path, and the path inside of it.
    fn volume(&self, path: &str) -> Option<(u64, String)> {
        let within = self.mounts.iter().filter_map(|(mount, volume)| {
            let rest = path.strip_prefix(mount.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (mount.len(), (*volume, rest.to_owned())))
        });
        within.max_by_key(|(length, _)| *length).map(|(_, found)| found)
    }

    fn node<'a>(&'a self, volumes: &'a Volumes, path: &str) -> Option<&'a Node> {
        match self.volume(path) {
            Some((volume, rest)) => volumes.get(&volume)?.node(&rest),
            None => self.own.node(path),
        }
    }

    /// The node at a path. Links are not followed.
    pub(crate) fn look(&self, volumes: &Volumes, path: &str) -> Found {
        let path = plain(path);
        if let Some(node) = self.node(volumes, &path) {
            return Found::Node(node.clone());
        }
        let above = path.match_indices('/').skip(1).map(|(end, _)| &path[..end]);
        let mut files = above.filter(|above| matches!(self.node(volumes, above), Some(Node::File { .. })));
        files.next().map_or(Found::Nothing, |file| Found::BelowFile(file.to_owned()))
    }

    /// The content of a file. Follows one link, if there is one.
    pub(crate) fn read(&self, volumes: &Volumes, path: &str) -> Option<Vec<u8>> {
        match self.look(volumes, path) {
            Found::Node(Node::File { content, .. }) => Some(content),
            Found::Node(Node::Link(to)) if to.starts_with('/') => self.read_file(volumes, &to),
            Found::Node(Node::Link(to)) => {
                let (above, _) = path.rsplit_once('/').unwrap_or_default();
                self.read_file(volumes, &format!("{above}/{to}"))
            }
            _ => None,
        }
    }

    fn read_file(&self, volumes: &Volumes, path: &str) -> Option<Vec<u8>> {
        match self.look(volumes, path) {
            Found::Node(Node::File { content, .. }) => Some(content),
            _ => None,
        }
    }

    /// True if something is at the path. A link counts even if its target does not exist.
    pub(crate) fn has(&self, volumes: &Volumes, path: &str) -> bool {
        matches!(self.look(volumes, path), Found::Node(_))
    }

    /// True if a path is a directory.
    pub(crate) fn has_directory(&self, volumes: &Volumes, path: &str) -> bool {
        self.look(volumes, path) == Found::Node(Node::Directory)
    }

    /// Puts a node at a path, with the directories above it.
    pub(crate) fn put(&mut self, volumes: &mut Volumes, path: &str, node: Node) {
        let path = plain(path);
        match self.volume(&path) {
            Some((volume, rest)) => volumes.entry(volume).or_default().put(&rest, node),
            None => self.own.put(&path, node),
        }
    }

    /// Removes a path and everything below it; a volume's own path stays.
    pub(crate) fn remove(&mut self, volumes: &mut Volumes, path: &str) {
        let path = plain(path);
        match self.volume(&path) {
            Some((volume, rest)) => volumes.entry(volume).or_default().remove(&rest),
            None => self.own.remove(&path),
        }
    }

    /// A node and everything below it. The paths begin with the last part of the node's own path.
    pub(crate) fn subtree(&self, volumes: &Volumes, path: &str) -> Vec<(String, Node)> {
        let path = plain(path);
        let Some(top) = self.node(volumes, &path) else { return Vec::new() };
        let name = path.rsplit('/').next().unwrap_or_default();
        let mut nodes = vec![(name.to_owned(), top.clone())];
        let below = match self.volume(&path) {
            Some((volume, rest)) => volumes.get(&volume).map(|tree| tree.below(&rest)).unwrap_or_default(),
            None => self.own.below(&path),
        };
        nodes.extend(below.into_iter().map(|(rest, node)| (format!("{name}{rest}"), node)));
        for (mount, volume) in &self.mounts {
            let Some(rest) = mount.strip_prefix(&path).filter(|rest| rest.starts_with('/')) else { continue };
            nodes.retain(|(at, _)| !at.starts_with(&format!("{name}{rest}/")));
            let inside = volumes.get(volume).map(|tree| tree.below("")).unwrap_or_default();
            nodes.extend(inside.into_iter().map(|(below, node)| (format!("{name}{rest}{below}"), node)));
        }
        nodes
    }
}
