//! The refs of a job's repository, as in a clone at the time of the push: the commit's own branch or tag, the default
//! branch, and all tags.

use super::{Git, GitError, GitRef, Wanted};
use std::{fs, io, path::Path};

/// The ref in a mirror that points to the commit of the forge's HEAD. The mirror's own HEAD has the branch's name.
pub(super) const FORGE_HEAD: &str = "refs/forge/HEAD";

const FORMAT: &str = "--format=%(objectname) %(objecttype) %(*objectname) %(*objecttype) %(refname)";

/// The refs of a mirror that all jobs see.
pub(super) struct Refs {
    /// The default branch's name and commit.
    pub(super) default: Option<(String, String)>,
    /// All tags, sorted by name.
    pub(super) tags: Vec<Tag>,
}

/// A tag of the mirror.
pub(super) struct Tag {
    /// The name with `refs/tags/` in front.
    pub(super) name: String,
    /// The id of its object: a commit, a tag's own object, or anything else.
    pub(super) id: String,
    /// The commit that it stands for, if it is known without another look.
    pub(super) commit: Option<String>,
}

/// The ids from which objects are reachable.
pub(super) struct Tips {
    /// The commits of the default branch and of the tags, which jobs share.
    pub(super) trunk: Vec<String>,
    /// All ids to which the job's refs point.
    pub(super) all: Vec<String>,
}

impl Refs {
    /// The refs of the mirror, for a wanted commit. If the commit is on the default branch, that branch points to it. A
    /// wanted tag points to it too.
    pub(super) async fn read(git: &Git, mirror: &Path, wanted: &Wanted) -> Result<Self, GitError> {
        let listing = git.run("for-each-ref", ["for-each-ref", FORMAT, "refs/tags", FORGE_HEAD]).await?;
        let mut refs = Self { default: None, tags: Vec::new() };
        for tag in listing.lines().filter_map(Tag::parse) {
            match tag.name == FORGE_HEAD {
                true => refs.default = branch(mirror).map(|name| (name, tag.id)),
                false => refs.tags.push(tag),
            }
        }
        refs.put(wanted);
        Ok(refs)
    }

    fn put(&mut self, wanted: &Wanted) {
        let sha = wanted.sha.to_string();
        match &wanted.git_ref {
            GitRef::Branch(branch) => {
                let default = self.default.as_mut().filter(|(name, _)| name == branch);
                default.into_iter().for_each(|(_, id)| id.clone_from(&sha));
            }
            GitRef::Tag(_) => {
                let name = wanted.git_ref.to_string();
                let is_there = |tag: &Tag| tag.name == name && tag.commit.as_ref() == Some(&sha);
                if !self.tags.iter().any(is_there) {
                    self.tags.retain(|tag| tag.name != name);
                    self.tags.push(Tag { name, id: sha.clone(), commit: Some(sha) });
                    self.tags.sort_by(|a, b| a.name.cmp(&b.name));
                }
            }
            GitRef::PullRequest(_) => {}
        }
    }

    pub(super) fn tips(&self, wanted: &Wanted) -> Tips {
        let default = self.default.iter().map(|(_, id)| id);
        let commits = self.tags.iter().filter_map(|tag| tag.commit.as_ref());
        let tags = self.tags.iter().map(|tag| &tag.id);
        let own = wanted.sha.to_string();
        Tips {
            trunk: unique(default.clone().chain(commits).cloned().collect()),
            all: unique(default.chain(tags).chain([&own]).cloned().collect()),
        }
    }
}

impl Tag {
    /// Reads a line in [`FORMAT`]. A field that a tag does not have is empty, between two spaces.
    fn parse(line: &str) -> Option<Self> {
        let fields = line.split(' ').collect::<Vec<_>>();
        let [id, kind, inner, inner_kind, name] = fields[..] else { return None };
        let commit = match (kind, inner_kind) {
            ("commit", _) => Some(id),
            (_, "commit") => Some(inner),
            _ => None,
        };
        Some(Self { name: name.to_owned(), id: id.to_owned(), commit: commit.map(str::to_owned) })
    }
}

/// The branch in a mirror's HEAD.
pub(super) fn branch(mirror: &Path) -> Option<String> {
    let head = fs::read_to_string(mirror.join("HEAD")).ok()?;
    head.trim_end().strip_prefix("ref: refs/heads/").map(str::to_owned)
}

/// Stores the name of the forge's default branch.
pub(super) fn note_branch(mirror: &Path, name: &str) -> io::Result<()> {
    if branch(mirror).as_deref() == Some(name) {
        return Ok(());
    }
    let begun = mirror.join("HEAD.begun");
    fs::write(&begun, format!("ref: refs/heads/{name}\n"))?;
    fs::rename(begun, mirror.join("HEAD"))
}

/// The id to which a ref of the mirror points, if a fetch has just moved the ref. Asking git would cost a process.
pub(super) fn loose(mirror: &Path, name: &str) -> Option<String> {
    fs::read_to_string(mirror.join(name)).ok().map(|id| id.trim_end().to_owned())
}

fn unique(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids.dedup();
    ids
}
