//! The refs that a job's repository has, as a clone made at the time of the push would have them: the commit's own
//! branch or tag, the default branch, and all tags.

use super::{Git, GitError, GitRef, Wanted};
use std::{fs, io, path::Path};

/// The ref in a mirror that points to the commit of the forge's HEAD. The branch's name is in the mirror's own HEAD.
pub(super) const FORGE_HEAD: &str = "refs/forge/HEAD";

const FORMAT: &str = "--format=%(objectname) %(objecttype) %(*objectname) %(*objecttype) %(refname)";

/// The refs of a mirror that jobs see, and those of one job.
pub(super) struct Refs {
    /// The default branch's name and commit.
    pub(super) default: Option<(String, String)>,
    /// All tags, sorted by name.
    pub(super) tags: Vec<Tag>,
}

/// A tag of the mirror.
pub(super) struct Tag {
    /// With `refs/tags/` in front.
    pub(super) name: String,
    /// The id of what it points to: a commit, a tag's own object, or anything else.
    pub(super) id: String,
    /// The commit that it stands for, as far as that is known without a second look.
    pub(super) commit: Option<String>,
}

/// The ids from which objects are reachable.
pub(super) struct Tips {
    /// The commits of the default branch and of the tags: what jobs have in common.
    pub(super) trunk: Vec<String>,
    /// All that the job's refs point to.
    pub(super) all: Vec<String>,
}

impl Refs {
    /// As the mirror has them, for a wanted commit: on the default branch that is where the commit is, and a wanted tag
    /// is at the wanted commit.
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
    /// Of a line in [`FORMAT`]. A field that a tag does not have is nothing between two blanks.
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

/// The branch that a mirror's HEAD names.
pub(super) fn branch(mirror: &Path) -> Option<String> {
    let head = fs::read_to_string(mirror.join("HEAD")).ok()?;
    head.trim_end().strip_prefix("ref: refs/heads/").map(str::to_owned)
}

/// Notes the forge's default branch.
pub(super) fn note_branch(mirror: &Path, name: &str) -> io::Result<()> {
    if branch(mirror).as_deref() == Some(name) {
        return Ok(());
    }
    let begun = mirror.join("HEAD.begun");
    fs::write(&begun, format!("ref: refs/heads/{name}\n"))?;
    fs::rename(begun, mirror.join("HEAD"))
}

/// The id that a ref of the mirror's points to, if a fetch has just moved it. Asking git would cost a process.
pub(super) fn loose(mirror: &Path, name: &str) -> Option<String> {
    fs::read_to_string(mirror.join(name)).ok().map(|id| id.trim_end().to_owned())
}

fn unique(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids.dedup();
    ids
}
