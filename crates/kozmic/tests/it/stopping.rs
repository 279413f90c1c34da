//! Stopped jobs: all processes of a script get SIGTERM once, and time to tidy up.

use crate::world::{IMAGE, LIMIT, World};
use anyhow::Result;
use kozmic_testkit::live::Live;

/// Makes a program that tidies up when it gets SIGTERM, as soon as the test lets it, and counts how often it got one.
pub const TOOL: &str = r#"cat >/tmp/tool <<'END'
#!/bin/bash
count=0; trap 'count=$((count + 1)); echo "$1 has $count"' TERM
echo "$1 runs"
until [ $count -gt 0 ] && [ -e /tmp/gate ]; do sleep 0.02; done
echo "$1 is tidy after $count"
END
chmod +x /tmp/tool"#;

/// Cancels the job whose script called these tools; each has one signal and tidies up.
async fn cancel_with_tools(world: &World, live: &mut Live, tools: &[&str]) -> Result<()> {
    for tool in tools {
        live.read_until(&format!("{tool} runs"), LIMIT).await?;
    }
    world.anna.cancel(world.project, world.build().await?.job()?).await?.ensure_ok()?;
    for tool in tools {
        live.read_until(&format!("{tool} has 1"), LIMIT).await?;
    }
    world.open_gate().await?;
    assert_eq!(live.read_to_end(LIMIT).await?.status, "canceled");
    for tool in tools {
        assert!(live.text().contains(&format!("{tool} is tidy after 1")), "{}", live.text());
    }
    Ok(())
}

#[tokio::test]
async fn whatever_a_script_started_has_the_time_to_tidy_up() -> Result<()> {
    let world = World::with(&[("KOZMIC_STOP_TIMEOUT", "80")]).await?;
    let others = "setsid nohup /tmp/tool session & timeout 600 /tmp/tool timeout & sudo /tmp/tool sudo &";
    let tools = format!("{others} /tmp/tool front; echo never");
    world.hook(&format!("{TOOL}\n{tools}")).await?;
    world.push("Begin").await?;
    let mut live = world.live().await?;
    cancel_with_tools(&world, &mut live, &["session", "timeout", "sudo", "front"]).await?;
    assert!(!live.text().contains("never"), "{}", live.text());
    world.end().await
}

#[tokio::test]
async fn the_signal_that_an_image_wants_is_not_what_its_scripts_get() -> Result<()> {
    let world = World::with(&[("KOZMIC_STOP_TIMEOUT", "80")]).await?;
    let image = format!("kozmic-story/{}:winch", world.server.instance().unwrap_or_default());
    // Its shell is another one, too.
    let make =
        ["create", "--user", "root", "--stop-signal", "SIGWINCH", IMAGE, "ln", "-sf", "bash", "/bin/sh"];
    let made = world.docker.run(&make).await?;
    world.docker.run(&["start", "--attach", &made]).await?;
    world.docker.run(&["commit", &made, &image]).await?;
    world.docker.remove(&made).await?;
    world.hook_in(&image, &format!("{TOOL}\nsetsid /tmp/tool session & /tmp/tool front")).await?;
    world.push("Begin").await?;
    let mut live = world.live().await?;
    cancel_with_tools(&world, &mut live, &["session", "front"]).await?;
    world.remove_image(&image).await?;
    world.end().await
}

#[tokio::test]
async fn what_runs_on_behind_a_script_that_ended_does_not_hold_its_job() -> Result<()> {
    let world = World::with(&[("KOZMIC_STOP_TIMEOUT", "600")]).await?;
    world.hook("(trap '' TERM; exec sleep 600) & setsid sleep 600 & echo by; exit 3").await?;
    world.push("Begin").await?;
    assert_eq!(world.finished().await?.status, "failure");
    assert!(world.log().await?.contains("The script returned 3."));
    world.end().await
}
