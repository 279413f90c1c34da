//! Tests of the engine's trait with the Docker engine of this machine.

mod attached;
mod networks;

use super::*;
use crate::engine::{Channel, Limits, Volume};
use futures_util::{StreamExt, TryStreamExt};
use kozmic_model::ids::JobId;
use secrecy::ExposeSecret;
use std::{io::Read, process::Command};

/// The engine with the things that a test makes on it: they are removed when this is dropped.
struct Lab {
    engine: DockerEngine,
    instance: String,
}

impl Lab {
    fn new() -> Self {
        let settings = DockerSettings {
            url: std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned()),
            network: JobNetwork::Named("none".to_owned()),
            memory: MemoryLimit::Bytes(512 << 20),
            processes: Some(100),
            extra_hosts: vec!["general:10.0.0.1".to_owned()],
            capabilities: vec!["NET_ADMIN".to_owned()],
            ..DockerSettings::default()
        };
        let instance = crate::secret::random().expose_secret()[..12].to_lowercase().replace(['-', '_'], "x");
        Self { engine: DockerEngine::new(settings), instance: format!("edges{instance}") }
    }

    /// A container of the tests' image that runs a script.
    async fn script(&self, script: &str) -> NewContainer {
        let name = "kozmic/debian:bookworm".parse().unwrap();
        let image = self.engine.image(&name).await.unwrap().expect("script/test makes the image");
        NewContainer {
            instance: self.instance.clone(),
            attempt: Attempt { job: JobId(1), number: 1 },
            stage: Stage::Build,
            image: image.id,
            command: ["/bin/sh", "-c", script].map(str::to_owned).into(),
            user: String::new(),
            working_dir: "/".to_owned(),
            environment: Vec::new(),
            volumes: Vec::new(),
            takes_input: false,
            has_terminal: false,
            limits: Limits::default(),
        }
    }

    async fn start(&self, wanted: &NewContainer) -> ContainerId {
        let container = self.engine.create(wanted).await.unwrap();
        self.engine.start(&container).await.unwrap();
        container
    }

    async fn run(&self, wanted: &NewContainer) -> ContainerId {
        let container = self.start(wanted).await;
        self.engine.wait(&container).await.unwrap();
        container
    }

    /// The whole output of a container, which must be on one channel.
    async fn printed(&self, container: &ContainerId) -> Vec<u8> {
        let pieces = self.engine.output(container).await.unwrap().try_collect::<Vec<_>>().await.unwrap();
        assert!(pieces.iter().all(|piece| piece.channel == Channel::Output));
        pieces.into_iter().flat_map(|piece| piece.bytes).collect()
    }

    async fn text(&self, container: &ContainerId) -> String {
        String::from_utf8(self.printed(container).await).unwrap()
    }

    fn repository(&self) -> String {
        format!("{}/image", self.instance)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let label = format!("label={INSTANCE}={}", self.instance, INSTANCE = containers::INSTANCE);
        let containers = docker(&["ps", "--all", "--quiet", "--filter", &label]);
        containers.lines().for_each(|id| drop(docker(&["rm", "--force", "--volumes", id])));
        let images = docker(&["images", "--all", "--quiet", "--no-trunc", "--filter", &label]);
        // The newest image first, so that no image is removed before those made from it.
        images.lines().for_each(|id| drop(docker(&["rmi", "--force", "--no-prune", id])));
    }
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn volume(path: &str, is_empty: bool) -> Volume {
    Volume { path: path.to_owned(), is_empty }
}

/// A tar archive of one file.
fn archive(path: &str, content: &[u8]) -> mpsc::Receiver<std::io::Result<Bytes>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, path, content).unwrap();
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(Ok(archive.into_inner().unwrap().into())).unwrap();
    receiver
}

