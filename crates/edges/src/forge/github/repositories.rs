//! Repositories: those that a person can reach, their collaborators, and the repository of a delivery.

use super::{Client, ForgeError, UnreadablePayload, payload};
use kozmic_model::{
    fork::Pusher,
    ids::{ForgeUserId, RepositoryId},
    project::{Access, Collaborator, Permission, Repository},
    user::Profile,
};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;

#[derive(Deserialize)]
struct RepositoryAnswer {
    id: i64,
    name: String,
    owner: Owner,
    private: bool,
    default_branch: Option<String>,
    html_url: String,
    clone_url: String,
    #[serde(default)]
    ssh_url: String,
    #[serde(default)]
    permissions: Permissions,
}

/// The part that every delivery of a repository's webhook has.
#[derive(Deserialize)]
struct AboutRepository {
    repository: RepositoryAnswer,
}

#[derive(Deserialize)]
struct Owner {
    login: String,
}

/// The rights as GitHub tells them. If it tells none, the person may only read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Permissions {
    admin: bool,
    maintain: bool,
    push: bool,
}

#[derive(Deserialize)]
struct CollaboratorAnswer {
    id: i64,
    login: String,
    avatar_url: Option<String>,
    #[serde(default)]
    permissions: Permissions,
}

impl From<Permissions> for Permission {
    fn from(Permissions { admin, maintain, push }: Permissions) -> Self {
        match (admin, maintain || push) {
            (true, _) => Self::Admin,
            (false, true) => Self::Push,
            (false, false) => Self::Read,
        }
    }
}

impl From<RepositoryAnswer> for Access {
    fn from(answer: RepositoryAnswer) -> Self {
        let RepositoryAnswer { id, name, owner, private, default_branch, .. } = answer;
        let RepositoryAnswer { html_url, clone_url, ssh_url, permissions, .. } = answer;
        let id = RepositoryId(id);
        let default_branch = default_branch.unwrap_or_else(|| "main".to_owned());
        let owner = owner.login;
        let repository =
            Repository { id, owner, name, private, default_branch, html_url, clone_url, ssh_url };
        Self { repository, permission: permissions.into() }
    }
}

/// The list has only logins. The names of people come when they sign in.
impl From<CollaboratorAnswer> for Collaborator {
    fn from(CollaboratorAnswer { id, login, avatar_url, permissions }: CollaboratorAnswer) -> Self {
        let profile = Profile {
            forge_id: ForgeUserId(id),
            name: login.clone(),
            login,
            avatar_url: avatar_url.unwrap_or_default(),
            email: None,
        };
        Self { profile, permission: permissions.into() }
    }
}

pub(super) async fn reachable(client: &Client, token: &SecretString) -> Result<Vec<Access>, ForgeError> {
    let mut url = client.path(&["user", "repos"])?;
    url.query_pairs_mut().append_pair("affiliation", "owner,collaborator,organization_member");
    let found = client.list::<RepositoryAnswer>(url, token).await?;
    Ok(found.into_iter().map(Access::from).collect())
}

pub(super) async fn organizations(client: &Client, token: &SecretString) -> Result<Vec<String>, ForgeError> {
    let found = client.list::<Owner>(client.path(&["user", "orgs"])?, token).await?;
    Ok(found.into_iter().map(|organization| organization.login).collect())
}

pub(super) async fn by_id(
    client: &Client,
    token: &SecretString,
    id: RepositoryId,
) -> Result<Option<Repository>, ForgeError> {
    found(client, token, &["repositories", &id.to_string()]).await
}

pub(super) async fn by_name(
    client: &Client,
    token: &SecretString,
    owner: &str,
    name: &str,
) -> Result<Option<Repository>, ForgeError> {
    match is_name(owner) && is_name(name) {
        true => found(client, token, &["repos", owner, name]).await,
        false => Ok(None),
    }
}

async fn found(
    client: &Client,
    token: &SecretString,
    path: &[&str],
) -> Result<Option<Repository>, ForgeError> {
    match client.get::<RepositoryAnswer>(client.path(path)?, token).await {
        Ok(found) => Ok(Some(Access::from(found).repository)),
        Err(fault) if fault.is_missing() => Ok(None),
        Err(fault) => Err(fault),
    }
}

