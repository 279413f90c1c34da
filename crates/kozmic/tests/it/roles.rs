//! Rights of each role, and of strangers, at every address of the server.

mod changes;

use crate::{
    pages::{Browser, location},
    world::{IMAGE, LIMIT, REPOSITORY, World},
};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{NewRepository, Permission},
    person::{NewHook, Person},
};
use reqwest::Response;
use std::collections::BTreeSet;

/// Answers to anna (owner), bob (manager), carl (member), eve (a stranger) and nobody.
type Answers = [u16; 5];

/// A number that nothing has.
const NOWHERE: u64 = 999;

const PEOPLE: [&str; 5] = ["anna", "bob", "carl", "eve", ""];
const PRIVATE: &str = "anna/secret";

/// For everybody who may see the project.
const SEE: Answers = [200, 200, 200, 404, 303];
/// The same, leading on.
const PASS: Answers = [303, 303, 303, 404, 303];
/// The same, over a WebSocket.
const HEAR: Answers = [101, 101, 101, 404, 303];
/// For people who may configure the project.
const CONFIGURE: Answers = [200, 200, 403, 404, 303];
/// The same, leading on.
const CHANGE: Answers = [303, 303, 403, 404, 303];
/// The same, with a form whose fields are wrong.
const MISTYPE: Answers = [422, 422, 403, 404, 303];
/// The same, for what is not there.
const MISS: Answers = [404, 404, 403, 404, 303];
/// The same, with a form that no page sends.
const SENSELESS: Answers = [400, 400, 403, 404, 303];
/// For people who may delete the project, but mistyped its name.
const END: Answers = [422, 403, 403, 404, 303];
/// For everybody who signed in.
const OWN: Answers = [200, 200, 200, 200, 303];
/// The same, leading on.
const OWN_PASS: Answers = [303; 5];
/// For administrators, of whom there is none.
const ADMINISTER: Answers = [403, 403, 403, 403, 303];

/// Beginnings of the addresses whose requests prove themselves, and bring no token of a page.
const PROVEN: [&str; 4] = ["/_hooks/", "/build/", "/hook/", "/mail/unsubscribe/"];

/// Addresses that belong to a project.
const OF_PROJECT: &[(&str, &str, Answers)] = &[
    ("GET", "/projects/{project}/", PASS),
    ("GET", "/projects/{project}/builds/latest/", PASS),
    ("GET", "/projects/{project}/builds/{build}/", SEE),
    ("GET", "/projects/{project}/builds/{build}/jobs/{job}/", SEE),
    ("GET", "/projects/{project}/jobs/{job}/log/", SEE),
    ("GET", "/projects/{project}/jobs/{job}/log/live", HEAR),
    ("GET", "/projects/{project}/jobs/{job}/log/live/{attempt}", HEAR),
    ("GET", "/live?project={project}", HEAR),
    ("GET", "/projects/{project}/history/", SEE),
    ("GET", "/projects/{project}/avatars/{user}", SEE),
    ("GET", "/projects/{project}/audit/", [200, 403, 403, 404, 303]),
    ("GET", "/projects/{project}/settings/", CONFIGURE),
    ("GET", "/projects/{project}/hooks/add/", CONFIGURE),
    ("GET", "/projects/{project}/hooks/{hook}/edit/", CONFIGURE),
    ("POST", "/projects/{project}/settings/builds/", CHANGE),
    ("POST", "/projects/{project}/settings/badge/", CHANGE),
    ("POST", "/projects/{project}/members/sync/", CHANGE),
    ("POST", "/projects/{project}/registries/", MISTYPE),
    ("POST", "/projects/{project}/registries/{credential}/delete/", MISS),
    ("POST", "/projects/{project}/cache/{image}/drop/", MISS),
    ("POST", "/projects/{project}/hooks/restore/", CHANGE),
    ("POST", "/projects/{project}/hooks/add/", MISTYPE),
    ("POST", "/projects/{project}/hooks/{hook}/edit/", MISTYPE),
    ("POST", "/projects/{project}/hooks/{hook}/connect/", CHANGE),
    ("POST", "/projects/{project}/hooks/{missing_hook}/delete/", MISS),
    ("POST", "/projects/{project}/delete/", END),
    ("POST", "/projects/{project}/builds/{build}/cancel/", CHANGE),
    ("POST", "/projects/{project}/builds/{build}/restart/", CHANGE),
    ("POST", "/projects/{project}/builds/{build}/approve/", SENSELESS),
    ("POST", "/projects/{project}/jobs/{job}/restart/", CHANGE),
    ("POST", "/projects/{project}/jobs/{job}/cancel/", CHANGE),
];

