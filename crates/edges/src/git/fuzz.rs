//! Random names in an index and in a list of refs: git finds everything that was written for it.

use super::{
    Ownership, Wanted, git_files,
    index::Index,
    refs::{Refs, Tag},
};
use kozmic_model::{
    git::{GitRef, is_branch_name},
    ids::ProjectId,
};
use proptest::{collection::btree_set, prelude::*};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Stdio},
};

fn git(dir: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(["-c", "user.name=A", "-c", "user.email=a@b"]).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    output.stdout
}

/// A path that no other path can be a prefix of: it has its length at the front.
fn path() -> impl Strategy<Value = Vec<u8>> {
    let part =
        proptest::collection::vec(any::<u8>().prop_filter("a letter", |it| !b"\0/".contains(it)), 1..255);
    let long = (4_080_usize..4_200).prop_map(|length| {
        let mut path = format!("{}/", "d".repeat(254)).repeat(length / 255);
        path.push_str(&"f".repeat((length - path.len()).max(1)));
        path.into_bytes()
    });
    prop_oneof![9 => part, 1 => long].prop_map(|path| {
        let begin = format!("n{:04}-", path.len());
        [begin.as_bytes(), &path[begin.len().min(path.len() - 1)..]].concat()
    })
}

/// A name below `refs/heads/` or `refs/tags/` that conflicts with no other name.
fn name() -> impl Strategy<Value = String> {
    let name = ("[a-z]{1,3}", "[!-)+-.0-9;->@-Z\\]_-}\u{e9}\u{1f600}]{1,40}")
        .prop_map(|(dir, leaf)| format!("{dir}/{leaf}"));
    name.prop_filter("a name of a branch", |name| is_branch_name(name) && name.matches('/').count() == 1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, ..ProptestConfig::default() })]

    #[test]
    fn git_reads_an_index_as_it_was_stamped(paths in btree_set(path(), 1..12), seconds in 1..u32::MAX) {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "--quiet", "."], b"");
        let line = |path: &Vec<u8>| [format!("100644 {}\t", "a".repeat(40)).as_bytes(), path, b"\0"].concat();
        let lines = paths.iter().flat_map(line).collect::<Vec<_>>();
        git(dir.path(), &["update-index", "-z", "--index-info"], &lines);
        let file = dir.path().join(".git/index");
        let mut index = Index::new(fs::read(&file).unwrap()).unwrap();
        let mut names = Vec::new();
        while let Some(entry) = index.next().unwrap() {
            names.push(index.path(&entry).as_os_str().as_bytes().to_vec());
            index.stamp(&entry, seconds.into(), Ownership { uid: 7, gid: 8 });
        }
        prop_assert_eq!(&names, &paths.into_iter().collect::<Vec<_>>());
        fs::write(&file, index.into_bytes()).unwrap();
        let listing = git(dir.path(), &["ls-files", "-z", "--stage", "--debug"], b"");
        let listed = String::from_utf8_lossy(&listing);
        prop_assert_eq!(listed.matches(&format!("  mtime: {seconds}:0\n")).count(), names.len());
        for name in names {
            let line = [format!("100644 {} 0\t", "a".repeat(40)).as_bytes(), &name, b"\0"].concat();
            let found = listing.windows(line.len()).any(|part| part == line);
            prop_assert!(found, "{}", Path::new(OsStr::from_bytes(&name)).display());
        }
    }

    #[test]
    fn git_finds_the_refs_that_were_packed(
        tags in btree_set(name(), 0..8),
        default in name(),
        own in prop_oneof![name().prop_map(Some), Just(None)],
    ) {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "--quiet", "--bare", "."], b"");
        let tree = git(dir.path(), &["mktree"], b"");
        let tree = String::from_utf8(tree).unwrap();
        let id = String::from_utf8(git(dir.path(), &["commit-tree", "-m", "x", tree.trim()], b"")).unwrap();
        let id = id.trim().to_owned();
        let git_ref = own.clone().map_or(GitRef::PullRequest(1), GitRef::Branch);
        let wanted = Wanted {
            project: ProjectId(1),
            url: String::new(),
            credentials: super::Credentials::Open,
            remote_ref: git_ref.to_string(),
            git_ref,
            sha: id.parse().unwrap(),
            default_branch: default.clone(),
            since: std::time::Instant::now(),
        };
        let tag = |name: &String| {
            Tag { name: format!("refs/tags/{name}"), id: id.clone(), commit: Some(id.clone()) }
        };
        let refs = Refs { default: Some((default.clone(), id.clone())), tags: tags.iter().map(tag).collect() };
        fs::write(dir.path().join("packed-refs"), git_files::packed_refs(&wanted, &refs)).unwrap();
        let told = String::from_utf8(git(dir.path(), &["show-ref"], b"")).unwrap();
        let remotes = own.into_iter().chain([default]).map(|name| format!("refs/remotes/origin/{name}"));
        let all = remotes.chain(tags.iter().map(|name| format!("refs/tags/{name}")));
        let all = all.map(|name| format!("{id} {name}")).collect::<BTreeSet<_>>();
        prop_assert_eq!(told.lines().map(str::to_owned).collect::<BTreeSet<_>>(), all);
    }
}
