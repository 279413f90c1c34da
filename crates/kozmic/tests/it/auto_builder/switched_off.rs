//! A server without the Auto Builder has none of its addresses.

use crate::world::World;
use anyhow::Result;
use kozmic_testkit::github::sign;
use reqwest::{Client, Response, redirect::Policy};

const LOOKED_AT: [&str; 9] = [
    "/monitor/",
    "/build/status",
    "/build/history",
    "/build/history/full",
    "/build/logs/anna/hello/main",
    "/report/1",
    "/buildio",
    "/artifacts/binary/anna-hello-main.bin",
    "/artifacts/kernel/zero-os-main-generic.efi",
];

const ADDRESSES: [&str; 4] =
    ["/build/hello/hook", "/hook/monitor-update", "/hook/monitor-watch", "/hook/kernel"];

async fn post(world: &World, address: &str) -> Result<Response> {
    let request = Client::new().post(format!("{}{address}", world.server.url())).body("{}");
    let request = request.header("X-GitHub-Delivery", "1").header("X-GitHub-Event", "push");
    Ok(request.header("X-Hub-Signature-256", sign("", b"{}")).send().await?)
}

#[tokio::test]
async fn without_its_settings_nothing_of_the_auto_builder_is_there() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo fine").await?;
    world.push("Begin").await?;
    assert_eq!(world.finished().await?.status, "success");
    let nobody = Client::builder().redirect(Policy::none()).build()?;
    for address in LOOKED_AT {
        let signed_in = world.anna.get(address).await?;
        assert_eq!(signed_in.status, 404, "{address} for Anna");
        let answer = nobody.get(format!("{}{address}", world.server.url())).send().await?;
        assert_eq!(answer.status(), 404, "{address} for nobody");
    }
    for address in ADDRESSES {
        assert_eq!(post(&world, address).await?.status(), 404, "{address}");
    }
    assert!(!world.page("").await?.contains("/monitor/"), "no page leads to a monitor");
    world.end().await
}
