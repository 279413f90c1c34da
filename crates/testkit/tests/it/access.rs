//! People's access to a repository: by name, through a team, or as an owner of the organization.

use anyhow::{Context, Result};
use axum::http::StatusCode;
use kozmic_testkit::github::{GitHub, NewRepository, Permission};
use reqwest::Method;
use serde_json::{Value, json};

use crate::hooks::{add_hook_for, receiver};
use crate::support::{LIMIT, call, github_of_anna};

/// The organization `orbit` of Olga with a private repository. Tim has access by a team, Carla by name, and Mia is only
/// a member.
async fn orbit() -> Result<GitHub> {
    let github = github_of_anna().await?;
    for login in ["olga", "tim", "carla", "mia"] {
        github.add_user(login, login, &format!("{login}@example.com"));
    }
    github.add_organization("orbit", &["mia"]);
    github.set_organization_owner("orbit", "olga");
    github.add_repository(NewRepository::private("orbit/station").allow("carla", Permission::Pull))?;
    github.set_team("orbit", "Crew", &["tim", "carla"], "orbit/station", Some(Permission::Push));
    Ok(github)
}

async fn get(github: &GitHub, login: &str, path: &str) -> Result<(u16, Value)> {
    let response = call(github, &github.token(login), Method::GET, path).send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

#[tokio::test]
async fn collaborators_are_all_who_reach_a_repository() -> Result<()> {
    let github = orbit().await?;
    let path = "/repos/orbit/station/collaborators?affiliation=all&per_page=2";
    let response = call(&github, &github.token("tim"), Method::GET, path).send().await?;
    let next = format!("{}{path}&page=2>; rel=\"next\"", github.api_url());
    assert!(response.headers()["link"].to_str()?.contains(&next), "{:?}", response.headers());
    let mut people: Vec<Value> = response.json().await?;
    let (_, more) = get(&github, "tim", &format!("{path}&page=2")).await?;
    people.extend(more.as_array().context("a page")?.clone());
    let seen: Vec<_> = people.iter().map(|one| (&one["login"], &one["role_name"])).collect();
    let expected = [("olga", "admin"), ("tim", "write"), ("carla", "write")];
    let expected = expected.map(|(login, role)| (json!(login), json!(role)));
    assert_eq!(seen, expected.iter().map(|(login, role)| (login, role)).collect::<Vec<_>>());
    let flags = json!({"admin": false, "maintain": false, "push": true, "triage": true, "pull": true});
    assert_eq!((&people[1]["permissions"], &people[1]["type"]), (&flags, &json!("User")));
    assert!(people[1]["id"].is_u64() && people[1]["avatar_url"].is_string());

    let (_, outside) = get(&github, "olga", "/repos/orbit/station/collaborators?affiliation=outside").await?;
    assert_eq!(outside, json!([]), "Carla belongs to the organization through her team");
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn only_who_may_write_sees_the_collaborators() -> Result<()> {
    let github = orbit().await?;
    github.set_team("orbit", "Crew", &["tim"], "orbit/station", Some(Permission::Push));
    let path = "/repos/orbit/station/collaborators";
    let (status, answer) = get(&github, "carla", path).await?;
    assert_eq!(
        (status, answer["message"].as_str()),
        (403, Some("Must have push access to view repository collaborators."))
    );
    assert_eq!(get(&github, "mia", path).await?.0, 404);
    assert_eq!(get(&github, "anna", "/repos/anna/hello/collaborators").await?.1[0]["role_name"], "admin");
    github.assert_no_wrong_calls();
    get(&github, "olga", &format!("{path}?affiliation=everybody")).await?;
    assert_eq!(github.take_wrong_calls().len(), 1);
    Ok(())
}

#[tokio::test]
async fn teams_and_owners_have_the_organizations_repositories_in_their_lists() -> Result<()> {
    let github = orbit().await?;
    let permission = async |login: &str| {
        let (_, list) = get(&github, login, "/user/repos?affiliation=organization_member").await?;
        let list = list.as_array().context("a list")?.clone();
        anyhow::Ok(list.iter().map(|one| one["permissions"].clone()).collect::<Vec<_>>())
    };
    let [admin, push] = [&permission("olga").await?, &permission("tim").await?];
    assert_eq!((admin.len(), &admin[0]["admin"]), (1, &json!(true)));
    assert_eq!((push.len(), &push[0]["admin"], &push[0]["push"]), (1, &json!(false), &json!(true)));
    assert!(permission("mia").await?.is_empty());
    assert_eq!(github.permission_of("orbit/station", "olga"), Some(Permission::Admin));

    github.set_team("orbit", "Crew", &["tim"], "orbit/station", None);
    assert!(permission("tim").await?.is_empty());
    assert_eq!(github.permission_of("orbit/station", "carla"), Some(Permission::Pull), "by her own name");
    Ok(())
}

#[tokio::test]
async fn a_repository_is_found_by_its_id() -> Result<()> {
    let github = orbit().await?;
    let id = github.repository("orbit/station").context("a repository")?.id;
    let (status, shape) = get(&github, "tim", &format!("/repositories/{id}")).await?;
    assert_eq!((status, &shape["full_name"]), (200, &json!("orbit/station")));
    assert_eq!(shape["ssh_url"], "git@127.0.0.1:orbit/station.git");
    assert_eq!(get(&github, "tim", &format!("/repositories/{id}/collaborators?per_page=1")).await?.0, 200);
    assert_eq!(get(&github, "anna", &format!("/repositories/{id}")).await?.0, 404);
    assert_eq!(get(&github, "anna", "/repositories/1").await?.0, 404);
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn webhooks_hear_who_comes_and_goes() -> Result<()> {
    let github = orbit().await?;
    let (url, _received) = receiver(StatusCode::OK).await?;
    add_hook_for(&github, "olga", "orbit/station", &url, &["*"]).await?;
    let steps = [
        ("added", Some(Permission::Pull), json!({"permission": {"to": "read"}, "role_name": {"to": "read"}})),
        (
            "edited",
            Some(Permission::Admin),
            json!({"old_permission": {"from": "read"}, "permission": {"from": "read", "to": "admin"}}),
        ),
        ("removed", None, Value::Null),
    ];
    for (action, permission, changes) in steps {
        github.set_permission("orbit/station", "mia", permission);
        github.set_permission("orbit/station", "mia", permission);
        let is_it = |one: &kozmic_testkit::github::Delivery| {
            one.event == "member" && one.payload()["action"] == action
        };
        let payload = github.wait_for_delivery(LIMIT, is_it).await.context("a delivery")?.payload();
        assert_eq!((&payload["member"]["login"], &payload["changes"]), (&json!("mia"), &changes));
        assert_eq!(payload["organization"]["login"], "orbit");
    }
    assert_eq!(github.deliveries().iter().filter(|one| one.event == "member").count(), 3);

    github.set_team("orbit", "Guests", &["mia"], "orbit/station", Some(Permission::Triage));
    let added = github.wait_for_delivery(LIMIT, |one| one.event == "team_add").await.context("a team")?;
    assert_eq!(added.payload()["team"]["slug"], "guests");
    Ok(())
}
