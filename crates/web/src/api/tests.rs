//! Tests that each address of the API respects the rights of the token.

mod runners;

use super::routes;
use crate::tests::trial::{Answer, Trial};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use kozmic_edges::{clock, store::NewSession};
use kozmic_model::{
    ids::{ForgeUserId, ProjectId, RepositoryId, UserId},
    invited::Admission,
    project::{Access, Permission, Repository},
    time::Timestamp,
    token::{Scope, TokenRights},
    user::Profile,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// Anna, who owns two projects and is an administrator.
struct Stage {
    trial: Trial,
    anna: UserId,
    projects: [ProjectId; 2],
}

impl Stage {
    async fn new() -> Self {
        let trial = Trial::administered().await;
        let (store, now) = (&trial.edges.store, clock::now());
        let session = NewSession {
            fingerprint: "f".into(),
            expires_at: Timestamp(i64::MAX),
            agent: String::new(),
            former: None,
            admission: Admission::Unasked,
        };
        let profile = Profile {
            forge_id: ForgeUserId(3),
            login: "anna".into(),
            name: "Anna".into(),
            avatar_url: String::new(),
            email: None,
        };
        let anna = store.people().sign_in(&profile, &"token".into(), &session, now).await.unwrap().id;
        let reachable = [5, 6].map(|id| Access { repository: repository(id), permission: Permission::Admin });
        store.projects().sync_projects_of(anna, &reachable).await.unwrap();
        let [one, other] = [5, 6].map(|id| store.projects().add_project(anna, RepositoryId(id), now));
        let projects = [one.await.unwrap().id, other.await.unwrap().id];
        Self { trial, anna, projects }
    }

    async fn token(&self, rights: TokenRights) -> SecretString {
        self.trial.edges.store.people().add_api_token(self.anna, "Test", rights, clock::now()).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, token: &SecretString) -> Answer {
        let request = Request::builder().method(method.to_uppercase().as_str()).uri(format!("/api/v1{path}"));
        let request = request.header("Authorization", format!("Bearer {}", token.expose_secret()));
        self.trial.ask(request.body(Body::empty()).unwrap()).await
    }

    /// An address of the first project. The build and the job in it do not exist.
    fn address(&self, pattern: &str) -> String {
        let of_project = pattern.replace("{project}", &self.projects[0].to_string());
        ["{build}", "{job}", "{runner}"].into_iter().fold(of_project, |path, part| path.replace(part, "7"))
    }
}

fn repository(id: i64) -> Repository {
    Repository {
        id: RepositoryId(id),
        owner: "anna".into(),
        name: format!("r{id}"),
        private: true,
        default_branch: "main".into(),
        html_url: String::new(),
        clone_url: String::new(),
        ssh_url: String::new(),
    }
}

fn code(answer: &Answer) -> String {
    let told = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    told["error"]["code"].as_str().unwrap_or_default().to_owned()
}

const BOUNDLESS: TokenRights = TokenRights { scope: Scope::All, project: None, expires_at: None };

#[tokio::test]
async fn a_token_is_held_to_its_scope_at_each_address() {
    let stage = Stage::new().await;
    let asked = routes();
    assert!(asked.iter().any(|route| route.scope == Scope::All), "there is something for each scope");
    for scope in Scope::ALL {
        let token = stage.token(TokenRights { scope, ..BOUNDLESS }).await;
        for route in &asked {
            let answer = stage.ask(route.method, &stage.address(route.path), &token).await;
            let (is_refused, what) =
                (code(&answer) == "scope_too_small", format!("{scope:?} {}", route.path));
            assert_eq!(is_refused, route.scope > scope, "{what}");
            assert_eq!(answer.status == StatusCode::FORBIDDEN, is_refused, "{what}");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_project_finds_nothing_at_each_address() {
    let stage = Stage::new().await;
    let [one, other] = stage.projects;
    let of_other = stage.token(TokenRights { project: Some(other), ..BOUNDLESS }).await;
    for route in routes().iter().filter(|route| route.path.contains("{project}")) {
        let answer = stage.ask(route.method, &stage.address(route.path), &of_other).await;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (StatusCode::NOT_FOUND, "not_found"),
            "{}",
            route.path
        );
    }
    let listed = stage.ask("get", "/projects", &of_other).await;
    let listed = serde_json::from_slice::<Value>(&listed.body).unwrap();
    let ids = listed["projects"].as_array().unwrap().iter().map(|one| one["id"].as_i64());
    assert_eq!(ids.collect::<Vec<_>>(), [Some(other.0)]);
    for (project, status) in [(one, StatusCode::NOT_FOUND), (other, StatusCode::OK)] {
        assert_eq!(stage.ask("get", &format!("/projects/{project}"), &of_other).await.status, status);
    }
}

#[tokio::test]
async fn an_expired_token_is_let_in_nowhere_and_told_so() {
    let stage = Stage::new().await;
    let ended = stage.token(TokenRights { expires_at: Some(clock::now()), ..BOUNDLESS }).await;
    for route in routes().iter().filter(|route| route.path != "/openapi.json") {
        let answer = stage.ask(route.method, &stage.address(route.path), &ended).await;
        assert_eq!((answer.status, code(&answer).as_str()), (StatusCode::UNAUTHORIZED, "unauthorized"));
        assert!(answer.text().contains("The token has expired"), "{}", route.path);
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    assert!(stage.trial.edges.store.people().api_tokens(stage.anna).await.unwrap()[0].used_at.is_none());
}
