//! Tests of the directory's promises to those who serve it and to those who download from it.

use super::*;
use sha2::{Digest, Sha256};
use std::{fs::FileTimes, time::SystemTime};
use tempfile::TempDir;

struct Stage {
    dir: TempDir,
    artifacts: Directory,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Directory::new(dir.path().join("made/artifacts"), Room::new(Vec::new(), None));
        Self { dir, artifacts }
    }

    fn file(&self, content: &str) -> PathBuf {
        let path = self.dir.path().join("from");
        fs::write(&path, content).unwrap();
        path
    }

    fn tree(&self, files: &[(&str, &str)]) -> PathBuf {
        let path = self.dir.path().join("tree");
        for (name, content) in files {
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.artifacts.path().join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.artifacts.path()).unwrap();
        let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names = names.by_ref().collect::<Vec<_>>();
        names.sort();
        names
    }
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

#[tokio::test]
async fn a_file_lies_beside_its_checksum_and_is_gone_where_it_came_from() {
    let stage = Stage::new();
    assert!(!stage.artifacts.path().exists());
    let from = stage.file("kernel");
    let measured = crate::publisher::measure(&from).await.unwrap();
    let stored = stage.artifacts.put(&from, "zos-1.efi").await.unwrap();
    assert_eq!(stored, Stored { size: 6, sha256: sha256("kernel") });
    assert_eq!(measured, stored);
    assert_eq!(stage.read("zos-1.efi"), "kernel");
    assert_eq!(stage.read("zos-1.efi.sha256"), format!("{}  zos-1.efi\n", sha256("kernel")));
    assert_eq!(stage.names(), ["zos-1.efi", "zos-1.efi.sha256"]);
    assert!(!from.exists());
    for (name, mode) in [("", 0o755), ("zos-1.efi", 0o644), ("zos-1.efi.sha256", 0o644)] {
        let found = fs::metadata(stage.artifacts.path().join(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
}

#[tokio::test]
async fn everybody_may_look_into_a_directory_that_is_made_and_those_above_it() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("srv/artifacts/kernel");
    let from = dir.path().join("kernel");
    fs::write(&from, "kernel").unwrap();
    fs::set_permissions(&from, fs::Permissions::from_mode(0o600)).unwrap();
    let artifacts = Directory::new(place, Room::new(vec![dir.path().to_owned()], Some(0)));
    artifacts.put(&from, "zos-1.efi").await.unwrap();
    for (name, mode) in [("", 0o755), ("/artifacts", 0o755), ("/artifacts/kernel/zos-1.efi", 0o644)] {
        let found = fs::metadata(format!("{}/srv{name}", dir.path().display())).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
}

#[tokio::test]
async fn a_tree_has_a_checksum_for_each_of_its_files() {
    let stage = Stage::new();
    let from = stage.tree(&[("b", "2"), ("a/c", "1")]);
    let stored = stage.artifacts.put(&from, "tree").await.unwrap();
    let sums = format!("{}  tree/a/c\n{}  tree/b\n", sha256("1"), sha256("2"));
    assert_eq!(stage.read("tree.sha256"), sums);
    assert_eq!(stored, Stored { size: 2, sha256: sha256(&sums) });
    assert_eq!(stage.read("tree/a/c"), "1");
}

#[tokio::test]
async fn the_same_commit_built_again_takes_the_place_of_the_first() {
    let stage = Stage::new();
    for content in ["first", "second"] {
        stage.artifacts.put(&stage.file(content), "file").await.unwrap();
        stage.artifacts.put(&stage.tree(&[(content, content)]), "tree").await.unwrap();
    }
    assert_eq!(stage.read("file"), "second");
    assert_eq!(stage.read("file.sha256"), format!("{}  file\n", sha256("second")));
    assert_eq!(stage.read("tree.sha256"), format!("{}  tree/second\n", sha256("second")));
    assert!(!stage.artifacts.path().join("tree/first").exists());
    assert_eq!(stage.names(), ["file", "file.sha256", "tree", "tree.sha256"]);
}

#[tokio::test]
async fn a_tree_takes_the_place_of_a_file_and_gives_it_back() {
    let stage = Stage::new();
    stage.artifacts.put(&stage.file("file"), "x").await.unwrap();
    stage.artifacts.put(&stage.tree(&[("a", "tree")]), "x").await.unwrap();
    assert_eq!(stage.read("x/a"), "tree");
    stage.artifacts.put(&stage.file("file"), "x").await.unwrap();
    assert_eq!(stage.read("x"), "file");
    assert_eq!(stage.names(), ["x", "x.sha256"]);
}

#[tokio::test]
async fn a_link_leads_to_the_newest_and_so_does_that_of_its_checksum() {
    let stage = Stage::new();
    assert_eq!(stage.artifacts.linked("zos.efi").await.unwrap(), None);
    for name in ["zos-1.efi", "zos-2.efi"] {
        stage.artifacts.put(&stage.file(name), name).await.unwrap();
        stage.artifacts.link(name, "zos.efi").await.unwrap();
        assert_eq!(stage.artifacts.linked("zos.efi").await.unwrap().as_deref(), Some(name));
        assert_eq!(stage.read("zos.efi"), name);
        assert_eq!(stage.read("zos.efi.sha256"), format!("{}  {name}\n", sha256(name)));
    }
    let target = fs::read_link(stage.artifacts.path().join("zos.efi")).unwrap();
    assert_eq!(target, Path::new("zos-2.efi"));
    assert_eq!(stage.names().len(), 6);
}

#[tokio::test]
async fn neither_an_artifact_nor_a_link_takes_the_place_of_the_other() {
    let stage = Stage::new();
    stage.artifacts.put(&stage.file("1"), "a").await.unwrap();
    stage.artifacts.put(&stage.file("2"), "b").await.unwrap();
    stage.artifacts.link("a", "stable").await.unwrap();
    assert!(stage.artifacts.put(&stage.file("3"), "stable").await.is_err());
    for (name, stable) in [("a", "b"), ("a", "a"), ("stable", "other"), ("none", "other")] {
        let fault = stage.artifacts.link(name, stable).await.unwrap_err();
        assert!(fault.to_string().contains(name) && !fault.is_worth_another_try(), "{fault}");
    }
    assert_eq!((stage.read("stable"), stage.read("b")), ("1".to_owned(), "2".to_owned()));
    assert!(stage.artifacts.linked("a").await.is_err());
}

#[tokio::test]
async fn an_artifact_is_removed_with_its_checksum_and_gone_is_fine() {
    let stage = Stage::new();
    stage.artifacts.put(&stage.file("1"), "file").await.unwrap();
    stage.artifacts.put(&stage.tree(&[("a/b", "1")]), "tree").await.unwrap();
    for name in ["file", "tree", "tree", "none"] {
        stage.artifacts.remove(name).await.unwrap();
    }
    assert!(stage.names().is_empty());
    assert!(stage.artifacts.remove("../from").await.is_err());
}

#[tokio::test]
async fn what_is_not_there_or_has_no_flat_name_is_not_put() {
    let stage = Stage::new();
    let from = stage.file("1");
    for name in ["../x", ".x", "", "a/b", "x.sha256"] {
        let fault = stage.artifacts.put(&from, name).await.unwrap_err();
        assert!(matches!(fault, PublishError::Io { .. }));
    }
    assert!(from.exists() && !stage.artifacts.path().exists());
    assert!(stage.artifacts.put(Path::new("/none/here"), "x").await.is_err());
    assert!(stage.names().is_empty());
}

#[tokio::test]
async fn what_a_dead_server_left_is_swept_at_the_start_or_after_a_day() {
    let stage = Stage::new();
    stage.artifacts.sweep().await.unwrap();
    let [young, old] = [".kozmic-young", ".kozmic-old"].map(|name| stage.artifacts.path().join(name));
    for dir in [&young, &old] {
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("item"), "half").unwrap();
    }
    let long_ago = FileTimes::new().set_modified(SystemTime::now() - LONGEST_WORK * 2);
    File::open(&old).unwrap().set_times(long_ago).unwrap();
    stage.artifacts.put(&stage.file("1"), "a").await.unwrap();
    assert_eq!(stage.names(), [".kozmic-young", "a", "a.sha256"]);
    stage.artifacts.sweep().await.unwrap();
    assert_eq!(stage.names(), ["a", "a.sha256"]);
}

#[tokio::test]
async fn what_nobody_counts_is_found_and_a_link_goes_only_as_one() {
    let stage = Stage::new();
    let later = SystemTime::now() + LONGEST_WORK;
    assert_eq!(stage.artifacts.put_before(later).await.unwrap(), []);
    stage.artifacts.put(&stage.file("12"), "a-1").await.unwrap();
    stage.artifacts.link("a-1", "a").await.unwrap();
    fs::write(stage.artifacts.path().join("somebody-elses"), "x").unwrap();
    assert_eq!(stage.artifacts.put_before(later).await.unwrap(), [("a-1".to_owned(), 2)]);
    assert_eq!(stage.artifacts.put_before(SystemTime::now() - LONGEST_WORK).await.unwrap(), []);
    assert_eq!(stage.artifacts.links_to("a-1").await.unwrap(), ["a"]);
    assert!(stage.artifacts.unlink("a-1").await.is_err(), "it is no link");
    stage.artifacts.remove("a-1").await.unwrap();
    assert!(!stage.artifacts.leads_somewhere("a").await.unwrap());
    stage.artifacts.unlink("a").await.unwrap();
    stage.artifacts.unlink("a").await.unwrap();
    assert_eq!(stage.names(), ["somebody-elses"]);
}

#[test]
fn what_nobody_waits_for_any_more_is_not_placed() {
    let dir = tempfile::tempdir().unwrap();
    let (from, directory) = (dir.path().join("from"), dir.path().join("artifacts"));
    fs::write(&from, "1").unwrap();
    assert!(
        super::put(&directory, &Room::new(Vec::new(), None), &from, "a", &std::sync::Weak::new()).is_err()
    );
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}
