//! Webhooks: Kozmic makes one for each of its hooks. Only admins may see or change them.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::Deserialize;

use super::call::Call;
use super::reply::{Refusal, Reply, answer};
use crate::github::delivery::Occasion;
use crate::github::stamp;
use crate::github::world::{Hook, Permission, Repository};

/// The most webhooks that a repository can have for an event.
const MOST_HOOKS: usize = 20;
/// The events that the double has heard of.
const EVENTS: [&str; 17] = [
    "*",
    "push",
    "pull_request",
    "ping",
    "create",
    "delete",
    "release",
    "repository",
    "member",
    "membership",
    "status",
    "check_run",
    "check_suite",
    "public",
    "team_add",
    "deploy_key",
    "meta",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewHook {
    name: Option<String>,
    config: Config,
    events: Option<Vec<String>>,
    active: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    config: Option<Config>,
    events: Option<Vec<String>>,
    add_events: Option<Vec<String>>,
    remove_events: Option<Vec<String>>,
    active: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    url: Option<String>,
    content_type: Option<String>,
    secret: Option<String>,
    insecure_ssl: Option<String>,
}

type Name = Path<(String, String)>;
type NameAndId = Path<(String, String, u64)>;

/// `GET /repos/{owner}/{repository}/hooks`.
pub(super) async fn list(call: Call, Path(name): Name) -> Reply {
    call.allow_parameters(&["per_page", "page"]);
    let repository = administered(&call, name)?;
    let name = repository.full_name();
    let shapes =
        call.double.shapes(|shapes| repository.hooks.iter().map(|hook| shapes.hook(&name, hook)).collect());
    Ok(call.page(&format!("/repos/{name}/hooks"), shapes))
}

/// `GET /repos/{owner}/{repository}/hooks/{id}`.
pub(super) async fn one(call: Call, Path((owner, name, id)): NameAndId) -> Reply {
    let (repository, hook) = hook(&call, (owner, name), id)?;
    shown(&call, StatusCode::OK, &repository, &hook)
}

/// `POST /repos/{owner}/{repository}/hooks`: makes one and pings it.
pub(super) async fn create(call: Call, Path(name): Name, body: Bytes) -> Reply {
    let new: NewHook = call.body(&body)?;
    let repository = administered(&call, name)?;
    let url = check_url(&call, new.config.url.as_deref())?;
    if new.name.as_deref().is_some_and(|name| name != "web") {
        return Err(call.refuse(Refusal::invalid("Hook", "name", "invalid")));
    }
    let mut hook = blank(url);
    apply(&call, &mut hook, new.config, new.active)?;
    hook.events = check_events(&call, new.events.unwrap_or_else(|| vec!["push".to_owned()]))?;
    let hook = add(&call, &repository, hook)?;
    send_ping(&call, &repository, &hook);
    shown(&call, StatusCode::CREATED, &repository, &hook)
}

/// `PATCH /repos/{owner}/{repository}/hooks/{id}`. A config replaces the old one, secret and all.
pub(super) async fn update(call: Call, Path((owner, name, id)): NameAndId, body: Bytes) -> Reply {
    let changes: Changes = call.body(&body)?;
    let (repository, mut hook) = hook(&call, (owner, name), id)?;
    if let Some(config) = changes.config {
        let url = check_url(&call, config.url.as_deref().or(Some(&hook.url)))?;
        hook =
            Hook { events: hook.events, active: hook.active, id, created_at: hook.created_at, ..blank(url) };
        apply(&call, &mut hook, config, None)?;
    }
    hook.active = changes.active.unwrap_or(hook.active);
    hook.events = changes.events.unwrap_or(hook.events);
    hook.events.extend(changes.add_events.unwrap_or_default());
    let removed = changes.remove_events.unwrap_or_default();
    hook.events.retain(|event| !removed.contains(event));
    hook.events = check_events(&call, hook.events)?;
    replace(&call, &repository, &hook);
    shown(&call, StatusCode::OK, &repository, &hook)
}

/// `DELETE /repos/{owner}/{repository}/hooks/{id}`.
pub(super) async fn remove(call: Call, Path((owner, name, id)): NameAndId) -> Reply {
    let (repository, _) = hook(&call, (owner, name), id)?;
    call.double.change(|world| {
        if let Some(repository) = world.repository_mut(&repository.full_name()) {
            repository.hooks.retain(|hook| hook.id != id);
        }
    });
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /repos/{owner}/{repository}/hooks/{id}/pings`.
pub(super) async fn ping(call: Call, Path((owner, name, id)): NameAndId) -> Reply {
    let (repository, hook) = hook(&call, (owner, name), id)?;
    send_ping(&call, &repository, &hook);
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn administered(call: &Call, name: (String, String)) -> Result<Repository, Refusal> {
    call.need_scope(&["repo", "public_repo", "admin:repo_hook", "write:repo_hook"])?;
    call.repository(&name, Permission::Admin)
}

pub(super) fn hook(call: &Call, name: (String, String), id: u64) -> Result<(Repository, Hook), Refusal> {
    let repository = administered(call, name)?;
    let hook = repository.hooks.iter().find(|hook| hook.id == id).cloned();
    Ok((repository, hook.ok_or_else(Refusal::not_found)?))
}

fn shown(call: &Call, status: StatusCode, repository: &Repository, hook: &Hook) -> Reply {
    Ok(answer(status, call.double.shapes(|shapes| shapes.hook(&repository.full_name(), hook))))
}

fn blank(url: String) -> Hook {
    Hook {
        id: 0,
        url,
        secret: None,
        content_type: "form".to_owned(),
        insecure_ssl: "0".to_owned(),
        events: Vec::new(),
        active: true,
        created_at: stamp::now(),
        updated_at: stamp::now(),
        last_response: (None, "null".to_owned()),
    }
}

fn check_url(call: &Call, url: Option<&str>) -> Result<String, Refusal> {
    let url = url.unwrap_or_default();
    match url::Url::parse(url) {
        Ok(parsed) if ["http", "https"].contains(&parsed.scheme()) => Ok(url.to_owned()),
        _ => Err(call.refuse(Refusal::custom("Hook", "url is missing a scheme"))),
    }
}

fn check_events(call: &Call, events: Vec<String>) -> Result<Vec<String>, Refusal> {
    if events.is_empty() || events.iter().any(|event| !EVENTS.contains(&event.as_str())) {
        return Err(call.refuse(Refusal::invalid("Hook", "events", "invalid")));
    }
    Ok(events)
}

fn apply(call: &Call, hook: &mut Hook, config: Config, active: Option<bool>) -> Result<(), Refusal> {
    hook.content_type = config.content_type.unwrap_or_else(|| "form".to_owned());
    hook.insecure_ssl = config.insecure_ssl.unwrap_or_else(|| "0".to_owned());
    hook.secret = config.secret.filter(|secret| !secret.is_empty());
    hook.active = active.unwrap_or(true);
    let known = ["json", "form"].contains(&hook.content_type.as_str());
    if known { Ok(()) } else { Err(call.refuse(Refusal::invalid("Hook", "content_type", "invalid"))) }
}

fn add(call: &Call, repository: &Repository, mut hook: Hook) -> Result<Hook, Refusal> {
    call.double.change(|world| {
        hook.id = world.fresh_id();
        let repository = world.repository_mut(&repository.full_name()).ok_or_else(Refusal::not_found)?;
        if repository.hooks.iter().any(|one| one.url == hook.url) {
            return Err(Refusal::custom("Hook", "Hook already exists on this repository"));
        }
        if repository.hooks.len() >= MOST_HOOKS {
            return Err(Refusal::custom("Hook", "The \"push\" event cannot have more than 20 hooks"));
        }
        repository.hooks.push(hook.clone());
        Ok(hook)
    })
}

fn replace(call: &Call, repository: &Repository, hook: &Hook) {
    call.double.change(|world| {
        let hooks = world.repository_mut(&repository.full_name()).map(|one| &mut one.hooks);
        if let Some(old) = hooks.and_then(|hooks| hooks.iter_mut().find(|one| one.id == hook.id)) {
            *old = Hook { updated_at: stamp::now(), ..hook.clone() };
        }
    });
}

/// Greets a webhook, beside the call that asked for it.
fn send_ping(call: &Call, repository: &Repository, hook: &Hook) {
    let payload = call.double.shapes(|shapes| shapes.ping(repository, hook));
    let occasion = Occasion { repository: repository.full_name(), event: "ping".to_owned(), payload };
    let (double, hook) = (call.double.clone(), hook.clone());
    call.double.tasks.spawn(async move { double.deliver_to(&hook, &occasion).await });
}
