//! Files on their way into containers and out of them.

use crate::lab::{GO, Lab, all, archive, up_to};
use futures_util::TryStreamExt;
use kozmic_edges::engine::{ContainerId, ContainerState};
use std::{io::Read, time::Duration};
use tokio::sync::mpsc;

/// Makes a directory with a file and a link, and a large file.
const FILES: &str = "mkdir -p /tmp/d/e; echo 1 > /tmp/d/one; ln -s one /tmp/d/link; ln -s none /tmp/d/broken; \
                     head -c 1000000 /dev/zero > /tmp/big; echo made; sleep infinity";

/// Names, links and sizes of the downloaded entries, sorted.
async fn files(lab: &Lab, container: &ContainerId, path: &str) -> Vec<(String, String, usize)> {
    let pieces = lab.engine.download(container, path).await.unwrap().try_collect::<Vec<_>>().await.unwrap();
    let all = pieces.concat();
    let mut files = Vec::new();
    for entry in tar::Archive::new(all.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let link = entry.link_name().unwrap().map(|link| link.to_string_lossy().into_owned());
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        files.push((path, link.unwrap_or_default(), content.len()));
    }
    files.sort();
    files
}

/// A running container with those files, and one that has ended.
async fn running_and_ended(lab: &Lab) -> [ContainerId; 2] {
    let (running, mut heard) = lab.listen(&lab.script(FILES)).await;
    up_to(&mut heard, b"made\n").await;
    let (ended, mut heard) = lab.listen(&lab.script(FILES)).await;
    up_to(&mut heard, b"made\n").await;
    lab.engine.stop(&ended, Duration::ZERO).await.unwrap();
    [running, ended]
}

pub(crate) async fn files_directories_and_links_come_out(lab: &Lab) {
    let file = |path: &str, length| (path.to_owned(), String::new(), length);
    let link = |path: &str, to: &str| (path.to_owned(), to.to_owned(), 0);
    for container in running_and_ended(lab).await {
        let directory = [
            file("d/", 0),
            link("d/broken", "none"),
            file("d/e/", 0),
            link("d/link", "one"),
            file("d/one", 2),
        ];
        assert_eq!(files(lab, &container, "/tmp/d").await, directory);
        assert_eq!(files(lab, &container, "/tmp/big").await, [file("big", 1_000_000)]);
        assert_eq!(files(lab, &container, "/tmp/d/link").await, [link("link", "one")]);
    }
}

pub(crate) async fn what_is_not_there_is_missing_and_below_a_file_refused(lab: &Lab) {
    for container in running_and_ended(lab).await {
        for (path, is_missing) in [("/tmp/none", true), ("/none/big", true), ("/tmp/d/one/x", false)] {
            let fault = lab.engine.download(&container, path).await.err().unwrap();
            assert_eq!(fault.is_missing(), is_missing, "{fault}");
            assert!(fault.to_string().contains(path) && !fault.is_unreachable(), "{fault}");
        }
        let has_file = async |path| lab.engine.has_file(&container, path).await;
        for path in ["/tmp/d", "/tmp/d/one", "/tmp/d/link", "/tmp/d/broken"] {
            assert!(has_file(path).await.unwrap(), "{path}");
        }
        assert!(!has_file("/tmp/none").await.unwrap() && !has_file("/none/one").await.unwrap());
        assert!(has_file("/tmp/d/one/x").await.is_err_and(|fault| !fault.is_unreachable()));
    }
}

pub(crate) async fn files_go_in_while_a_container_runs_and_when_it_ended(lab: &Lab) {
    let (container, heard) = lab.listen(&lab.script(&format!("{GO}; cat /tmp/go"))).await;
    lab.engine.upload(&container, "/tmp", archive(&[("go", "gone\n")])).await.unwrap();
    assert_eq!(all(heard).await, b"gone\n");
    lab.engine.wait(&container).await.unwrap();
    lab.put(&container, "/new/below/file", "late").await;
    assert_eq!(lab.file(&container, "/new/below/file").await.as_deref(), Some("late"));
    lab.put(&container, "/tmp/go", "other").await;
    assert_eq!(lab.file(&container, "/tmp/go").await.as_deref(), Some("other"));
}

pub(crate) async fn an_archive_goes_only_into_a_directory(lab: &Lab) {
    let (container, _) = lab.run(&lab.script("echo 1 > /tmp/one")).await;
    let upload = async |path| lab.engine.upload(&container, path, archive(&[("a", "")])).await.unwrap_err();
    assert!(upload("/tmp/none").await.is_missing());
    let into_file = upload("/tmp/one").await;
    assert!(!into_file.is_missing() && !into_file.is_unreachable(), "{into_file}");
}

pub(crate) async fn an_archive_that_fails_is_not_taken_for_whole(lab: &Lab) {
    let container = lab.create(&lab.script("true")).await;
    let (sender, archive) = mpsc::channel(2);
    sender.try_send(Ok(bytes::Bytes::from_static(&[0; 512]))).unwrap();
    sender.try_send(Err(std::io::Error::other("no room"))).unwrap();
    drop(sender);
    let fault = lab.engine.upload(&container, "/", archive).await.unwrap_err();
    assert!(fault.is_unreachable() && fault.to_string().contains("no room"), "{fault:?}");
    assert_eq!(lab.engine.state(&container).await.unwrap(), Some(ContainerState::Created));
}

pub(crate) async fn small_files_are_read_up_to_a_limit(lab: &Lab) {
    for container in running_and_ended(lab).await {
        let read = async |path, limit| lab.engine.read_file(&container, path, limit).await;
        assert_eq!(read("/tmp/d/one", 2).await.unwrap().as_deref(), Some(b"1\n".as_slice()));
        assert_eq!(read("/tmp/d/one", 1).await.unwrap(), None, "too long");
        assert_eq!(read("/tmp/big", 1_000_000).await.unwrap().map(|bytes| bytes.len()), Some(1_000_000));
        for path in ["/tmp/d", "/tmp/d/link", "/tmp/none"] {
            assert_eq!(read(path, 64).await.unwrap(), None, "{path}");
        }
        assert!(read("/tmp/d/one/x", 64).await.is_err_and(|fault| !fault.is_unreachable()));
    }
}
