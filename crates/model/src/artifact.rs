//! Artifacts: the things that a job makes beside its log, and the names under which people find them.

use crate::{
    git::{RefAt, Sha},
    ids::{ArtifactId, BuildId, JobId, ProjectId},
    image::ImageName,
    names::{NameOwner, Wish, flat, is_flat, looks_versioned},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A file or directory that a job must produce, and its destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The path in the container, below the output directory: parts between slashes, none of them `..`.
    pub path: String,
    /// The kind of the artifact, which decides the destination.
    pub format: Format,
    /// The names at the destination, unless another artifact has them: see [`ArtifactName::wishes`].
    pub name: ArtifactName,
    /// The image name under which the container is kept once its script has ended well.
    pub keep: Option<ImageName>,
    /// True if another artifact in the configuration claims the same plain name. The plain name then goes to neither,
    /// unless one of them has it already.
    #[serde(default)]
    pub is_met: bool,
}

/// The kind of an artifact, which decides where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An archive that the hub turns into a file list.
    Flist,
    /// A file, into the directory of binaries.
    Binary,
    /// A directory, into the directory of binaries.
    Directory,
    /// A kernel, into the directory of kernels, and to the hub if there is one.
    Kernel,
}

impl Format {
    /// The formats that a recipe may name, in the order of the documentation.
    pub const OF_RECIPES: [Self; 3] = [Self::Flist, Self::Binary, Self::Directory];

    /// The word in recipes, in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Flist => "flist",
            Self::Binary => "binary",
            Self::Directory => "directory",
            Self::Kernel => "kernel",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Format {
    type Err = NotAFormat;
    fn from_str(text: &str) -> Result<Self, NotAFormat> {
        let all = [Self::Flist, Self::Binary, Self::Directory, Self::Kernel];
        all.into_iter().find(|format| format.word() == text).ok_or_else(|| NotAFormat(text.to_owned()))
    }
}

/// The text names no format.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not a format: flist, binary or directory")]
pub struct NotAFormat(String);

/// The end of a file list's name.
const FLIST: &str = ".flist";

/// The end of files with checksums, which lie beside artifacts.
const SUMS: &str = ".sha256";

/// The longest name, in bytes. It becomes the name of a file, sometimes with a suffix.
pub(crate) const LONGEST_NAME: usize = 230;

/// The names of an artifact: one per commit, and one that always leads to the newest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactName {
    /// `<owner>-<repository>[-<tag>]-<branch>-<commit, 10 digits>`, and an extension.
    pub versioned: String,
    /// `<owner>-<repository>[-<tag>]-<branch>`, and an extension.
    pub stable: String,
}

impl ArtifactName {
    /// The names of a recipe's artifact. `full_name` is `owner/name`; `file` is the path where the script leaves it.
    /// A file list is uploaded as an archive and linked as a list. Another file keeps its own extension.
    pub fn of_recipe(full_name: &str, tag: Option<&str>, at: RefAt<'_>, format: Format, file: &str) -> Self {
        let tag = tag.map(|tag| format!("-{tag}")).unwrap_or_default();
        let stem = flat(&format!("{full_name}{tag}-{}", at.git_ref.label()));
        let versioned = format!("{stem}-{}", at.sha.short());
        match format {
            Format::Flist => {
                Self { versioned: format!("{versioned}.tar.gz"), stable: format!("{stem}.flist") }
            }
            Format::Directory => Self { versioned, stable: stem },
            Format::Binary | Format::Kernel => {
                let extension = extension(file);
                Self { versioned: format!("{versioned}{extension}"), stable: format!("{stem}{extension}") }
            }
        }
    }

    /// The names to request if another artifact may already have them: the stable name, and the series. The series is
    /// the name of all versions, with `*` in the place of the commit. `owners` has the owner of each of the two.
    pub fn wishes(&self, owners: [NameOwner; 2], at: RefAt<'_>, is_plain: bool) -> [Wish; 2] {
        let commit = format!("-{}", at.sha.short());
        let (stem, tail) = self.versioned.rsplit_once(&commit).unwrap_or((&self.versioned, ""));
        let series = format!("{stem}-*{tail}");
        let stable_tail =
            [tail, FLIST].into_iter().find(|tail| self.stable.ends_with(tail)).unwrap_or_default();
        let is_certain = is_plain && is_flat(&at.git_ref.label()) && self.is_certain(tail);
        let [of_link, of_versions] = owners;
        [
            Wish::new(of_link, self.stable.clone(), stable_tail, LONGEST_NAME, is_certain),
            Wish::new(of_versions, series, &format!("-*{tail}"), LONGEST_NAME, is_certain),
        ]
    }

