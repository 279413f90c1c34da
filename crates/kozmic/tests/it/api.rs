//! Programs call the API with a token instead of a session.

use crate::world::{LIMIT, REPOSITORY, World};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{NewRepository, Permission},
    html::unescape,
    person::Person,
};
use reqwest::{Client, Method, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Answers to programs of anna (owner), bob (manager), carl (member) and eve (a stranger), and to one without a valid
/// token.
type Answers = [u16; 5];

/// For all projects' members.
const SEE: Answers = [200, 200, 200, 404, 401];
/// For people who may configure the project.
const ORDER: Answers = [200, 200, 403, 404, 401];

/// The same, without the commit that was looked at.
const APPROVE: Answers = [400, 400, 403, 404, 401];

/// For administrators, of whom there is none.
const ADMINISTER: Answers = [403, 403, 403, 403, 401];

const TABLE: &[(&str, &str, Answers)] = &[
    ("GET", "openapi.json", [200; 5]),
    ("GET", "user", [200, 200, 200, 200, 401]),
    ("GET", "audit", [404, 404, 404, 404, 401]),
    ("GET", "projects", [200, 200, 200, 200, 401]),
    ("GET", "projects/{project}", SEE),
    ("GET", "projects/{project}/audit", [200, 403, 403, 404, 401]),
    ("GET", "projects/{project}/builds", SEE),
    ("GET", "projects/{project}/builds/latest", SEE),
    ("GET", "projects/{project}/builds/{build}", SEE),
    ("GET", "projects/{project}/jobs/{job}", SEE),
    ("GET", "projects/{project}/jobs/{job}/log", SEE),
    ("POST", "projects/{project}/jobs/{job}/cancel", ORDER),
    ("POST", "projects/{project}/builds/{build}/cancel", ORDER),
    ("POST", "projects/{project}/jobs/{job}/restart", ORDER),
    ("POST", "projects/{project}/builds/{build}/restart", ORDER),
    ("POST", "projects/{project}/builds/{build}/approve", APPROVE),
    ("GET", "runners", [200, 200, 200, 200, 401]),
    ("GET", "runners/{runner}", [404, 404, 404, 404, 401]),
    ("POST", "runners", ADMINISTER),
    ("POST", "runners/{runner}/drain", ADMINISTER),
    ("POST", "runners/{runner}/resume", ADMINISTER),
    ("POST", "runners/{runner}/remove", ADMINISTER),
];

/// A program with somebody's token.
pub struct Program {
    client: Client,
    base: String,
    token: String,
}

impl Program {
    pub async fn of(person: &Person, world: &World) -> Result<Self> {
        Self::with(person, world, &[("scope", "all")]).await
    }

    /// One whose token has these rights, beyond those that the page proposes.
    pub async fn with(person: &Person, world: &World, rights: &[(&str, &str)]) -> Result<Self> {
        let fields = [&[("title", "Program")], rights].concat();
        let page = person.post_form("/account/settings/", "/account/tokens/", &fields).await?;
        let token = page.body.split_once("<code class=\"secret\">").context("a token")?.1;
        let token = unescape(token.split_once('<').context("an end")?.0);
        let client = Client::builder().redirect(Policy::none()).build()?;
        Ok(Self { client, base: format!("{}/api/v1/", world.server.url()), token })
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The whole address of a path.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.address(path)).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.ask(Method::GET, path).send().await?;
        anyhow::ensure!(answer.status() == 200, "{path}: {}", answer.text().await?);
        Ok(answer.json().await?)
    }

    pub async fn status(&self, path: &str) -> Result<u16> {
        Ok(self.ask(Method::GET, path).send().await?.status().as_u16())
    }

    /// Waits until all jobs of the project's latest build have ended; gives each as it is then.
    pub async fn ended_jobs(&self, world: &World) -> Result<Vec<Value>> {
        let project = format!("projects/{}", world.project);
        let mut ended = Vec::new();
        for job in self.get(&format!("{project}/builds/latest")).await?["jobs"].as_array().context("jobs")? {
            let id = job["id"].as_u64().context("an id")?;
            world.anna.live(world.project, id, 0).await?.read_to_end(LIMIT).await?;
            ended.push(self.get(&format!("{project}/jobs/{id}")).await?);
        }
        Ok(ended)
    }

    async fn post(&self, path: &str) -> Result<(u16, Value)> {
        let answer = self.ask(Method::POST, path).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let answer = self.ask(Method::POST, path).json(body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// The status and the code of a refusal.
    async fn refusal(&self, method: Method, path: &str) -> Result<(u16, String)> {
        refusal(self.ask(method, path).send().await?).await
    }
}

async fn refusal(answer: Response) -> Result<(u16, String)> {
    let status = answer.status().as_u16();
    let told = answer.json::<Value>().await?;
    anyhow::ensure!(told["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
    Ok((status, told["error"]["code"].as_str().unwrap_or_default().to_owned()))
}

#[tokio::test]
async fn a_program_reads_builds_and_logs_and_runs_jobs_again() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo some words; exit 3").await?;
    let pushed = world.push("Begin").await?;
    world.finished().await?;
    let program = Program::of(&world.anna, &world).await?;
    assert_eq!(program.get("user").await?["login"], "anna");
    let projects = program.get("projects").await?;
    assert_eq!(projects["projects"][0]["full_name"], REPOSITORY);
    let project = format!("projects/{}", world.project);
    let one = program.get(&project).await?;
    assert_eq!((&one["role"], &one["default_branch"]), (&json!("owner"), &json!("main")));

    let builds = program.get(&format!("{project}/builds?ref=main&status=failure&per_page=500")).await?;
    assert_eq!((&builds["total"], &builds["per_page"], &builds["page"]), (&json!(1), &json!(100), &json!(1)));
    assert_eq!(builds["builds"][0]["sha"], pushed.sha);
    assert_eq!(program.get(&format!("{project}/builds?ref=never")).await?["builds"], json!([]));
    let latest = program.get(&format!("{project}/builds/latest?ref=refs/heads/main")).await?;
    assert_eq!(latest, program.get(&format!("{project}/builds/{}", latest["id"])).await?);
    assert!(latest["created_at"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 24));
    let job = &latest["jobs"][0];
    assert_eq!(
        (&job["status"], &job["return_code"], &job["attempt"]),
        (&json!("failure"), &json!(3), &json!(1))
    );
    assert!(job["attempts"][0]["phases"].as_array().is_some_and(|phases| phases.len() >= 2), "{job}");

    let job = format!("{project}/jobs/{}", job["id"]);
    let log = program.ask(Method::GET, &format!("{job}/log")).send().await?.text().await?;
    assert_eq!(log, world.log().await?);
    let range = program.ask(Method::GET, &format!("{job}/log?attempt=1")).header("Range", "bytes=-5");
    let range = range.send().await?;
    assert_eq!((range.status().as_u16(), range.text().await?.as_str()), (206, &log[log.len() - 5..]));

    let (status, again) = program.post(&format!("{job}/restart")).await?;
    assert_eq!((status, &again["attempt"]), (200, &json!(2)), "{again}");
    assert_eq!(again["attempts"][0]["status"], "failure");
    world
        .anna
        .live(world.project, latest["jobs"][0]["id"].as_u64().context("an id")?, 0)
        .await?
        .read_to_end(LIMIT)
        .await?;
    assert_eq!(program.get(&job).await?["attempts"].as_array().map(Vec::len), Some(2));
    let first = program.ask(Method::GET, &format!("{job}/log?attempt=1")).send().await?.text().await?;
    assert_eq!(first, log);
    let build = format!("{project}/builds/{}", latest["id"]);
    assert_eq!(program.post(&format!("{build}/restart")).await?.0, 200);
    world.finished().await?;
    assert_eq!(program.post(&format!("{build}/cancel")).await?.0, 200, "what ended stays as it is");
    assert_eq!(program.post(&format!("{job}/cancel")).await?.1["status"], "failure");
    world.end().await
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_json() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo fine").await?;
    world.push("Begin").await?;
    let job = world.finished().await?.job()?;
    let anna = Program::of(&world.anna, &world).await?;
    let project = format!("projects/{}", world.project);
    for (method, path, status, code) in [
        (Method::GET, "nothing".to_owned(), 404, "not_found"),
        (Method::GET, "projects/99".to_owned(), 404, "not_found"),
        (Method::GET, "projects/x".to_owned(), 404, "not_found"),
        (Method::GET, format!("{project}/builds/99"), 404, "not_found"),
        (Method::GET, format!("{project}/builds/latest?ref=never"), 404, "not_found"),
        (Method::GET, format!("{project}/jobs/{job}/log?attempt=7"), 404, "not_found"),
        (Method::GET, format!("{project}/builds?status=odd"), 400, "bad_request"),
        (Method::GET, format!("{project}/builds?page=x"), 400, "bad_request"),
        (Method::DELETE, project.clone(), 405, "method_not_allowed"),
        (Method::GET, format!("{project}/jobs/{job}/restart"), 405, "method_not_allowed"),
        (Method::POST, format!("{project}/builds/1/restart"), 409, "conflict"),
    ] {
        assert_eq!(anna.refusal(method.clone(), &path).await?, (status, code.to_owned()), "{method} {path}");
    }
    let described = anna.client.get(format!("{}openapi.json", anna.base)).send().await?;
    assert_eq!(described.json::<Value>().await?["openapi"], "3.1.0");
    world.end().await
}

#[tokio::test]
async fn a_token_may_do_what_its_person_may_and_no_more() -> Result<()> {
    let world = World::new().await?;
    world.hook("exit 1").await?;
    world.push("Begin").await?;
    let job = world.finished().await?.job()?;
    world.github.add_user("bob", "Bob Builder", "bob@example.com");
    world.github.add_user("carl", "Carl Reader", "carl@example.com");
    world.github.set_permission(REPOSITORY, "bob", Some(Permission::Push));
    world.github.set_permission(REPOSITORY, "carl", Some(Permission::Pull));
    let mut programs = vec![Program::of(&world.anna, &world).await?];
    for login in ["bob", "carl", "eve"] {
        let person = Person::sign_in(&world.server, &world.github, login).await?;
        programs.push(Program::of(&person, &world).await?);
    }
    programs.push(Program { token: "kozmic_guessed".to_owned(), ..Program::of(&world.anna, &world).await? });
    for (method, pattern, answers) in TABLE {
        let numbers = [("project", world.project), ("build", 1), ("job", job)];
        let path = numbers.iter().fold((*pattern).to_owned(), |path, (name, number)| {
            path.replace(&format!("{{{name}}}"), &number.to_string())
        });
        for (program, status) in programs.iter().zip(answers).rev() {
            let answer = program.ask(method.parse()?, &path).send().await?;
            let (told, kept) = (answer.status().as_u16(), answer.headers().get("cache-control").cloned());
            assert_eq!(told, *status, "{method} {path}");
            assert!(kept.is_some_and(|kept| ["no-store", "no-cache"].contains(&kept.to_str().unwrap_or_default())));
            match told {
                400.. => refusal(answer).await.map(drop)?,
                // The next one finds the build as this one did.
                _ if *method == "POST" => world.finished().await.map(drop)?,
                _ => {}
            }
        }
    }
    assert_eq!(programs[3].get("projects").await?["projects"], json!([]));
    world.end().await
}

/// An owner of two projects finds the things of one of them below that one's address only.
#[tokio::test]
async fn nothing_is_reached_through_another_project() -> Result<()> {
    let world = World::new().await?;
    world.hook("exit 1").await?;
    world.push("Begin").await?;
    let job = world.finished().await?.job()?;
    world.github.add_repository(NewRepository::public("anna/other"))?;
    world.anna.post_form("/repositories/", "/repositories/", &[]).await?;
    let other = world.anna.add_project("anna/other").await?;
    let anna = Program::of(&world.anna, &world).await?;
    let deep =
        TABLE.iter().filter(|(_, pattern, _)| pattern.contains("{build}") || pattern.contains("{job}"));
    for (method, pattern, _) in deep {
        let path = pattern.replace("{project}", &other.to_string()).replace("{build}", "1");
        let path = path.replace("{job}", &job.to_string());
        assert_eq!(anna.refusal(method.parse()?, &path).await?, (404, "not_found".to_owned()), "{path}");
    }
    let [own, others] = [world.project, other].map(|project| project.to_string());
    for (project, status) in [(own, 200), (others, 404)] {
        let program = Program::with(&world.anna, &world, &[("project", &project)]).await?;
        let log = format!("{}/projects/{}/jobs/{job}/log/", world.server.url(), world.project);
        let answer = program.client.get(log).bearer_auth(&program.token).send().await?;
        assert_eq!(answer.status().as_u16(), status, "the log's own address, with a token of {project}");
    }
    world.end().await
}

#[test]
fn the_table_above_names_every_address() -> Result<()> {
    let document = serde_json::from_str::<Value>(include_str!("../../../web/src/api/openapi.json"))?;
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().context("paths")? {
        let methods = methods.as_object().context("methods")?.keys().filter(|key| *key != "parameters");
        described.extend(methods.map(|method| (method.to_uppercase(), path[1..].to_owned())));
    }
    let of_table = TABLE.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    assert_eq!(of_table.collect::<BTreeSet<_>>(), described);
    Ok(())
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_told() -> Result<()> {
    let world = World::new().await?;
    let anna = Program::of(&world.anna, &world).await?;
    anna.get("user").await?;
    assert!(!world.anna.get("/account/settings/").await?.body.contains("never used"));
    let bare = Client::builder().redirect(Policy::none()).build()?;
    let user = format!("{}user", anna.base);
    for asked in [
        bare.get(&user),
        bare.get(&user).bearer_auth("kozmic_guessed"),
        bare.get(&user).bearer_auth(""),
        bare.get(&user).basic_auth("anna", Some(&anna.token)),
        bare.get(&user).query(&[("token", &anna.token)]),
        bare.get(format!("{}projects/{}", anna.base, world.project)),
    ] {
        let answer = asked.send().await?;
        let way = answer.headers().get("www-authenticate").context("how to ask")?.to_str()?.to_owned();
        assert!(way.starts_with("Bearer"), "{way}");
        assert_eq!(refusal(answer).await?, (401, "unauthorized".to_owned()));
    }
    // A session is not a token: no page of another server can use it.
    let with_cookies = world.anna.get("/api/v1/user").await?;
    assert_eq!(with_cookies.status, 401, "{with_cookies}");
    world.anna.post_form("/account/settings/", "/account/tokens/1/delete/", &[]).await?.ensure_ok()?;
    assert_eq!(anna.refusal(Method::GET, "user").await?, (401, "unauthorized".to_owned()));
    world.end().await
}
