//! Permissions of people on a repository. Only people who may write to it may know.

use axum::extract::Path;
use axum::http::StatusCode;

use super::call::Call;
use super::reply::{Refusal, Reply};
use crate::github::repository::{Permission, Repository};
use crate::github::world::World;

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
