//! Tar archives for uploads and downloads.

use super::tree::{Node, plain};
use std::io::{self, Read};

/// The entries of an archive, with absolute paths.
pub(crate) fn unpack(archive: &[u8]) -> io::Result<Vec<(String, Node)>> {
    let mut nodes = Vec::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = plain(&entry.path()?.to_string_lossy());
        let kind = entry.header().entry_type();
        let node = if kind.is_dir() {
            Node::Directory
        } else if kind.is_symlink() {
            let to = entry.link_name()?.unwrap_or_default();
            Node::Link(to.to_string_lossy().into_owned())
        } else {
            let mode = entry.header().mode()?;
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            Node::File { content, mode }
        };
        nodes.push((path, node));
    }
    Ok(nodes)
}

/// An archive of these nodes.
pub(crate) fn pack(nodes: &[(String, Node)]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, node) in nodes {
        let mut header = tar::Header::new_gnu();
        match node {
            Node::File { content, mode } => {
                header.set_mode(*mode);
                header.set_size(content.len() as u64);
                archive.append_data(&mut header, path, content.as_slice())?;
            }
            Node::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                archive.append_data(&mut header, format!("{path}/"), io::empty())?;
            }
            Node::Link(to) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                archive.append_link(&mut header, path, to)?;
            }
        }
    }
    archive.into_inner()
}
