//! The small files of a container's `.git`: refs, their log and the configuration, as `git clone` writes them.

use super::{GitRef, Wanted, refs::Refs};

/// A path below `.git`, with its content.
pub(super) type GitFile = (String, String);

/// Directories that tools expect and that every clone has.
pub(super) const DIRECTORIES: [&str; 7] =
    ["branches", "hooks", "info", "objects/info", "objects/pack", "refs/heads", "refs/tags"];

/// All small files without the index.
pub(super) fn all(wanted: &Wanted, refs: &Refs, seconds: u64) -> Vec<GitFile> {
    let mut files = vec![
        ("HEAD".to_owned(), head(wanted)),
        ("config".to_owned(), config(wanted, Known::Little)),
        ("description".to_owned(), DESCRIPTION.to_owned()),
        ("info/exclude".to_owned(), EXCLUDE.to_owned()),
        ("packed-refs".to_owned(), packed_refs(wanted, refs)),
    ];
    let log = |name: &str, id: &str| (format!("logs/{name}"), log(wanted, id, seconds));
    files.push(log("HEAD", wanted.sha.as_str()));
    if let GitRef::Branch(_) = &wanted.git_ref {
        let name = wanted.git_ref.to_string();
        files.push(log(&name, wanted.sha.as_str()));
        files.push((name, format!("{}\n", wanted.sha)));
    }
    if let Some((branch, id)) = &refs.default {
        let name = "refs/remotes/origin/HEAD";
        files.push((name.to_owned(), format!("ref: refs/remotes/origin/{branch}\n")));
        files.push(log(name, id));
    }
    files
}

const DESCRIPTION: &str = "Unnamed repository; edit this file 'description' to name the repository.\n";

const EXCLUDE: &str = "# git ls-files --others --exclude-from=.git/info/exclude\n";

/// HEAD: on the branch, or at the commit of a pull request or tag.
pub(super) fn head(wanted: &Wanted) -> String {
    match &wanted.git_ref {
        GitRef::Branch(branch) => format!("ref: refs/heads/{branch}\n"),
        GitRef::PullRequest(_) | GitRef::Tag(_) => format!("{}\n", wanted.sha),
    }
}

/// The packed refs: the commit's branch and the default branch, both at the remote, and the tags.
pub(super) fn packed_refs(wanted: &Wanted, refs: &Refs) -> String {
    let mut lines = refs.tags.iter().map(|tag| (tag.name.clone(), tag.id.clone())).collect::<Vec<_>>();
    let remote = |branch: &str| format!("refs/remotes/origin/{branch}");
    lines.extend(refs.default.iter().map(|(branch, id)| (remote(branch), id.clone())));
    if let GitRef::Branch(branch) = &wanted.git_ref {
        lines.push((remote(branch), wanted.sha.to_string()));
    }
    lines.sort();
    lines.dedup();
    let lines = lines.into_iter().map(|(name, id)| format!("{id} {name}\n"));
    std::iter::once("# pack-refs with: sorted \n".to_owned()).chain(lines).collect()
}

/// The first line of a ref's log: a clone created the ref.
fn log(wanted: &Wanted, id: &str, seconds: u64) -> String {
    let (before, url) = ("0".repeat(40), one_line(&wanted.url));
    format!("{before} {id} Kozmic <kozmic@localhost> {seconds} +0000\tclone: from {url}\n")
}

/// The facts about files that an index contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// All except the inode numbers and change times; git must not take the files for changed because of that.
    Little,
    /// All facts, as in a clone.
    All,
}

pub(super) fn config(wanted: &Wanted, known: Known) -> String {
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
    let stat = match known {
        Known::Little => "\tcheckStat = minimal\n\ttrustctime = false\n",
        Known::All => "",
    };
    format!(
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n\
         {stat}[remote \"origin\"]\n\turl = {url}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n{upstream}"
    )
}

/// The text as a value or a section's name in git's configuration.
fn quoted(text: &str) -> String {
    let text = one_line(text).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

fn one_line(text: &str) -> String {
    text.replace('\n', "")
}
