//! The isolation of a job's container: its rights, its resources, and the hosts that it reaches.

use crate::world::{GATE, IMAGE, LIMIT, World};
use anyhow::{Context, Result};
use kozmic_testkit::github::State;
use serde_json::Value;

/// Tells by a word each whether root in the container may do what hardly any script needs.
const RIGHTS: &str = "sudo mknod /tmp/device c 1 3 && echo made a device; \
    sudo perl -MSocket -e 'socket(S, PF_INET, SOCK_RAW, 1) and print \"opened a raw socket\\n\"'; \
    perl -MSocket -e 'socket(S, PF_INET, SOCK_DGRAM, 1) and print \"may ping\\n\"'; echo end";

/// The settings that the engine was given for the container that runs.
async fn host_config(world: &World) -> Result<Value> {
    let format = ["inspect", "--format", "{{json .HostConfig}}", &world.container().await?];
    Ok(serde_json::from_str(&world.docker.run(&format).await?)?)
}

#[tokio::test]
async fn a_job_gets_its_share_of_the_machine_and_no_rights_that_it_does_not_need() -> Result<()> {
    let world = World::with(&[("KOZMIC_RUNNER_CONCURRENCY", "3")]).await?;
    world.hook(&format!("{RIGHTS}; {GATE}")).await?;
    world.push("Begin").await?;
    let mut live = world.live().await?;
    live.read_until("end\n", LIMIT).await?;
    let host = host_config(&world).await?;
    let machine = world.docker.run(&["info", "--format", "{{.MemTotal}}"]).await?.parse::<i64>()?;
    assert_eq!(host["Memory"].as_i64().context("a limit")?, ((machine - (1 << 30)) / 3).max(1 << 30));
    assert_eq!(host["PidsLimit"], 4096);
    world.open_gate().await?;
    assert_eq!(world.finished().await?.status, "success");
    let log = world.log().await?;
    assert!(log.contains("may ping\nend\n"), "{log}");
    assert!(!log.contains("made a device") && !log.contains("opened a raw socket"), "{log}");
    world.end().await
}

#[tokio::test]
async fn settings_give_rights_back_and_take_limits_away() -> Result<()> {
    let world = World::with(&[
        ("KOZMIC_DOCKER_CAPABILITIES", "NET_RAW, MKNOD"),
        ("KOZMIC_DOCKER_MEMORY_LIMIT", "none"),
        ("KOZMIC_DOCKER_PROCESS_LIMIT", "none"),
    ])
    .await?;
    world.hook(&format!("{RIGHTS}; {GATE}")).await?;
    world.push("Begin").await?;
    let mut live = world.live().await?;
    live.read_until("end\n", LIMIT).await?;
    let host = host_config(&world).await?;
    assert_eq!(host["Memory"], 0);
    assert!(host["PidsLimit"].is_null(), "{}", host["PidsLimit"]);
    world.open_gate().await?;
    assert_eq!(world.finished().await?.status, "success");
    let log = world.log().await?;
    assert!(log.contains("made a device\nopened a raw socket\nmay ping\nend\n"), "{log}");
    world.end().await
}

/// Whether a container on the job's network reaches a port that the job listens on.
async fn is_reached(settings: &[(&str, &str)]) -> Result<bool> {
    const LISTEN: &str = "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 7000, Listen => 5) or die; \
        $| = 1; print \"listening\\n\"; close $c while $c = $s->accept' & ";
    let world = World::with(settings).await?;
    world.hook(&format!("{LISTEN}{GATE}; kill %1")).await?;
    world.push("Begin").await?;
    world.live().await?.read_until("listening\n", LIMIT).await?;
    let job = world.container().await?;
    let of_network =
        "{{range $name, $network := .NetworkSettings.Networks}}{{$name}} {{$network.IPAddress}}{{end}}";
    let told = world.docker.run(&["inspect", "--format", of_network, &job]).await?;
    let (network, address) = told.split_once(' ').context("the job is in one network")?;
    let call = format!("timeout 3 bash -c 'echo > /dev/tcp/{address}/7000' && echo reached || echo walled");
    let own = world.docker.run(&["exec", &job, "bash", "-c", &call]).await?;
    assert_eq!(own, "reached", "it listens");
    let other = world.docker.run(&["run", "--rm", "--network", network, IMAGE, "bash", "-c", &call]).await?;
    world.open_gate().await?;
    assert_eq!(world.finished().await?.status, "success");
    world.end().await?;
    Ok(other == "reached")
}

#[tokio::test]
async fn jobs_do_not_reach_one_another_unless_they_are_put_in_a_network_where_they_do() -> Result<()> {
    assert!(!is_reached(&[]).await?);
    assert!(is_reached(&[("KOZMIC_DOCKER_NETWORK", "bridge")]).await?);
    Ok(())
}

