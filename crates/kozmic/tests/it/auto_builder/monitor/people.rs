//! A monitor that is not public: the parts that each person sees, and until when.

use super::{FILES, RECIPE, shows};
use crate::{
    auto_builder::stage::{CONFIGURATION, CORE, Script, Stage, number_of},
    pages::{self, location},
};
use anyhow::{Context, Result};
use kozmic_testkit::{
    browser::{Browser, View},
    github::{Permission, State},
    html::unescape,
    person::Person,
};
use reqwest::Method;
use serde_json::Value;

/// The recipe's second script alone: it ends at once.
const BAD: &str = "buildscripts: [bad.sh]\nbad.sh: {archives: /tmp/archives, artifact: x, format: binary}\n";

fn discreet(recipe: &'static [(&'static str, &'static str)]) -> Script<'static> {
    let settings = &[("KOZMIC_AUTOBUILD_MONITOR", "signed_in")];
    Script { recipes: recipe, core: FILES, settings, ..Script::default() }
}

/// The names of builds that an open page shows.
fn shown(repository: &str) -> String {
    format!(
        "[...document.querySelectorAll('[data-id] [data-part=name]')].some(name => name.textContent.startsWith('{repository}/'))"
    )
}

/// Anna has the members of a project looked up.
async fn sync(anna: &Person, project: u64) -> Result<()> {
    let action = format!("/projects/{project}/members/sync/");
    anna.post_form(&format!("/projects/{project}/settings/"), &action, &[]).await?.ensure_ok()
}

async fn builds_of(browser: &pages::Browser, repository: &str) -> Result<usize> {
    let history = browser.get("/build/history").await?.error_for_status()?.json::<Value>().await?;
    let all = history.as_array().context("a list")?.clone();
    let is_of = |build: &&Value| build["name"].as_str().is_some_and(|name| name.starts_with(repository));
    Ok(all.iter().filter(is_of).count())
}

#[tokio::test]
async fn nobody_sees_a_monitor_that_is_not_public_and_strangers_nothing_private() -> Result<()> {
    let stage = Stage::sound(discreet(&[("anna/core/main.yaml", BAD)])).await?;
    let reading = number_of(&stage.reading().await?)?;
    let pushed = stage.push("main", "Begin").await?;
    let job = stage.outcome(&pushed.sha, "bad.sh").await?;
    let public = format!("/report/{}", number_of(&job)?);
    let private = [format!("/report/{reading}"), format!("/build/logs/{CONFIGURATION}/main")];
    let nobody = pages::Browser::nobody(&stage.server)?;
    for page in ["/monitor/", &public, &private[0]] {
        assert!(location(&nobody.get(page).await?)?.starts_with("/login/?next=%2F"), "{page}");
    }
    for address in [
        "/build/status",
        "/build/history",
        "/build/history/full",
        &private[1],
        "/build/logs/anna/core/main",
        "/buildio",
    ] {
        assert_eq!(nobody.status(address).await?, 401, "{address}");
    }
    let anna = pages::Browser::of(&stage.server, &stage.github, "anna").await?;
    let eve = pages::Browser::of(&stage.server, &stage.github, "eve").await?;
    assert_eq!((eve.status(&public).await?, anna.status(&public).await?), (200, 200));
    for address in &private {
        assert_eq!((eve.status(address).await?, anna.status(address).await?), (404, 200), "{address}");
    }
    assert_eq!((builds_of(&eve, CORE).await?, builds_of(&eve, CONFIGURATION).await?), (1, 0));
    assert_eq!((builds_of(&anna, CORE).await?, builds_of(&anna, CONFIGURATION).await?), (1, 1));
    let full = |browser: &pages::Browser| browser.ask(reqwest::Method::GET, "/build/history/full").send();
    assert!(!full(&eve).await?.text().await?.contains(CONFIGURATION));
    assert!(full(&anna).await?.text().await?.contains(CONFIGURATION));
    let page = eve.get("/monitor/").await?.text().await?;
    assert!(page.contains("anna/core/main") && !page.contains(CONFIGURATION), "{page}");
    stage.end().await
}

/// An API token of somebody's.
async fn token(stage: &Stage, login: &str) -> Result<String> {
    let person = Person::sign_in(&stage.server, &stage.github, login).await?;
    let fields = [("title", "Program")];
    let page = person.post_form("/account/settings/", "/account/tokens/", &fields).await?;
    let rest = page.body.split_once("<code class=\"secret\">").context("a token")?.1;
    Ok(unescape(rest.split_once('<').context("an end")?.0))
}

#[tokio::test]
async fn programs_see_by_a_token_what_its_person_sees_and_change_nothing() -> Result<()> {
    let stage = Stage::sound(discreet(&[("anna/core/main.yaml", BAD)])).await?;
    let reading = number_of(&stage.reading().await?)?;
    let pushed = stage.push("main", "Begin").await?;
    let job = number_of(&stage.outcome(&pushed.sha, "bad.sh").await?)?;
    let (_, core) = stage.anna().await?;
    let (anna, eve) = (token(&stage, "anna").await?, token(&stage, "eve").await?);
    let nobody = pages::Browser::nobody(&stage.server)?;
    let ask = async |address: &str, token: &str| {
        let asked = nobody.ask(Method::GET, address).bearer_auth(token);
        let asked = match address.contains("/live") || address == "/buildio" {
            true => asked
                .header("Connection", "Upgrade")
                .header("Upgrade", "websocket")
                .header("Sec-WebSocket-Version", "13")
                .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            false => asked,
        };
        anyhow::Ok(asked.send().await?)
    };
    let (own, log) = (format!("/report/{reading}"), format!("/projects/{core}/jobs/{job}/log/"));
    for (address, of_anna, of_eve) in [
        ("/build/status", 200, 200),
        ("/build/history", 200, 200),
        ("/build/history/full", 200, 200),
        ("/build/logs/anna/core/main", 200, 200),
        ("/build/logs/anna/recipes/main", 200, 404),
        (own.as_str(), 200, 404),
        (&format!("{own}?raw"), 200, 404),
        (&format!("/report/{job}"), 200, 200),
        ("/buildio", 101, 101),
        (&log, 200, 404),
        (&format!("{log}live"), 101, 404),
        (&format!("/live?project={core}"), 101, 404),
    ] {
        assert_eq!(ask(address, &anna).await?.status(), of_anna, "{address} as anna");
        assert_eq!(ask(address, &eve).await?.status(), of_eve, "{address} as eve");
        let refused = ask(address, "kozmic_guessed").await?;
        assert_eq!(refused.status(), 401, "{address} with a token that is nobody's");
        assert!(refused.headers()["www-authenticate"].to_str()?.starts_with("Bearer"), "{address}");
        assert_eq!(refused.json::<Value>().await?["error"]["code"], "unauthorized", "{address}");
    }
    for (token, count) in [(&anna, 2), (&eve, 1)] {
        let history = ask("/build/history", token).await?.json::<Value>().await?;
        assert_eq!(history.as_array().map(Vec::len), Some(count));
    }
    // A form takes the session that its page was made for, and a token is none.
    for form in [format!("/projects/{core}/jobs/{job}/restart/"), "/account/tokens/".to_owned()] {
        let posted =
            nobody.ask(Method::POST, &form).bearer_auth(&anna).form(&[("title", "x")]).send().await?;
        assert!(posted.status() == 303 && location(&posted)?.starts_with("/login/"), "{form}: {posted:?}");
    }
    stage.end().await
}

#[tokio::test]
async fn an_open_monitor_follows_roles_and_ends_with_its_session() -> Result<()> {
    let stage = Stage::sound(discreet(&[("anna/core/main.yaml", BAD)])).await?;
    let pushed = stage.push("main", "Begin").await?;
    assert_eq!(stage.outcome(&pushed.sha, "bad.sh").await?.state, State::Error);
    let (anna, core) = stage.anna().await?;
    let recipes = anna.add_project(CONFIGURATION).await?;
    let eve = Browser::start(View::DESKTOP).await?;
    eve.sign_in(&stage.server.url(), "eve").await?;
    eve.open(&format!("{}/monitor/", stage.server.url())).await?;
    shows(&eve, "document.querySelector('.wire').innerText === 'Live'").await?;
    shows(&eve, &shown(CORE)).await?;
    shows(&eve, &format!("!({})", shown(CONFIGURATION))).await?;

    stage.github.set_permission(CONFIGURATION, "eve", Some(Permission::Pull));
    sync(&anna, recipes).await?;
    shows(&eve, &shown(CONFIGURATION)).await?;
    stage.github.set_permission(CONFIGURATION, "eve", None);
    sync(&anna, recipes).await?;
    shows(&eve, &format!("!({})", shown(CONFIGURATION))).await?;

    // The repository that was public is private now, and nothing of hers.
    stage.github.set_private(CORE, true).await?;
    sync(&anna, core).await?;
    shows(&eve, &format!("!({})", shown(CORE))).await?;
    let other = pages::Browser::of(&stage.server, &stage.github, "mallory").await?;
    assert_eq!(builds_of(&other, CORE).await?, 0);

    assert!(eve.complaints().await?.is_empty());
    let leave = "fetch('/logout/', { method: 'POST', body: new URLSearchParams(new FormData(document.querySelector('form[action=\"/logout/\"]'))) }).then(() => 0)";
    eve.eval(leave).await?;
    shows(&eve, "location.pathname === '/login/'").await?;
    eve.close().await?;
    stage.end().await
}

#[tokio::test]
async fn what_runs_leaves_the_open_monitor_of_a_stranger_when_its_repository_becomes_private() -> Result<()> {
    let stage = Stage::sound(discreet(&[("anna/core/main.yaml", RECIPE)])).await?;
    stage.github.start_ssh().await?;
    let (anna, core) = stage.anna().await?;
    let eve = Browser::start(View::DESKTOP).await?;
    eve.sign_in(&stage.server.url(), "eve").await?;
    eve.open(&format!("{}/monitor/", stage.server.url())).await?;
    let pushed = stage.push("main", "Begin").await?;
    let job = stage.job(&pushed.sha, super::SLOW_STATUS).await?;
    shows(&eve, "document.querySelector('.running[data-id]')?.innerText.includes('at the gate')").await?;
    stage.github.set_private(CORE, true).await?;
    sync(&anna, core).await?;
    shows(&eve, "document.querySelectorAll('.running[data-id]').length === 0").await?;
    shows(&eve, &format!("!({})", shown(CORE))).await?;
    stage.open_gate(&job).await?;
    stage.outcome(&pushed.sha, super::SLOW_STATUS).await?;
    eve.close().await?;
    stage.end().await
}