    /// The artifact's names after both wishes of [`Self::wishes`] were granted.
    pub fn granted(stable: String, series: &str, sha: &Sha) -> Self {
        Self { versioned: series.replacen('*', sha.short(), 1), stable }
    }

    /// True if nothing in the name can be mistaken for something else.
    fn is_certain(&self, tail: &str) -> bool {
        let is_extension = |part: &str| part.bytes().all(|letter| letter.is_ascii_alphanumeric());
        is_extension(&tail.replace('.', ""))
            && !tail.contains("..")
            && !looks_versioned(&self.stable)
            && !self.stable.ends_with(SUMS)
            && self.versioned.len() <= LONGEST_NAME
    }

    /// The name of the list that the hub makes of the archive.
    pub fn flist(&self) -> String {
        let stem = ["tar.gz", "efi"].iter().find_map(|end| self.versioned.strip_suffix(&format!(".{end}")));
        format!("{}.flist", stem.unwrap_or(&self.versioned))
    }
}

/// The file's extension with its dot. Both parts of `.tar.gz` and similar ones. Empty if the file has none.
fn extension(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, last)) = file.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) else {
        return String::new();
    };
    let tar = if stem.ends_with(".tar") { ".tar" } else { "" };
    let extension = flat(&format!("x{tar}.{last}")).split_off(1);
    // A file with this extension would be taken for the checksum of another file.
    if extension.ends_with(SUMS) { String::new() } else { extension }
}

/// A file or directory that a job made and published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Kozmic's own id.
    pub id: ArtifactId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The build whose job made it.
    pub build: BuildId,
    /// The job that made it.
    pub job: JobId,
    /// Its kind.
    pub format: Format,
    /// Its names.
    pub name: ArtifactName,
    /// The place where it was published.
    pub place: ArtifactPlace,
    /// The size in bytes; for a directory, all its files together.
    pub size: u64,
    /// SHA-256 of the file, or of the directory's list of checksums; 64 hexadecimal digits.
    pub sha256: String,
    /// Time of the push of its commit, or else the time at which Kozmic heard of the commit.
    pub pushed_at: Timestamp,
    /// Time at which it was published.
    pub created_at: Timestamp,
    /// Time at which it was removed because newer artifacts replaced it.
    pub removed_at: Option<Timestamp>,
}

/// The place where an artifact was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactPlace {
    /// The hub.
    Hub {
        /// The artifact's address there.
        url: String,
        /// The address that leads to the newest.
        stable_url: String,
    },
    /// The directory of binaries.
    Binaries,
    /// The directory of kernels.
    Kernels,
}

impl ArtifactPlace {
    /// The directory's part of addresses below `/artifacts/`; none for the hub.
    pub fn directory(&self) -> Option<&'static str> {
        match self {
            Self::Hub { .. } => None,
            Self::Binaries => Some("binary"),
            Self::Kernels => Some("kernel"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::GitRef;

    fn named(tag: Option<&str>, branch: &str, format: Format, file: &str) -> ArtifactName {
        let (git_ref, sha) = (GitRef::Branch(branch.into()), "a".repeat(40).parse().unwrap());
        let at = RefAt { git_ref: &git_ref, sha: &sha };
        ArtifactName::of_recipe("zero-os/0-core", tag, at, format, file)
    }

    #[test]
    fn an_archive_for_the_hub_is_linked_as_a_list() {
        let name = named(Some("special-tag"), "feature/x", Format::Flist, "result.tar.gz");
        assert_eq!(name.versioned, "zero-os-0-core-special-tag-feature-x-aaaaaaaaaa.tar.gz");
        assert_eq!(name.stable, "zero-os-0-core-special-tag-feature-x.flist");
        assert_eq!(name.flist(), "zero-os-0-core-special-tag-feature-x-aaaaaaaaaa.flist");
        assert_eq!(named(None, "main", Format::Flist, "a").stable, "zero-os-0-core-main.flist");
    }

    #[test]
    fn other_artifacts_keep_their_extensions() {
        for (format, file, stable) in [
            (Format::Binary, "out/zos.bin", "zero-os-0-core-main.bin"),
            (Format::Binary, "result.tar.gz", "zero-os-0-core-main.tar.gz"),
            (Format::Binary, "a.b/zos", "zero-os-0-core-main"),
            (Format::Binary, ".hidden", "zero-os-0-core-main"),
            (Format::Directory, "out.d", "zero-os-0-core-main"),
        ] {
            assert_eq!(named(None, "main", format, file).stable, stable, "{file}");
        }
    }
}