/// Asks the server on the engine's machine, as its network's gateway is known in the container.
fn ask(port: &str) -> String {
    format!(
        "hex=$(awk '$2 == \"00000000\" {{print $3}}' /proc/net/route); \
         host=$((16#${{hex:6:2}})).$((16#${{hex:4:2}})).$((16#${{hex:2:2}})).$((16#${{hex:0:2}})); \
         for path in healthz _hooks/hook/1/ api/v1/projects; do exec 3<>/dev/tcp/$host/{port}; \
         printf 'GET /%s HTTP/1.0\\r\\n\\r\\n' $path >&3; cat <&3; done; echo asked"
    )
}

/// The answers that a job gets from its own server, which listens to all of the machine's networks.
async fn answers(settings: &[(&str, &str)]) -> Result<String> {
    let mut world = World::new().await?;
    let port = world.server.url().rsplit(':').next().context("a port")?.to_owned();
    let listen = format!("0.0.0.0:{port}");
    world.server.restart_with(&[&[("KOZMIC_LISTEN", listen.as_str())], settings].concat()).await?;
    world.hook(&ask(&port)).await?;
    world.push("Begin").await?;
    assert_eq!(world.finished().await?.status, "success");
    let log = world.log().await?;
    world.end().await?;
    Ok(log)
}

#[tokio::test]
async fn a_job_is_refused_by_the_server_that_runs_it() -> Result<()> {
    for settings in [&[][..], &[("KOZMIC_DOCKER_NETWORK", "bridge")]] {
        let log = answers(settings).await?;
        assert_eq!(log.matches("HTTP/1.0 403 Forbidden").count(), 3, "{log}");
        assert_eq!(log.matches("jobs_may_call").count(), 3, "it says what to do: {log}");
        assert!(log.contains("\"code\":\"from_a_job\""), "{log}");
    }
    let log = answers(&[("KOZMIC_JOBS_MAY_CALL", "true")]).await?;
    assert!(log.contains("HTTP/1.0 200 OK") && !log.contains("jobs_may_call"), "{log}");
    Ok(())
}

/// Settings that give each job a network of its own, in a range that chance chose.
fn range() -> Result<String> {
    let port = kozmic_testkit::port::free_port()?;
    Ok(format!("10.{}.{}.0/24", 150 + port / 256 % 50, port % 256))
}

#[tokio::test]
async fn a_job_has_a_network_of_its_own_where_settings_say_so_and_a_crash_leaves_none() -> Result<()> {
    let range = range()?;
    let mut world = World::with(&[("KOZMIC_DOCKER_JOB_SUBNETS", &range)]).await?;
    world.hook(&format!("echo begun; {GATE}")).await?;
    world.push("Begin").await?;
    world.live().await?.read_until("begun\n", LIMIT).await?;
    let label = world.label()?;
    let networks = world.docker.networks(&label).await?;
    assert_eq!(networks.len(), 1, "{networks:?}");
    let subnet = "{{(index .IPAM.Config 0).Subnet}}";
    let subnet = world.docker.run(&["network", "inspect", "--format", subnet, &networks[0]]).await?;
    assert!(subnet.starts_with(range.trim_end_matches("0/24")) && subnet.ends_with("/29"), "{subnet}");
    world.server.kill_9().await?;
    let container = world.container().await?;
    world.docker.remove(&container).await?;
    assert_eq!(world.docker.networks(&label).await?, networks, "a crash leaves it");
    world.server.restart().await?;
    assert_eq!(world.finished().await?.status, "error");
    world.docker.wait_until_clean(&label, LIMIT).await?;
    world.end().await
}

#[tokio::test]
async fn jobs_wait_as_long_as_the_engine_lacks_what_settings_ask_for() -> Result<()> {
    let mut world = World::with(&[("KOZMIC_DOCKER_RUNTIME", "kozmic-has-no-such")]).await?;
    let reason = "knows no runtime kozmic-has-no-such, only ";
    world.hook("echo in another runtime").await?;
    let pushed = world.push("Begin").await?;
    world.build().await?;
    let ready = world.anna.get("/readyz").await?;
    assert!(ready.status == 503 && ready.body.contains(reason), "{}", ready.body);
    let html = world.page("builds/latest/").await?;
    assert!(html.contains(reason) && html.contains("Waiting"), "{html}");
    let check = world.server.run(&["check"]).await?;
    let words = String::from_utf8_lossy(&check.stdout).into_owned();
    let fault = words.lines().find(|line| line.starts_with("FAIL  Docker engine: ")).unwrap_or_default();
    assert!(fault.contains(reason) && !check.status.success(), "{words}");
    world.server.restart_with(&[("KOZMIC_DOCKER_RUNTIME", "runc")]).await?;
    world.status(&pushed.sha, State::Success).await?;
    world.end().await
}
