//! Reads the YAML files of a commit from the mirror: the content of the configuration repository.
//!
//! Anybody may have pushed them, so the memory for them is bounded. Git's list is read entry by entry, and a file's
//! size is known before its content is read.

use super::{Git, GitError, Mirrors, Wanted, listing::next};
use kozmic_model::recipe::ConfigFile;
use std::io::{self, ErrorKind};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout},
};

/// The length of an entry from which on no system can open the path, in bytes.
const LONGEST_ENTRY: usize = 8 * 1024;

/// The most entries of a list that are read: a few objects may stand for any number.
const MOST_ENTRIES: u64 = 1_000_000;

/// The most bytes of a list that are read: paths may be of any length.
const MOST_BYTES: u64 = 1 << 30;

/// Limits for reading the files of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// The most files.
    pub files: usize,
    /// The most bytes of each file: only the beginning of a larger one is read.
    pub bytes: u64,
    /// The most bytes of all files together. A small commit may contain one file ten thousand times.
    pub all: u64,
}

/// A file from git's list.
struct Listed {
    id: String,
    path: String,
}

impl Mirrors {
    /// All regular files of a fetched commit whose path ends with `.yaml` or `.yml`, sorted by path. Links, submodules
    /// and paths that are not UTF-8 are skipped.
    ///
    /// # Errors
    /// [`GitError::TooManyFiles`] and [`GitError::TooMuch`] beyond the limits; else the mirror does not have the
    /// commit, or is damaged.
    pub async fn files(&self, wanted: &Wanted, limits: FileLimits) -> Result<Vec<ConfigFile>, GitError> {
        let _reading = self.reading.of(wanted.project).read_owned().await;
        let git = Git::new(&self.path(wanted.project));
        let options = ["ls-tree", "-r", "-z", "--full-tree", wanted.sha.as_str()];
        let list = |_, output| list(BufReader::new(output), limits.files);
        let mut listed = git.converse("ls-tree", options, list).await?;
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        listed.sort_by(|a, b| a.path.cmp(&b.path));
        let read = |input, output| read_all(input, output, listed, limits);
        git.converse("cat-file", ["cat-file", "--batch"], read).await
    }
}

async fn list(mut output: BufReader<ChildStdout>, limit: usize) -> Result<Vec<Listed>, GitError> {
    let (mut listed, mut entry, mut seen, mut read) = (Vec::new(), Vec::new(), 0, 0);
    while let Some(length) =
        next(&mut output, &mut entry, LONGEST_ENTRY).await.map_err(GitError::io("ls-tree"))?
    {
        seen += 1;
        read += length;
        if seen > MOST_ENTRIES || read > MOST_BYTES {
            return Err(GitError::TooManyEntries { limit: MOST_ENTRIES });
        }
        let Some(file) = yaml_file(&entry) else { continue };
        if listed.len() == limit {
            return Err(GitError::TooManyFiles { limit });
        }
        listed.push(file);
    }
    Ok(listed)
}

/// Reads `<mode> <type> <id>\t<path>`.
fn yaml_file(entry: &[u8]) -> Option<Listed> {
    let entry = std::str::from_utf8(entry).ok().filter(|entry| entry.len() < LONGEST_ENTRY)?;
    let (facts, path) = entry.split_once('\t')?;
    let mut words = facts.split(' ');
    let (mode, kind, id) = (words.next()?, words.next()?, words.next()?);
    let is_wanted = matches!((mode, kind), ("100644" | "100755", "blob"))
        && [".yaml", ".yml"].iter().any(|ending| path.ends_with(ending));
    is_wanted.then(|| Listed { id: id.to_owned(), path: path.to_owned() })
}

/// Requests one file after the other, so that at most one is in transit.
async fn read_all(
    mut input: ChildStdin,
    output: ChildStdout,
    listed: Vec<Listed>,
    limits: FileLimits,
) -> Result<Vec<ConfigFile>, GitError> {
    let io = GitError::io("cat-file");
    let mut output = BufReader::new(output);
    let (mut files, mut left) = (Vec::with_capacity(listed.len()), limits.all);
    for Listed { id, path } in listed {
        input.write_all(format!("{id}\n").as_bytes()).await.map_err(&io)?;
        let size = size(&mut output, &id).await.map_err(&io)?;
        let kept = size.min(limits.bytes);
        left = left.checked_sub(kept).ok_or(GitError::TooMuch { limit: limits.all })?;
        let content = content(&mut output, kept, size).await.map_err(&io)?;
        files.push(ConfigFile { path, content });
    }
    Ok(files)
}

