//! Permissions of people on a repository. Only people who may write to it may know.

use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::json;

use super::call::Call;
use super::reply::{Refusal, Reply, answer};
use crate::github::world::{Permission, Repository, World};

const AFFILIATIONS: [&str; 3] = ["outside", "direct", "all"];
const ROLES: [&str; 5] = ["pull", "triage", "push", "maintain", "admin"];

/// `GET /repos/{owner}/{repository}/collaborators`.
pub(super) async fn list(call: Call, Path(name): Path<(String, String)>) -> Reply {
    call.allow_parameters(&["affiliation", "permission", "per_page", "page"]);
    call.need_scope(&["repo", "public_repo"])?;
    let repository = call.repository(&name, Permission::Pull)?;
    if call.permission_of(&repository) < Some(Permission::Push) {
        let message = "Must have push access to view repository collaborators.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    let affiliation = call.word("affiliation", &AFFILIATIONS).unwrap_or("all");
    let least = call.word("permission", &ROLES).and_then(least);
    let wanted = |world: &World, login: &str, permission: Permission| {
        is_affiliated(world, &repository, login, affiliation) && least.is_none_or(|least| permission >= least)
    };
    let people: Vec<_> = call.double.read(|world| {
        let all = world.collaborators(&repository).into_iter();
        let wanted = all.filter(|(account, permission)| wanted(world, &account.login, *permission));
        wanted.map(|(account, permission)| (account.login.clone(), permission)).collect()
    });
    let shapes = call.double.shapes(|shapes| {
        people.iter().map(|(login, permission)| shapes.collaborator(login, *permission)).collect()
    });
    Ok(call.page(&format!("/repos/{}/collaborators", repository.full_name()), shapes))
}

/// `GET /repos/{owner}/{repository}/collaborators/{login}/permission`. GitHub knows four words here: who maintains may
/// write, who sorts issues may read.
pub(super) async fn permission(
    call: Call,
    Path((owner, name, login)): Path<(String, String, String)>,
) -> Reply {
    call.allow_parameters(&[]);
    call.need_scope(&["repo", "public_repo"])?;
    let repository = call.repository(&(owner, name), Permission::Pull)?;
    if call.permission_of(&repository) < Some(Permission::Push) {
        let message = "Must have push access to view collaborator permission.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    let (account, permission) = call.double.read(|world| {
        let login = world.account(&login).map(|account| account.login.clone());
        let permission = world.permission_of(&repository, login.as_deref());
        (login, permission)
    });
    let account = account.ok_or_else(Refusal::not_found)?;
    let word = match permission {
        Some(Permission::Admin) => "admin",
        Some(Permission::Maintain | Permission::Push) => "write",
        Some(Permission::Triage | Permission::Pull) => "read",
        None => "none",
    };
    let role_name = permission.map_or("none", Permission::role_name);
    let user = call.double.shapes(|shapes| shapes.simple_user(&account));
    let answered = json!({ "permission": word, "role_name": role_name, "user": user });
    Ok(answer(StatusCode::OK, answered))
}

fn is_affiliated(world: &World, repository: &Repository, login: &str, affiliation: &str) -> bool {
    match affiliation {
        "outside" => repository.collaborator(login).is_some() && !world.is_member(repository, login),
        "direct" => repository.owner.eq_ignore_ascii_case(login) || repository.collaborator(login).is_some(),
        _ => true,
    }
}

fn least(word: &str) -> Option<Permission> {
    let permissions =
        [Permission::Pull, Permission::Triage, Permission::Push, Permission::Maintain, Permission::Admin];
    ROLES.iter().zip(permissions).find(|(role, _)| **role == word).map(|(_, permission)| permission)
}
