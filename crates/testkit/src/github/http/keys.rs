//! Deploy keys: with one of them Kozmic fetches a private repository. Only admins may see or change them.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::Deserialize;

use super::call::Call;
use super::reply::{Refusal, Reply, answer};
use crate::github::stamp;
use crate::github::world::{DeployKey, Permission, Repository, World, public_key};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    title: Option<String>,
    key: String,
    read_only: Option<bool>,
}

type Name = Path<(String, String)>;
type NameAndId = Path<(String, String, u64)>;

/// `GET /repos/{owner}/{repository}/keys`.
pub(super) async fn list(call: Call, Path(name): Name) -> Reply {
    call.allow_parameters(&["per_page", "page"]);
    let repository = administered(&call, name)?;
    let name = repository.full_name();
    let shapes = call
        .double
        .shapes(|shapes| repository.keys.iter().map(|key| shapes.deploy_key(&name, key)).collect());
    Ok(call.page(&format!("/repos/{name}/keys"), shapes))
}

/// `GET /repos/{owner}/{repository}/keys/{id}`.
pub(super) async fn one(call: Call, Path((owner, name, id)): NameAndId) -> Reply {
    let (repository, key) = key(&call, (owner, name), id)?;
    shown(&call, StatusCode::OK, &repository, &key)
}

/// `POST /repos/{owner}/{repository}/keys`.
pub(super) async fn create(call: Call, Path(name): Name, body: Bytes) -> Reply {
    let new: NewKey = call.body(&body)?;
    let repository = administered(&call, name)?;
    let Some(key) = public_key(&new.key) else {
        let message = "key is invalid. You must supply a key in OpenSSH public key format";
        return Err(call.refuse(Refusal::custom_field("PublicKey", "key", message)));
    };
    let (title, read_only) = (new.title.unwrap_or_default(), new.read_only.unwrap_or(false));
    let (added_by, created_at) = (call.login.clone(), stamp::now());
    let key = DeployKey { id: 0, title, key, read_only, added_by, created_at };
    let key = call.double.change(|world| add(world, repository.id, key))?;
    shown(&call, StatusCode::CREATED, &repository, &key)
}

/// `DELETE /repos/{owner}/{repository}/keys/{id}`.
pub(super) async fn remove(call: Call, Path((owner, name, id)): NameAndId) -> Reply {
    let (repository, _) = key(&call, (owner, name), id)?;
    call.double.change(|world| {
        if let Some(repository) = world.repository_mut(&repository.full_name()) {
            repository.keys.retain(|key| key.id != id);
        }
    });
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn administered(call: &Call, name: (String, String)) -> Result<Repository, Refusal> {
    call.need_scope(&["repo", "public_repo"])?;
    call.repository(&name, Permission::Admin)
}

fn key(call: &Call, name: (String, String), id: u64) -> Result<(Repository, DeployKey), Refusal> {
    let repository = administered(call, name)?;
    let key = repository.keys.iter().find(|key| key.id == id).cloned();
    Ok((repository, key.ok_or_else(Refusal::not_found)?))
}

fn shown(call: &Call, status: StatusCode, repository: &Repository, key: &DeployKey) -> Reply {
    Ok(answer(status, call.double.shapes(|shapes| shapes.deploy_key(&repository.full_name(), key))))
}

/// A key opens one repository only, so that it is known which.
fn add(world: &mut World, repository: u64, mut key: DeployKey) -> Result<DeployKey, Refusal> {
    let refuse = |message: &str| Err(Refusal::custom_field("PublicKey", "key", message));
    if world.refused_types.iter().any(|refused| refused.is_about(repository, &key.key)) {
        let key_type = key.key.split(' ').next().unwrap_or_default();
        return refuse(&format!("key type {key_type} is not allowed"));
    }
    if world.repositories.iter().flat_map(|one| &one.keys).any(|one| one.key == key.key) {
        return refuse("key is already in use");
    }
    key.id = world.fresh_id();
    let repository = world.repositories.iter_mut().find(|one| one.id == repository);
    repository.ok_or_else(Refusal::not_found)?.keys.push(key.clone());
    Ok(key)
}