#[tokio::test]
async fn an_empty_volume_hides_what_the_image_has_and_all_volumes_go_with_their_container() {
    let lab = Lab::new();
    let script = "ls -A /etc/apt; ls -A /etc/alternatives | wc -l; ls -A /fresh";
    let volumes = vec![volume("/etc/apt", true), volume("/fresh", true), volume("/etc/alternatives", false)];
    let wanted = NewContainer { volumes, ..lab.script(script).await };
    for beside_goes_first in [true, false] {
        let container = lab.engine.create(&wanted).await.unwrap();
        let beside = lab.engine.create_beside(&container, &wanted).await.unwrap();
        lab.engine.upload(&beside, "/", archive("etc/apt/put", b"1")).await.unwrap();
        lab.engine.start(&container).await.unwrap();
        lab.engine.wait(&container).await.unwrap();
        let told = lab.text(&container).await;
        let (put, others) = told.trim().split_once('\n').unwrap();
        assert!(put == "put" && others.parse::<u32>().unwrap() > 0, "{told}");
        let names = docker(&["inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", &container.0]);
        let names = names.split_whitespace().collect::<Vec<_>>();
        let left = || {
            let all = docker(&["volume", "ls", "--quiet"]);
            names.iter().filter(|name| all.contains(**name)).count()
        };
        assert_eq!((names.len(), left()), (3, 3));
        let order = if beside_goes_first { [&beside, &container] } else { [&container, &beside] };
        for container in order {
            lab.engine.remove(container).await.unwrap();
        }
        assert_eq!(left(), 0);
    }
}

#[tokio::test]
async fn a_containers_own_limits_take_the_place_of_the_engines() {
    let lab = Lab::new();
    let general = lab.script("true").await;
    let limits = Limits {
        memory: Some(256 << 20),
        extra_hosts: Some(vec!["own:10.0.0.2".to_owned()]),
        capabilities: Some(vec!["MKNOD".to_owned()]),
        no_new_privileges: true,
    };
    let own = NewContainer { limits, ..general.clone() };
    let format = "{{.HostConfig.Memory}} {{.HostConfig.ExtraHosts}} {{.HostConfig.CapAdd}} {{.HostConfig.CapDrop}} \
                  {{.HostConfig.PidsLimit}} {{.HostConfig.SecurityOpt}}";
    for (wanted, told) in [
        (general, "536870912 [general:10.0.0.1] [NET_ADMIN] [NET_RAW MKNOD] 100 []"),
        (own, "268435456 [own:10.0.0.2] [MKNOD] [NET_RAW] 100 [no-new-privileges]"),
    ] {
        let container = lab.engine.create(&wanted).await.unwrap();
        assert_eq!(docker(&["inspect", "--format", format, &container.0]), told);
    }
    assert!(lab.engine.memory().await.unwrap() > 256 << 20);
}

#[tokio::test]
async fn what_a_container_left_is_an_image_that_runs_whatever_it_is_told() {
    let lab = Lab::new();
    let volumes = vec![volume("/out", true)];
    let first = NewContainer { volumes, has_terminal: true, ..lab.script("echo 1 > /kept").await };
    let first = lab.run(&first).await;
    let name = format!("{}:v1.2", lab.repository()).parse().unwrap();
    let id = lab.engine.commit(&first, &name).await.unwrap();
    assert_eq!(lab.engine.image(&name).await.unwrap().unwrap().id, id);
    assert!(id.starts_with("sha256:"), "{id}");
    let made_of = async |number| {
        let attempt = Attempt { job: JobId(1), number };
        lab.engine.image_of(&name, &lab.instance, attempt, &Stage::Build).await.unwrap()
    };
    assert_eq!((made_of(1).await, made_of(99).await), (Some(id.clone()), None));
    assert_eq!(docker(&["inspect", "--format", "{{json .Config.Volumes}}", &id]), "null");
    let again = NewContainer { image: id, ..lab.script("cat /kept; echo $#; tty").await };
    let again = lab.run(&again).await;
    assert_eq!(lab.text(&again).await, "1\n0\nnot a tty\n");
}

