//! Tests of job networks on the Docker engine of this machine, with names and ranges that nothing else uses.

use super::*;
use crate::engine::Subnet;
use std::net::IpAddr;

/// A lab with a job network of its own, which is removed with it.
struct Walled {
    lab: Lab,
    name: &'static str,
}

impl Walled {
    fn new() -> Self {
        let mut lab = Lab::new();
        let name: &'static str = format!("kzt-{}", &lab.instance[5..15]).leak();
        lab.engine = Self { lab: Lab::new(), name }.another();
        Self { lab, name }
    }

    /// The same engine, as another installation sees it.
    fn another(&self) -> DockerEngine {
        let settings =
            DockerSettings { network: JobNetwork::Own, ..DockerSettings::clone(&self.lab.engine.settings) };
        DockerEngine { own_network: self.name, ..DockerEngine::new(settings) }
    }

    fn count(&self) -> usize {
        let all = docker(&["network", "ls", "--format", "{{.Name}}"]);
        all.lines().filter(|name| *name == self.name).count()
    }
}

impl Drop for Walled {
    fn drop(&mut self) {
        let label = format!("label={INSTANCE}={}", self.lab.instance, INSTANCE = containers::INSTANCE);
        let containers = docker(&["ps", "--all", "--quiet", "--filter", &label]);
        containers.lines().for_each(|id| drop(docker(&["rm", "--force", "--volumes", id])));
        docker(&["network", "rm", self.name]);
    }
}

/// The address of a running container.
fn address(container: &ContainerId) -> IpAddr {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    docker(&["inspect", "--format", format, &container.0]).parse().unwrap()
}

#[tokio::test]
async fn many_who_make_the_network_at_once_make_one() {
    let walled = Walled::new();
    let engines = [walled.another(), walled.another(), walled.another(), walled.another()];
    let made = futures_util::future::join_all(engines.iter().map(Engine::prepare)).await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    assert_eq!(walled.count(), 1);
    let interface = "{{index .Options \"com.docker.network.bridge.name\"}}";
    assert_eq!(docker(&["network", "inspect", "--format", interface, walled.name]), walled.name);
}

#[tokio::test]
async fn a_network_of_that_name_that_joins_jobs_is_refused() {
    let walled = Walled::new();
    docker(&["network", "create", walled.name]);
    let fault = walled.lab.engine.prepare().await.unwrap_err();
    assert!(!fault.is_unreachable() && fault.to_string().contains("docker network rm"), "{fault}");
    assert!(walled.lab.engine.create(&walled.lab.script("true").await).await.is_err());
    docker(&["network", "rm", walled.name]);
    walled.lab.engine.prepare().await.unwrap();
    // A network that replaced it is noticed, too.
    docker(&["network", "rm", walled.name]);
    docker(&["network", "create", walled.name]);
    walled.lab.engine.prepare().await.unwrap_err();
    assert!(walled.lab.engine.create(&walled.lab.script("true").await).await.is_err());
}

#[tokio::test]
async fn a_network_that_is_gone_is_made_again_for_a_container_that_is_about_to_start() {
    let walled = Walled::new();
    let container = walled.lab.engine.create(&walled.lab.script("true").await).await.unwrap();
    docker(&["network", "rm", walled.name]);
    walled.lab.engine.start(&container).await.unwrap();
    assert_eq!(walled.lab.engine.wait(&container).await.unwrap(), 0);
    assert_eq!(walled.count(), 1);
}

#[tokio::test]
async fn peers_are_jobs_by_the_network_that_they_are_in() {
    let walled = Walled::new();
    let engine = &walled.lab.engine;
    let container = walled.lab.start(&walled.lab.script("exec sleep 1000").await).await;
    let job = address(&container);
    assert!(engine.is_job(job).await);
    let IpAddr::V4(v4) = job else { panic!("{job}") };
    assert!(engine.is_job(v4.to_ipv6_mapped().into()).await, "whichever way the socket tells it");
    let gateway =
        docker(&["network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", walled.name]);
    for other in [gateway.as_str(), "127.0.0.1", "::1", "192.0.2.1"] {
        assert!(!engine.is_job(other.parse().unwrap()).await, "{other}");
    }
    let remote = DockerSettings { url: "tcp://192.0.2.1:2375".to_owned(), ..DockerSettings::default() };
    assert!(!DockerEngine::new(remote).is_job(job).await, "another machine's networks are not this one's");
}

#[tokio::test]
async fn in_a_network_that_was_there_jobs_are_told_from_others() {
    let lab = Lab::new();
    let name = format!("kzt-{}", &lab.instance[5..15]);
    docker(&["network", "create", &name]);
    let settings = DockerSettings {
        network: JobNetwork::Named(name.clone()),
        ..DockerSettings::clone(&lab.engine.settings)
    };
    let lab = Lab { engine: DockerEngine::new(settings), instance: lab.instance.clone() };
    let other = docker(&["run", "--detach", "--network", &name, "kozmic/debian:bookworm", "sleep", "1000"]);
    assert!(!lab.engine.is_job(address(&ContainerId(other.clone()))).await);
    let job = lab.start(&lab.script("exec sleep 1000").await).await;
    assert!(lab.engine.is_job(address(&job)).await, "at once");
    assert!(!lab.engine.is_job(address(&ContainerId(other.clone()))).await);
    lab.engine.remove(&job).await.unwrap();
    docker(&["rm", "--force", &other]);
    docker(&["network", "rm", &name]);
}

