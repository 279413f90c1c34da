//! The small files of a `.git` that a container gets: the refs and the configuration, as `git clone` writes them.

use super::{Checkout, GitRef, Wanted};
use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

/// On the branch, or at the commit of a pull request or tag.
pub(super) fn head(wanted: &Wanted) -> String {
    match &wanted.git_ref {
        GitRef::Branch(branch) => format!("ref: refs/heads/{branch}\n"),
        GitRef::PullRequest(_) | GitRef::Tag(_) => format!("{}\n", wanted.sha),
    }
}

/// The commit's branch, here and at the remote, or its tag, and the mirror's other tags.
pub(super) fn packed_refs(checkout: &Checkout) -> io::Result<String> {
    let Checkout { mirror, wanted, tag, .. } = checkout;
    let mut refs = tags(mirror)?;
    match &wanted.git_ref {
        GitRef::Branch(branch) => {
            refs.push((wanted.git_ref.to_string(), wanted.sha.to_string()));
            refs.push((format!("refs/remotes/origin/{branch}"), wanted.sha.to_string()));
        }
        GitRef::Tag(_) => {
            let name = wanted.git_ref.to_string();
            refs.retain(|(known, _)| *known != name);
            refs.push((name, tag.clone().unwrap_or_else(|| wanted.sha.to_string())));
        }
        GitRef::PullRequest(_) => {}
    }
    refs.sort();
    refs.dedup_by(|a, b| a.0 == b.0);
    let lines = refs.into_iter().map(|(name, sha)| format!("{sha} {name}\n"));
    Ok(std::iter::once("# pack-refs with: sorted\n".to_owned()).chain(lines).collect())
}

/// A mirror's tags: those in files go before packed ones of the same name.
fn tags(mirror: &Path) -> io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    loose_tags(&mirror.join("refs/tags"), "refs/tags", &mut found)?;
    let packed = fs::read_to_string(mirror.join("packed-refs")).unwrap_or_default();
    let packed =
        packed.lines().filter(|line| !line.starts_with(['#', '^'])).filter_map(|line| line.split_once(' '));
    let known = found.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let packed =
        packed.filter(|(_, name)| name.starts_with("refs/tags/") && !known.iter().any(|tag| tag == name));
    found.extend(packed.map(|(sha, name)| (name.to_owned(), sha.to_owned())));
    Ok(found)
}

/// A tag that a fetch is just writing is left out.
fn loose_tags(dir: &Path, name: &str, found: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let entry = entry?;
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if name.ends_with(".lock") {
            continue;
        }
        match fs::read_to_string(entry.path()) {
            Ok(sha) => found.push((name, sha.trim().to_owned())),
            Err(fault) if fault.kind() == ErrorKind::IsADirectory => {
                loose_tags(&entry.path(), &name, found)?;
            }
            Err(fault) if fault.kind() == ErrorKind::NotFound => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

/// `checkStat = minimal`: the files' inode numbers differ in the container, and git shall not take them for changed.
pub(super) fn config(wanted: &Wanted) -> String {
    let url = quoted(&wanted.url);
    let upstream = match &wanted.git_ref {
        GitRef::Branch(branch) => {
            let branch = quoted(branch);
            format!(
                "[branch {branch}]\n\tremote = origin\n\tmerge = {}\n",
                quoted(&wanted.git_ref.to_string())
            )
        }
        GitRef::PullRequest(_) | GitRef::Tag(_) => String::new(),
    };
    format!(
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n\
         \tcheckStat = minimal\n\ttrustctime = false\n\
         [remote \"origin\"]\n\turl = {url}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n{upstream}"
    )
}

/// A text as a value or a section's name in git's configuration.
fn quoted(text: &str) -> String {
    let text = text.replace('\n', "").replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}