#[tokio::test]
async fn tags_are_those_of_exactly_one_repository() {
    let lab = Lab::new();
    let container = lab.run(&lab.script("true").await).await;
    let repository = lab.repository();
    for name in [":b", ":a.1", "-other:c", "/below:d"] {
        let name = format!("{repository}{name}").parse().unwrap();
        lab.engine.commit(&container, &name).await.unwrap();
    }
    assert_eq!(lab.engine.tags(&repository).await.unwrap(), ["a.1", "b"]);
    assert!(lab.engine.tags(&format!("{}/*", lab.instance)).await.unwrap().is_empty());
    assert!(lab.engine.tags(&lab.instance).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_image_is_removed_only_if_it_has_no_name_and_nobody_uses_it() {
    let lab = Lab::new();
    let container = lab.run(&lab.script("echo 1 > /one").await).await;
    let name = format!("{}:a", lab.repository()).parse().unwrap();
    let old = lab.engine.commit(&container, &name).await.unwrap();
    assert_eq!(lab.engine.remove_nameless(&old).await.unwrap(), Nameless::Named);
    assert_eq!(lab.engine.remove_nameless(&name.to_string()).await.unwrap(), Nameless::Named);
    let user = lab.run(&NewContainer { image: old.clone(), ..lab.script("echo 2 > /two").await }).await;
    let new = lab.engine.commit(&user, &name).await.unwrap();
    assert_eq!(lab.engine.remove_nameless(&old).await.unwrap(), Nameless::InUse, "by a container");
    lab.engine.remove(&user).await.unwrap();
    assert_eq!(lab.engine.remove_nameless(&old).await.unwrap(), Nameless::InUse, "by an image");
    lab.engine.commit(&container, &name).await.unwrap();
    assert_eq!(lab.engine.remove_nameless(&new).await.unwrap(), Nameless::Gone);
    assert!(!docker(&["inspect", "--format", "{{.Id}}", &old]).is_empty(), "no other image goes with it");
    for _ in 0..2 {
        assert_eq!(lab.engine.remove_nameless(&old).await.unwrap(), Nameless::Gone);
        assert!(docker(&["inspect", "--format", "{{.Id}}", &old]).is_empty());
    }
}

#[tokio::test]
async fn files_and_directories_come_out_of_containers_that_run_or_ended() {
    let lab = Lab::new();
    let script = "mkdir /tmp/d /out/e; echo 1 > /tmp/d/one; ln -s one /tmp/d/link; \
                  head -c 10000000 /dev/zero > /out/big; echo made; exec sleep 1000";
    let wanted = NewContainer { volumes: vec![volume("/out", true)], ..lab.script(script).await };
    let container = lab.start(&wanted).await;
    let mut output = lab.engine.output(&container).await.unwrap();
    assert_eq!(output.next().await.unwrap().unwrap().bytes, "made\n");
    for ended in [false, true] {
        if ended {
            lab.engine.stop(&container, Duration::ZERO).await.unwrap();
        }
        assert_eq!(
            files(&lab, &container, "/tmp/d").await,
            [("d/".into(), 0), ("d/link".into(), 0), ("d/one".into(), 2)]
        );
        assert_eq!(files(&lab, &container, "/out/big").await, [("big".into(), 10_000_000)]);
        for (path, is_missing) in [("/out/none", true), ("/none/big", true), ("/tmp/d/one/x", false)] {
            let fault = lab.engine.download(&container, path).await.err().unwrap();
            assert_eq!(fault.is_missing(), is_missing, "{fault}");
            assert!(fault.to_string().contains(path) && !fault.is_unreachable(), "{fault}");
        }
    }
    lab.engine.remove(&container).await.unwrap();
    assert!(lab.engine.download(&container, "/out").await.err().unwrap().is_missing());
}

/// Names and sizes of the downloaded entries, sorted.
async fn files(lab: &Lab, container: &ContainerId, path: &str) -> Vec<(String, usize)> {
    let pieces = lab.engine.download(container, path).await.unwrap().try_collect::<Vec<_>>().await.unwrap();
    let all = pieces.concat();
    let mut files = Vec::new();
    for entry in tar::Archive::new(all.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.push((entry.path_bytes().escape_ascii().to_string(), content.len()));
    }
    files.sort();
    files
}

impl Lab {
    /// The output of a script on a terminal: read while it runs, and read again after its end.
    async fn terminal(&self, script: &str) -> Vec<u8> {
        let container = self.start(&self.on_terminal(script).await).await;
        let (live, code) = tokio::join!(self.printed(&container), self.engine.wait(&container));
        assert_eq!(code.unwrap(), 0);
        let again = self.printed(&container).await;
        assert!(live == again, "{} bytes, and {} bytes again", live.len(), again.len());
        live
    }

    async fn on_terminal(&self, script: &str) -> NewContainer {
        NewContainer { has_terminal: true, ..self.script(script).await }
    }
}

#[tokio::test]
async fn a_terminals_bytes_come_as_they_are_with_signs_for_what_is_no_text() {
    let lab = Lab::new();
    let script = r"tty; for i in 0 1 2; do printf '\000\n\001\n\002\n'; done; printf '\377\303x\nüend'";
    let head = b"/dev/pts/0\r\n".to_vec();
    let low = b"\0\r\n\x01\r\n\x02\r\n".repeat(3);
    let tail = "\u{fffd}\u{fffd}x\r\nüend".as_bytes().to_vec();
    assert_eq!(lab.terminal(script).await, [head, low, tail].concat());
}

#[tokio::test]
async fn long_output_of_a_terminal_comes_whole() {
    let lab = Lab::new();
    let line = "0123456789".repeat(100);
    let printed = lab.terminal(&format!("yes {line} | head -n 10000")).await;
    assert!(printed == format!("{line}\r\n").repeat(10_000).as_bytes(), "{} bytes", printed.len());
}

#[tokio::test]
async fn a_terminals_long_line_breaks_characters_where_the_engine_cuts_it() {
    let lab = Lab::new();
    let printed = lab.terminal("printf x; yes ü | head -n 30000 | tr -d '\\n'; echo").await;
    let signs = String::from_utf8(printed).unwrap().matches('\u{fffd}').count();
    assert_eq!(signs, 3 * 2, "two for the character at each cut of 16 KiB");
}

#[tokio::test]
async fn a_terminals_line_comes_while_its_container_runs_on() {
    let lab = Lab::new();
    let script = "echo; printf '\\001\\n'; printf rest; : > /ready; exec sleep 1000";
    let container = lab.start(&lab.on_terminal(script).await).await;
    let mut output = lab.engine.output(&container).await.unwrap();
    let mut printed = Vec::new();
    while printed.len() < 5 {
        printed.extend_from_slice(&output.next().await.unwrap().unwrap().bytes);
    }
    assert_eq!(printed, b"\r\n\x01\r\n");
    while !lab.engine.has_file(&container, "/ready").await.unwrap() {}
    lab.engine.stop(&container, Duration::ZERO).await.unwrap();
    let rest = output.try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(rest.into_iter().flat_map(|piece| piece.bytes).collect::<Vec<_>>(), b"rest");
}

#[tokio::test]
async fn the_last_words_come_whichever_way_a_container_ends() {
    let lab = Lab::new();
    let script = "yes 0123456789 | head -n 20000; printf rest; : > /ready; exec sleep 1000";
    for (has_terminal, length) in [(true, 240_004), (false, 220_004)] {
        let wanted = NewContainer { has_terminal, ..lab.script(script).await };
        let container = lab.start(&wanted).await;
        let kill = async {
            while !lab.engine.has_file(&container, "/ready").await.unwrap() {}
            lab.engine.stop(&container, Duration::ZERO).await.unwrap();
        };
        let (printed, ()) = tokio::join!(lab.printed(&container), kill);
        assert_eq!((printed.len(), &printed[length - 4..]), (length, b"rest".as_slice()));
    }
}

#[tokio::test]
async fn without_a_terminal_both_channels_are_told_apart() {
    let lab = Lab::new();
    let container = lab.run(&lab.script("echo out; printf '\\001' >&2").await).await;
    let pieces = lab.engine.output(&container).await.unwrap().try_collect::<Vec<_>>().await.unwrap();
    let of = |channel| {
        let pieces = pieces.iter().filter(move |piece| piece.channel == channel);
        pieces.flat_map(|piece| piece.bytes.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!((of(Channel::Output), of(Channel::Error)), (b"out\n".to_vec(), b"\x01".to_vec()));
}