/// Addresses that belong to no project, or tell for themselves who may see them.
const OTHERS: &[(&str, &str, Answers)] = &[
    ("GET", "/", [303, 303, 303, 303, 200]),
    ("GET", "/login/", [303, 303, 303, 303, 200]),
    ("GET", "/_auth/", [303; 5]),
    ("GET", "/_auth/auth-callback/", [303; 5]),
    ("GET", "/audit/", [404, 404, 404, 404, 303]),
    ("GET", "/runners/", OWN),
    ("POST", "/runners/", ADMINISTER),
    ("POST", "/runners/{runner}/drain/", ADMINISTER),
    ("POST", "/runners/{runner}/resume/", ADMINISTER),
    ("GET", "/runners/{runner}/remove/", ADMINISTER),
    ("POST", "/runners/{runner}/remove/", ADMINISTER),
    ("GET", "/account/settings/", OWN),
    ("POST", "/account/settings/mail/", OWN_PASS),
    ("POST", "/account/settings/mail/link/", OWN_PASS),
    ("GET", "/account/settings/mail/confirm/", [400, 400, 400, 400, 303]),
    ("POST", "/account/settings/mail/confirm/", [400, 400, 400, 400, 303]),
    ("GET", "/mail/unsubscribe/", [400; 5]),
    ("POST", "/mail/unsubscribe/", [400; 5]),
    ("POST", "/account/tokens/", [422, 422, 422, 422, 303]),
    ("POST", "/account/tokens/{token}/delete/", OWN_PASS),
    ("POST", "/account/sessions/sign-out-others/", OWN_PASS),
    ("GET", "/avatars/{user}", [200, 404, 404, 404, 303]),
    ("GET", "/repositories/", OWN),
    ("POST", "/repositories/", OWN_PASS),
    ("GET", "/projects/", [303, 303, 303, 200, 303]),
    ("POST", "/projects/", [404, 404, 404, 404, 303]),
    ("GET", "/live", [101, 101, 101, 101, 303]),
    ("GET", "/badges/{owner}/{name}", [200; 5]),
    ("GET", "/badges/{owner}/{name}/", [200; 5]),
    ("GET", "/badges/{owner}/{name}/{*ref}", [200; 5]),
    ("GET", "/badges/anna/secret", [404; 5]),
    ("GET", "/badges/anna/secret/main", [404; 5]),
    ("GET", "/artifacts/{directory}/{*name}", [404; 5]),
    ("GET", "/static/{name}", [404; 5]),
    ("GET", "/healthz", [200; 5]),
    ("GET", "/readyz", [200; 5]),
    ("POST", "/_hooks/hook/{hook}/", [401; 5]),
    ("POST", "/_hooks/hook/{hook}", [401; 5]),
    ("POST", "/build/{project}/hook", [404; 5]),
    ("POST", "/build/{project}/hook/", [404; 5]),
    ("POST", "/hook/monitor-update", [404; 5]),
    ("POST", "/hook/monitor-update/", [404; 5]),
    ("POST", "/hook/monitor-watch", [404; 5]),
    ("POST", "/hook/monitor-watch/", [404; 5]),
    ("POST", "/hook/kernel", [404; 5]),
    ("POST", "/hook/kernel/", [404; 5]),
    ("GET", "/monitor/", [404; 5]),
    ("GET", "/build/status", [404; 5]),
    ("GET", "/build/history", [404; 5]),
    ("GET", "/build/history/full", [404; 5]),
    ("GET", "/build/logs/{owner}/{name}/{*branch}", [404; 5]),
    ("GET", "/report/{job}", [404; 5]),
    ("GET", "/buildio", [404; 5]),
    ("POST", "/logout/", OWN_PASS),
];

/// A project with a build, and the numbers that its addresses are made of.
struct Stage {
    project: u64,
    build: u64,
    job: u64,
    hook: u64,
    credential: u64,
}