pub(super) fn of_payload(payload: &[u8]) -> Result<Repository, UnreadablePayload> {
    let about = serde_json::from_slice::<AboutRepository>(payload);
    let about = about.map_err(|fault| payload::unreadable("delivery", &fault))?;
    let repository = Access::from(about.repository).repository;
    if repository.id.0 <= 0 {
        return Err(payload::unreadable("delivery", &"its repository has a number that none can have"));
    }
    match is_name(&repository.owner) && is_name(&repository.name) {
        true => Ok(repository),
        false => Err(payload::unreadable("delivery", &"its repository has a name that none can have")),
    }
}

/// True if the text can be the name of an account or a repository, without harm in a path.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=100).contains(&text.len()) && text.bytes().all(fits) && !matches!(text, "." | "..")
}

pub(super) async fn collaborators(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
) -> Result<Vec<Collaborator>, ForgeError> {
    let mut url = client.repository_path(repository, &["collaborators"])?;
    url.query_pairs_mut().append_pair("affiliation", "all");
    let found = client.list::<CollaboratorAnswer>(url, token).await?;
    Ok(found.into_iter().map(Collaborator::from).collect())
}

#[derive(Deserialize)]
struct PermissionAnswer {
    permission: String,
    user: UserAnswer,
}

#[derive(Deserialize)]
struct UserAnswer {
    id: i64,
}

/// The right of one person, from all sources of rights. The login may belong to another person now.
pub(super) async fn permission(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
    person: &Pusher,
) -> Result<Option<Permission>, ForgeError> {
    let path = client.repository_path(repository, &["collaborators", &person.login, "permission"])?;
    let PermissionAnswer { permission, user } = client.get(path, token).await?;
    let permission = match permission.as_str() {
        "admin" => Some(Permission::Admin),
        "write" => Some(Permission::Push),
        "read" => Some(Permission::Read),
        _ => None,
    };
    Ok(permission.filter(|_| user.id == person.id.0))
}

