//! The repositories of a person, and one repository.

use axum::extract::Path;
use axum::http::StatusCode;

use super::call::Call;
use super::reply::{Refusal, Reply, answer};
use crate::github::world::{Permission, Repository};

const PARAMETERS: [&str; 9] =
    ["affiliation", "visibility", "type", "sort", "direction", "per_page", "page", "since", "before"];
const AFFILIATIONS: [&str; 3] = ["owner", "collaborator", "organization_member"];

/// `GET /user/repos`.
pub(super) async fn own(call: Call) -> Reply {
    call.allow_parameters(&PARAMETERS);
    let affiliations = affiliations(&call)?;
    let private = call.need_scope(&["repo"]).is_ok();
    let mut repositories: Vec<Repository> = call.double.read(|world| {
        let wanted = |one: &&Repository| {
            world.affiliation(one, &call.login).is_some_and(|kind| affiliations.contains(&kind.to_owned()))
        };
        world.repositories.iter().filter(wanted).filter(|one| private || !one.private).cloned().collect()
    });
    repositories.sort_by_key(|one| one.full_name().to_lowercase());
    let shapes = call
        .double
        .shapes(|shapes| repositories.iter().map(|one| shapes.repository(one, Some(&call.login))).collect());
    Ok(call.page("/user/repos", shapes))
}

/// `GET /repos/{owner}/{repository}`.
pub(super) async fn one(call: Call, Path(name): Path<(String, String)>) -> Reply {
    let repository = call.repository(&name, Permission::Pull)?;
    Ok(answer(StatusCode::OK, call.double.shapes(|shapes| shapes.full_repository(&repository, &call.login))))
}

/// `/repositories/{id}` and below, if there is no such repository: the gate gives the others their names.
pub(super) async fn none(_: Call) -> Refusal {
    Refusal::not_found()
}

fn affiliations(call: &Call) -> Result<Vec<String>, Refusal> {
    let Some(list) = call.parameter("affiliation") else {
        return Ok(AFFILIATIONS.map(str::to_owned).to_vec());
    };
    if call.parameter("type").is_some() {
        let message = "If you specify visibility or affiliation, you cannot specify type.";
        return Err(call.refuse(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message)));
    }
    let list: Vec<_> = list.split(',').map(|word| word.trim().to_owned()).collect();
    for word in &list {
        if !AFFILIATIONS.contains(&word.as_str()) {
            call.wrong(&format!("{word:?} is no affiliation"));
        }
    }
    Ok(list)
}