/// A lab whose attempts have networks of their own, in a random range of sixteen subnets.
fn apart() -> (Lab, Subnet) {
    let lab = Lab::new();
    let [second, third, ..] = getrandom_bytes(&lab.instance);
    let range = format!("10.{}.{third}.0/25", 100 + second % 50).parse().unwrap();
    let settings =
        DockerSettings { network: JobNetwork::Each(range), ..DockerSettings::clone(&lab.engine.settings) };
    (Lab { engine: DockerEngine::new(settings), instance: lab.instance.clone() }, range)
}

fn getrandom_bytes(seed: &str) -> [u8; 4] {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    let [a, b, c, d, ..] = hasher.finish().to_ne_bytes();
    [a, b, c, d]
}

#[tokio::test]
async fn each_attempt_has_a_small_network_which_goes_when_it_is_told_to() {
    let (lab, range) = apart();
    let taken = range.parts(29).next().unwrap().to_string();
    let other = docker(&["network", "create", "--subnet", &taken, &format!("{}-other", lab.instance)]);
    let wanted = lab.script("exec sleep 1000").await;
    let second = NewContainer { attempt: Attempt { number: 2, ..wanted.attempt }, ..wanted.clone() };
    let (first, beside) = (lab.start(&wanted).await, lab.start(&wanted).await);
    let apart = lab.start(&second).await;
    let parts = [&first, &beside, &apart].map(|container| Subnet::around(address(container), 29).to_string());
    let free = range.parts(29).skip(1).map(|part| part.to_string()).take(2).collect::<Vec<_>>();
    assert_eq!(parts, [free[0].clone(), free[0].clone(), free[1].clone()]);
    assert!(lab.engine.is_job(address(&apart)).await);
    assert!(!lab.engine.is_job(range.parts(29).nth(1).unwrap().gateway()).await);
    let mut left = lab.engine.networks(&lab.instance).await.unwrap();
    left.sort_by_key(|attempt| attempt.number);
    assert_eq!(left, [wanted.attempt, second.attempt]);
    assert!(lab.engine.remove_network(&lab.instance, wanted.attempt).await.is_err(), "one is in it");
    for container in [first, beside, apart] {
        lab.engine.remove(&container).await.unwrap();
    }
    for attempt in [wanted.attempt, wanted.attempt, second.attempt] {
        lab.engine.remove_network(&lab.instance, attempt).await.unwrap();
    }
    assert!(lab.engine.networks(&lab.instance).await.unwrap().is_empty());
    docker(&["network", "rm", &other]);
}

#[tokio::test]
async fn an_attempts_network_that_is_gone_is_made_again_and_a_full_range_says_so() {
    let (lab, range) = apart();
    let wanted = lab.script("true").await;
    let container = lab.engine.create(&wanted).await.unwrap();
    lab.engine.remove_network(&lab.instance, wanted.attempt).await.unwrap();
    lab.engine.start(&container).await.unwrap();
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 0);
    lab.engine.remove(&container).await.unwrap();
    lab.engine.remove_network(&lab.instance, wanted.attempt).await.unwrap();
    let all =
        docker(&["network", "create", "--subnet", &range.to_string(), &format!("{}-all", lab.instance)]);
    let fault = lab.engine.create(&wanted).await.unwrap_err().to_string();
    assert!(fault.contains("docker_job_subnets") && fault.contains(&range.to_string()), "{fault}");
    docker(&["network", "rm", &all]);
}

#[tokio::test]
async fn the_way_out_is_tried_from_a_jobs_container_beside_another() {
    let walled = Walled::new();
    let (engine, instance) = (&walled.lab.engine, walled.lab.instance.as_str());
    engine.prepare().await.unwrap();
    let gateway =
        docker(&["network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", walled.name]);
    let listener = tokio::net::TcpListener::bind(format!("{gateway}:0")).await.unwrap();
    let open = listener.local_addr().unwrap();
    let closed = format!("{gateway}:9").parse().unwrap();
    let port = open.port();
    let targets = [closed, open];
    let trial = Trial { instance, image: None, targets: &targets, outside: Some((&gateway, port)) };
    let found = engine.reach(&trial).await.unwrap().unwrap();
    assert_eq!(
        (&found.addresses[..], found.other_jobs, found.outside),
        (&[open][..], Some(false), Some(true))
    );
    let nowhere = Trial {
        image: Some(&found.image.parse().unwrap()),
        outside: Some(("no-such-host.invalid", port)),
        ..trial
    };
    assert_eq!(engine.reach(&nowhere).await.unwrap().unwrap().outside, Some(false));
    let missing = Trial { image: Some(&"kozmic/no-such:image".parse().unwrap()), ..trial };
    assert_eq!(engine.reach(&missing).await.unwrap(), None);
    let settings = DockerSettings {
        network: JobNetwork::Named("bridge".to_owned()),
        ..DockerSettings::clone(&engine.settings)
    };
    let trial = Trial { targets: &[], outside: None, ..trial };
    let found = DockerEngine::new(settings).reach(&trial).await.unwrap().unwrap();
    assert_eq!((found.addresses.len(), found.other_jobs, found.outside), (0, Some(true), None));
    assert!(engine.containers(instance).await.unwrap().is_empty());
}