impl Stage {
    /// Adds a hook to a project, and lets it build a push.
    async fn new(world: &World, repository: &str, (project, hook): (u64, u64)) -> Result<Self> {
        let script = "#!/bin/sh\necho built";
        world.anna.add_hook(project, NewHook { title: "Tests", image: IMAGE, script }).await?;
        let commit = kozmic_testkit::github::Commit::new("Begin").file("file", repository);
        world.github.push_commit(repository, "main", commit).await?;
        let is_over = |build: &kozmic_testkit::person::Build| {
            build.job.is_some() && !["enqueued", "pending"].contains(&build.status.as_str())
        };
        let build = world.anna.wait_for_build(project, LIMIT, is_over).await?;
        Ok(Self { project, build: build.build, job: build.job()?, hook, credential: NOWHERE })
    }

    fn address(&self, pattern: &str) -> String {
        let Self { project, build, job, hook, credential } = self;
        let there = [("project", project), ("build", build), ("job", job), ("hook", hook)];
        let numbers = [("credential", credential), ("user", &1), ("attempt", &1)];
        let missing = ["missing_hook", "image", "token", "runner"].map(|name| (name, &NOWHERE));
        let known = there
            .into_iter()
            .chain(numbers)
            .chain(missing)
            .fold(pattern.to_owned(), |text, (name, number)| {
                text.replace(&format!("{{{name}}}"), &number.to_string())
            });
        known.replace("{owner}/{name}", REPOSITORY).replace("{*ref}", "main").replace("{name}", "none.css")
    }
}

/// Somebody who asks: a browser, and what its forms carry.
struct Asker {
    login: &'static str,
    browser: Browser,
    csrf: String,
}