/// The meaning of a 404 for a thing to be removed. GitHub answers so if the thing is gone, and also if the person may
/// not administer the repository.
///
/// # Errors
/// [`ForgeError::is_missing`] if the token's person does not see the repository. A refusal if that person may only see
/// it.
pub(super) async fn gone(
    client: &Client,
    token: &SecretString,
    repository: &Repository,
) -> Result<(), ForgeError> {
    let path = client.repository_path(repository, &[])?;
    match Access::from(client.get::<RepositoryAnswer>(path, token).await?).permission {
        Permission::Admin => Ok(()),
        Permission::Read | Permission::Push => {
            let words = format!("only who administers {} may remove this", repository.full_name());
            Err(client.refused(StatusCode::FORBIDDEN, words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::github::tests::loopback::Loopback;
    use serde_json::{Value, json};

    fn permission(permissions: Value) -> Permission {
        serde_json::from_value::<Permissions>(permissions).unwrap().into()
    }

    #[test]
    fn the_highest_permission_counts() {
        assert_eq!(permission(json!({ "admin": true, "push": true, "pull": true })), Permission::Admin);
        assert_eq!(permission(json!({ "admin": false, "maintain": true, "push": true })), Permission::Push);
        assert_eq!(permission(json!({ "push": true })), Permission::Push);
        assert_eq!(permission(json!({ "push": false, "triage": true, "pull": true })), Permission::Read);
    }

    #[test]
    fn a_repository_may_lack_what_old_servers_do_not_tell() {
        let answer = json!({ "id": 7, "name": "app", "owner": { "login": "anna" }, "private": true,
            "default_branch": null, "html_url": "h", "clone_url": "c" });
        let Access { repository, permission } =
            serde_json::from_value::<RepositoryAnswer>(answer).unwrap().into();
        assert_eq!((repository.full_name().as_str(), repository.ssh_url.as_str()), ("anna/app", ""));
        assert_eq!((repository.default_branch.as_str(), permission), ("main", Permission::Read));
    }

    fn shape(owner: &str, name: &str) -> Value {
        json!({ "id": 7, "name": name, "owner": { "login": owner, "name": "other" }, "private": true,
            "default_branch": "trunk", "html_url": "h", "clone_url": "c", "ssh_url": "s" })
    }

    #[test]
    fn every_delivery_tells_its_repository() {
        let payload = json!({ "zen": "x", "hook_id": 1, "repository": shape("anna", "app") }).to_string();
        let repository = of_payload(payload.as_bytes()).unwrap();
        assert_eq!((repository.id, repository.full_name().as_str()), (RepositoryId(7), "anna/app"));
        assert_eq!((repository.private, repository.default_branch.as_str()), (true, "trunk"));
        let Repository { html_url, clone_url, ssh_url, .. } = repository;
        assert_eq!([html_url, clone_url, ssh_url], ["h", "c", "s"]);
    }

    #[test]
    fn a_delivery_about_no_repository_is_unreadable() {
        let mut payloads = vec![json!({}), json!([]), json!({ "repository": null })];
        payloads.push(json!({ "repository": { "id": "7" } }));
        let names = [("..", "app"), ("anna", ".."), ("anna", ""), ("anna", "a/b"), ("an\na", "app")];
        payloads.extend(names.map(|(owner, name)| json!({ "repository": shape(owner, name) })));
        for number in [0, -5] {
            let mut odd = shape("anna", "app");
            odd["id"] = json!(number);
            payloads.push(json!({ "repository": odd }));
        }
        for payload in payloads {
            assert!(of_payload(payload.to_string().as_bytes()).is_err(), "{payload}");
        }
        let fault = of_payload(b"\xff{").unwrap_err();
        assert!(fault.to_string().contains("\"delivery\""), "{fault}");
    }

    #[tokio::test]
    async fn a_persons_right_is_theirs_and_not_that_of_whoever_has_the_login_now() {
        let said =
            |word: &str, id| json!({ "permission": word, "user": { "login": "eve", "id": id } }).to_string();
        let answers = [("admin", 7), ("write", 7), ("read", 7), ("none", 7), ("admin", 8)];
        let loopback = Loopback::answering(answers.map(|(word, id)| (200, said(word, id)))).await;
        let eve = Pusher { id: ForgeUserId(7), login: "eve".to_owned() };
        let mut told = Vec::new();
        for _ in answers {
            let repository = crate::forge::github::tests::loopback::repository();
            told.push(
                super::permission(&loopback.client(), &"t0ken".into(), &repository, &eve).await.unwrap(),
            );
        }
        let [admin, push, read] = [Permission::Admin, Permission::Push, Permission::Read].map(Some);
        assert_eq!(told, [admin, push, read, None, None]);
        assert_eq!(loopback.asked()[0], "GET /api/repositories/1/collaborators/eve/permission");
    }

    async fn named(loopback: &Loopback, owner: &str, name: &str) -> Option<String> {
        let found = by_name(&loopback.client(), &"t0ken".into(), owner, name).await.unwrap();
        found.map(|repository| repository.full_name())
    }

    #[tokio::test]
    async fn a_repository_is_found_by_the_name_that_it_had() {
        let loopback = Loopback::start(|origin| {
            let on = format!("301 X\r\nlocation: {origin}/api/repositories/7\r\n");
            let answer = ("200 OK\r\n".to_owned(), shape("anna", "app").to_string());
            vec![(on, "{}".to_owned()), answer]
        });
        let loopback = loopback.await;
        assert_eq!(named(&loopback, "anna", "old").await.as_deref(), Some("anna/app"));
        assert_eq!(loopback.asked(), ["GET /api/repos/anna/old", "GET /api/repositories/7"]);
    }

    #[tokio::test]
    async fn a_name_of_no_repository_is_nobodys() {
        let loopback = Loopback::answering([(404, "{}".to_owned())]).await;
        for (owner, name) in [("..", "user"), ("anna", "."), ("anna", "a/b"), ("", "app"), ("anna", "a b")] {
            assert_eq!(named(&loopback, owner, name).await, None);
        }
        assert!(loopback.asked().is_empty(), "an odd name is asked for nowhere");
        assert_eq!(named(&loopback, "anna", "app").await, None);
        assert_eq!(loopback.asked(), ["GET /api/repos/anna/app"]);
    }

    #[test]
    fn a_collaborator_is_called_by_the_login() {
        let answer = json!({ "id": 9, "login": "eve", "avatar_url": "a", "permissions": { "push": true } });
        let found = Collaborator::from(serde_json::from_value::<CollaboratorAnswer>(answer).unwrap());
        assert_eq!((found.profile.name.as_str(), found.profile.email), ("eve", None));
        assert_eq!(found.permission, Permission::Push);
    }
}
