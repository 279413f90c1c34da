//! People and organizations in GitHub's JSON.

use serde_json::{Value, json};

use super::Shapes;
use crate::github::world::{Account, Permission};

impl Shapes<'_> {
    /// A person as part of something else; `null` for nobody that the double knows.
    pub(in crate::github) fn simple_user(&self, login: &str) -> Value {
        let Some(account) = self.world.account(login) else { return Value::Null };
        let (login, url) = (&account.login, self.api(&format!("/users/{}", account.login)));
        json!({
            "login": login,
            "id": account.id,
            "node_id": format!("U_{}", account.id),
            "avatar_url": format!("{}/avatars/u/{}?v=4", self.base, account.id),
            "gravatar_id": "",
            "url": url,
            "html_url": format!("{}/{login}", self.base),
            "followers_url": format!("{url}/followers"),
            "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"),
            "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{url}/subscriptions"),
            "organizations_url": format!("{url}/orgs"),
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events{{/privacy}}"),
            "received_events_url": format!("{url}/received_events"),
            "type": account.kind(),
            "user_view_type": "public",
            "site_admin": false,
        })
    }

    /// A person with what they may do with a repository.
    pub(in crate::github) fn collaborator(&self, login: &str, permission: Permission) -> Value {
        let mut shape = self.simple_user(login);
        merge(
            &mut shape,
            json!({"permissions": permissions(permission), "role_name": permission.role_name()}),
        );
        shape
    }

    /// An organization as payloads tell of it.
    pub(super) fn organization(&self, account: &Account) -> Value {
        let (login, url) = (&account.login, self.api(&format!("/orgs/{}", account.login)));
        json!({
            "login": login,
            "id": account.id,
            "node_id": format!("O_{}", account.id),
            "url": url,
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events"),
            "hooks_url": format!("{url}/hooks"),
            "issues_url": format!("{url}/issues"),
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}"),
            "avatar_url": format!("{}/avatars/u/{}?v=4", self.base, account.id),
            "description": null,
        })
    }

    /// The signed-in person, as `GET /user` tells of them.
    pub(in crate::github) fn own_user(&self, login: &str) -> Value {
        let Some(account) = self.world.account(login) else { return Value::Null };
        let owned = self.world.repositories.iter().filter(|one| one.owner == account.login);
        let mut user = self.simple_user(login);
        let more = json!({
            "name": account.name,
            "company": null,
            "blog": "",
            "location": null,
            "email": null,
            "hireable": null,
            "bio": null,
            "twitter_username": null,
            "notification_email": null,
            "public_repos": owned.filter(|one| !one.private).count(),
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "created_at": account.created_at,
            "updated_at": account.created_at,
        });
        merge(&mut user, more);
        user
    }

    /// The person's addresses of mail, as `GET /user/emails` lists them.
    pub(in crate::github) fn emails(&self, login: &str) -> Value {
        let Some(account) = self.world.account(login) else { return json!([]) };
        json!([
            {
                "email": format!("{}@users.noreply.example.com", account.login),
                "primary": false,
                "verified": true,
                "visibility": null,
            },
            {"email": account.email, "primary": true, "verified": true, "visibility": "private"},
        ])
    }

    /// The author of a commit in a payload; with `username` if the mail tells who it is.
    pub(super) fn payload_author(&self, name: &str, email: &str) -> Value {
        let mut author = json!({"name": name, "email": email});
        if let Some(login) = self.world.login_of_email(email) {
            merge(&mut author, json!({"username": login}));
        }
        author
    }
}

/// The rights that a permission stands for.
pub(super) fn permissions(permission: Permission) -> Value {
    json!({
        "admin": permission >= Permission::Admin,
        "maintain": permission >= Permission::Maintain,
        "push": permission >= Permission::Push,
        "triage": permission >= Permission::Triage,
        "pull": permission >= Permission::Pull,
    })
}

/// Adds the fields of one object to another.
pub(super) fn merge(target: &mut Value, more: Value) {
    if let (Some(target), Value::Object(more)) = (target.as_object_mut(), more) {
        target.extend(more);
    }
}