impl Asker {
    async fn new(world: &World, login: &'static str) -> Result<Self> {
        if login.is_empty() {
            let browser = Browser::nobody(&world.server)?;
            return Ok(Self { login: "nobody", browser, csrf: String::new() });
        }
        let browser = Browser::of(&world.server, &world.github, login).await?;
        let page = browser.get("/account/settings/").await?.text().await?;
        let csrf = page.split_once("name=\"csrf_token\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
        let csrf = csrf.context("the page has forms")?.0.to_owned();
        Ok(Self { login, browser, csrf })
    }

    async fn ask(&self, method: &str, address: &str) -> Result<Response> {
        let asked = self.browser.ask(method.parse()?, address);
        let asked = match method {
            "POST" => asked.form(&[("csrf_token", self.csrf.as_str()), ("repository", "0")]),
            _ if address.contains("/live") => asked
                .header("Connection", "Upgrade")
                .header("Upgrade", "websocket")
                .header("Sec-WebSocket-Version", "13")
                .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            _ => asked,
        };
        asked.send().await.with_context(|| format!("{method} {address}"))
    }

    /// Asks, and complains if the answer is not the one that this person is to get.
    async fn expect(&self, method: &str, address: &str, status: u16) -> Result<()> {
        let answer = self.ask(method, address).await?;
        let what = format!("{method} {address} as {}", self.login);
        assert_eq!(answer.status().as_u16(), status, "{what}");
        if status == 303 && !address.starts_with("/_auth/") && !address.starts_with("/logout/") {
            let to_sign_in = location(&answer)?.starts_with("/login/");
            assert_eq!(to_sign_in, self.login == "nobody", "{what} leads to {}", location(&answer)?);
        }
        if status == 403 && method != "HEAD" {
            let why = match address.starts_with("/runners/") {
                true => "Only administrators may do this",
                false => "You see this project, but only its",
            };
            assert!(answer.text().await?.contains(why), "{what}");
        }
        Ok(())
    }
}

#[tokio::test]
async fn each_address_answers_each_role_as_it_should() -> Result<()> {
    let world = World::new().await?;
    world.github.start_ssh().await?;
    world.github.add_user("bob", "Bob Builder", "bob@example.com");
    world.github.add_user("carl", "Carl Reader", "carl@example.com");
    world.github.add_repository(NewRepository::private(PRIVATE))?;
    for repository in [REPOSITORY, PRIVATE] {
        world.github.set_permission(repository, "bob", Some(Permission::Push));
        world.github.set_permission(repository, "carl", Some(Permission::Pull));
    }
    world.anna.post_form("/repositories/", "/repositories/", &[]).await?;
    let secret = world.anna.add_project(PRIVATE).await?;
    let public = Stage::new(&world, REPOSITORY, (world.project, 1)).await?;
    let private = Stage::new(&world, PRIVATE, (secret, 2)).await?;
    let mut askers = Vec::new();
    for login in PEOPLE {
        askers.push(Asker::new(&world, login).await?);
    }
    let forger = Asker { csrf: "guessed".to_owned(), ..Asker::new(&world, "anna").await? };
    for (method, pattern, _) in OF_PROJECT.iter().chain(OTHERS) {
        let is_proven = PROVEN.iter().any(|beginning| pattern.starts_with(beginning));
        if *method == "POST" && !is_proven {
            let answer = forger.ask(method, &public.address(pattern)).await?;
            assert_eq!(answer.status(), 403, "{pattern} without the form's token");
            assert!(answer.text().await?.contains("This form is out of date"), "{pattern}");
        }
    }
    for (stage, rows) in [(&public, OF_PROJECT), (&private, OF_PROJECT), (&public, OTHERS)] {
        for (method, pattern, answers) in rows {
            for (asker, status) in askers.iter().zip(answers).rev() {
                asker.expect(method, &stage.address(pattern), *status).await?;
                if *method == "GET" && !pattern.contains("/live") {
                    asker.expect("HEAD", &stage.address(pattern), *status).await?;
                }
            }
        }
    }
    nothing_is_reached_through_another_project(&world, &public, private).await?;
    world.end().await
}

/// An owner of two projects finds the things of one of them below that one's address only.
async fn nothing_is_reached_through_another_project(world: &World, one: &Stage, other: Stage) -> Result<()> {
    // The buttons above have signed everybody out.
    let anna = Person::sign_in(&world.server, &world.github, "anna").await?;
    let owner = Asker::new(world, "anna").await?;
    let [page, form] = ["settings/", "registries/"].map(|page| format!("/projects/{}/{page}", other.project));
    let fields = [("registry", "ghcr.io"), ("username", "bot"), ("password", "hush")];
    anna.post_form(&page, &form, &fields).await?.ensure_ok()?;
    let mixed = Stage { project: one.project, credential: 1, ..other };
    let parts = ["{build}", "{job}", "{hook}", "{missing_hook}", "{credential}"];
    let deep = OF_PROJECT.iter().filter(|(_, pattern, _)| parts.iter().any(|part| pattern.contains(part)));
    for (method, pattern, _) in deep {
        owner.expect(method, &mixed.address(&pattern.replace("missing_", "")), 404).await?;
    }
    assert!(anna.get(&page).await?.body.contains("as bot"));
    Ok(())
}

#[test]
fn the_table_above_names_every_address() {
    let of_table = OF_PROJECT.iter().chain(OTHERS).map(|(method, pattern, _)| {
        let path = pattern.split('?').next().unwrap_or(pattern).replace("{missing_hook}", "{hook}");
        (method.to_string(), path.replace("anna/secret", "{owner}/{name}").replace("/main", "/{*ref}"))
    });
    let (of_table, of_router) = (of_table.collect::<BTreeSet<_>>(), routes());
    assert!(of_router.len() > 40, "the router's source is not understood any more: {of_router:?}");
    let missing = of_router.difference(&of_table).collect::<Vec<_>>();
    assert!(missing.is_empty(), "say who may ask for {missing:?}");
    let gone = of_table.difference(&of_router).collect::<Vec<_>>();
    assert!(gone.is_empty(), "these are gone: {gone:?}");
}

/// Method and path of each route, read from the router's source.
fn routes() -> BTreeSet<(String, String)> {
    let source = include_str!("../../../web/src/routes.rs");
    let mut routes = BTreeSet::new();
    for route in source.split(".route(").skip(1) {
        let Some((path, rest)) = route.split_once('"').and_then(|(_, rest)| rest.split_once('"')) else {
            continue;
        };
        let handlers = rest.split(")\n").next().unwrap_or(rest);
        for (method, signs) in [("GET", ["get(", "get ("]), ("POST", ["post(", "delivery("])] {
            if signs.iter().any(|sign| handlers.contains(sign)) {
                routes.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    routes
}

#[tokio::test]
async fn a_stranger_cannot_tell_a_project_from_none() -> Result<()> {
    let world = World::new().await?;
    let eve = Asker::new(&world, "eve").await?;
    for page in ["", "settings/", "history/", "hooks/add/", "jobs/1/log/", "avatars/1"] {
        let mut told = Vec::new();
        for project in [world.project, 999] {
            let answer = eve.ask("GET", &format!("/projects/{project}/{page}")).await?.text().await?;
            told.push(answer.split("Request <").next().unwrap_or_default().to_owned());
        }
        assert_eq!(told[0], told[1], "{page}");
    }
    world.end().await
}