/// Reads `<id> blob <size>`; anything else, such as `<id> missing`, means that the mirror is damaged.
async fn size(output: &mut (impl AsyncBufRead + Unpin), id: &str) -> io::Result<u64> {
    let mut line = String::new();
    output.read_line(&mut line).await?;
    let size = line.strip_prefix(id).and_then(|rest| rest.strip_prefix(" blob "));
    let size = size.and_then(|size| size.trim_end().parse().ok());
    size.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, format!("git says {:?}", line.trim_end())))
}

/// The kept part of the content; skips the rest and the newline after it.
async fn content(output: &mut (impl AsyncBufRead + Unpin), kept: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    (&mut *output).take(kept).read_to_end(&mut content).await?;
    tokio::io::copy(&mut (&mut *output).take(size - kept), &mut tokio::io::sink()).await?;
    output.read_u8().await?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Credentials, GitRef};
    use kozmic_model::ids::ProjectId;
    use std::{
        ffi::OsStr,
        fs,
        os::unix::{ffi::OsStrExt, fs::symlink},
        path::Path,
        process::Command,
    };

    const LIMITS: FileLimits = FileLimits { files: 10, bytes: 100_000, all: 1_000_000 };

    fn git(dir: &Path, arguments: &[&str]) -> String {
        let person = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
        let output = Command::new("git").arg("-C").arg(dir).args(person).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A mirror with one commit of the files that `fill` makes.
    fn mirror(dir: &Path, fill: impl FnOnce(&Path)) -> (Mirrors, Wanted) {
        let tree = dir.join("tree");
        fs::create_dir_all(&tree).unwrap();
        git(&tree, &["init", "--quiet", "."]);
        fill(&tree);
        git(&tree, &["add", "."]);
        git(&tree, &["commit", "--quiet", "-m", "One"]);
        let mirrors = Mirrors::open(dir.join("mirrors")).unwrap();
        fs::rename(tree.join(".git"), mirrors.path(ProjectId(1))).unwrap();
        let sha = git(&mirrors.path(ProjectId(1)), &["rev-parse", "HEAD"]).parse().unwrap();
        let git_ref = GitRef::Branch("main".to_owned());
        let remote_ref = git_ref.to_string();
        let url = String::new();
        let (default_branch, since) = ("main".to_owned(), std::time::Instant::now());
        let credentials = Credentials::Open;
        (
            mirrors,
            Wanted {
                project: ProjectId(1),
                url,
                credentials,
                git_ref,
                remote_ref,
                sha,
                default_branch,
                since,
            },
        )
    }

    #[tokio::test]
    async fn regular_yaml_files_are_read_sorted_by_path_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (mirrors, wanted) = mirror(dir.path(), |tree| {
            fs::create_dir_all(tree.join("org/repo/feature")).unwrap();
            let binary: &[u8] = b"\xff\0\n\na missing\n";
            for (name, content) in [
                ("org/repo/main.yaml", b"a: 1\n".as_slice()),
                ("org/repo/feature/x.yaml", b""),
                ("org/repo/feature-y.yml", binary),
                ("org/repo/ü\n\tx.yaml", b"no newline"),
                ("org/repo/README.md", b"none"),
                ("org/repo/x.YAML", b"none"),
            ] {
                fs::write(tree.join(name), content).unwrap();
            }
            fs::write(tree.join(OsStr::from_bytes(b"org/\xff.yaml")), "not UTF-8").unwrap();
            symlink("/etc/passwd", tree.join("link.yaml")).unwrap();
            git(tree, &["add", "."]);
            git(tree, &["update-index", "--chmod=+x", "org/repo/main.yaml"]);
            let module = format!("160000,{},module.yaml", "a".repeat(40));
            git(tree, &["update-index", "--add", "--cacheinfo", &module]);
            fs::create_dir(tree.join("module.yaml")).unwrap();
        });
        let file = |path: &str, content: &[u8]| ConfigFile { path: path.to_owned(), content: content.into() };
        assert_eq!(
            mirrors.files(&wanted, LIMITS).await.unwrap(),
            [
                file("org/repo/feature-y.yml", b"\xff\0\n\na missing\n"),
                file("org/repo/feature/x.yaml", b""),
                file("org/repo/main.yaml", b"a: 1\n"),
                file("org/repo/ü\n\tx.yaml", b"no newline"),
            ]
        );
    }

    #[tokio::test]
    async fn the_limits_themselves_are_fine_and_one_more_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (mirrors, wanted) = mirror(dir.path(), |tree| {
            for number in 0..3_000 {
                fs::write(tree.join(format!("{number:04}.yaml")), "x".repeat(200)).unwrap();
            }
            fs::write(tree.join("big.yaml"), "x".repeat(5_000_000)).unwrap();
        });
        let all = 5_600_000;
        let limits = FileLimits { files: 3_001, bytes: 5_000_000, all };
        let files = mirrors.files(&wanted, limits).await.unwrap();
        assert_eq!((files.len(), files[3_000].content.len()), (3_001, 5_000_000));
        let fault = mirrors.files(&wanted, FileLimits { files: 3_000, ..limits }).await.unwrap_err();
        assert!(matches!(fault, GitError::TooManyFiles { limit: 3_000 }), "{fault}");
        let fault = mirrors.files(&wanted, FileLimits { all: all - 1, ..limits }).await.unwrap_err();
        assert!(matches!(fault, GitError::TooMuch { limit: 5_599_999 }), "{fault}");
    }

    #[tokio::test]
    async fn of_a_large_file_the_beginning_is_read_and_what_follows_it_is_read_too() {
        let dir = tempfile::tempdir().unwrap();
        let (mirrors, wanted) = mirror(dir.path(), |tree| {
            fs::write(tree.join("a.yaml"), "x".repeat(5_000_000)).unwrap();
            fs::write(tree.join("b.yaml"), "small").unwrap();
        });
        let files = mirrors.files(&wanted, FileLimits { files: 2, bytes: 10, all: 15 }).await.unwrap();
        let contents = files.iter().map(|file| file.content.as_slice()).collect::<Vec<_>>();
        assert_eq!(contents, [&b"xxxxxxxxxx"[..], b"small"]);
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_passed_over_without_being_kept() {
        let long = [&b"100644 blob 0\t"[..], &b"x".repeat(LONGEST_ENTRY), b".yaml\0"].concat();
        let short = b"100644 blob 1\ta.yaml\0";
        let all = [&long, &short[..], &long].concat();
        let mut output = BufReader::with_capacity(1_000, all.as_slice());
        let (mut entry, mut found) = (Vec::new(), Vec::new());
        while next(&mut output, &mut entry, LONGEST_ENTRY).await.unwrap().is_some() {
            assert!(entry.len() <= LONGEST_ENTRY);
            found.extend(yaml_file(&entry).map(|file| file.path));
        }
        assert_eq!(found, ["a.yaml"]);
    }

    #[tokio::test]
    async fn a_commit_that_is_not_there_and_a_damaged_mirror_are_failures() {
        let dir = tempfile::tempdir().unwrap();
        let (mirrors, wanted) = mirror(dir.path(), |tree| fs::write(tree.join("a.yaml"), "a").unwrap());
        let nowhere = Wanted { sha: "b".repeat(40).parse().unwrap(), ..wanted.clone() };
        let fault = mirrors.files(&nowhere, LIMITS).await.unwrap_err();
        assert!(matches!(fault, GitError::Failed { what: "ls-tree", .. }), "{fault}");
        let id = git(&mirrors.path(ProjectId(1)), &["rev-parse", "HEAD:a.yaml"]);
        let object = mirrors.path(ProjectId(1)).join(format!("objects/{}/{}", &id[..2], &id[2..]));
        fs::remove_file(object).unwrap();
        let fault = mirrors.files(&wanted, LIMITS).await.unwrap_err();
        assert!(fault.to_string().contains(&format!("{id} missing")), "{fault}");
    }
}
