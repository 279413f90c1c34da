//! The repositories that somebody may administer.

use super::{Client, ForgeError};
use kozmic_model::{ids::RepositoryId, project::Repository};
use secrecy::SecretString;
use serde::Deserialize;

/// A guard against a list that never ends: 100 pages are 10,000 repositories.
const PAGE_LIMIT: usize = 100;

#[derive(Deserialize)]
struct RepositoryAnswer {
    id: i64,
    name: String,
    owner: Owner,
    private: bool,
    default_branch: Option<String>,
    html_url: String,
    clone_url: String,
    permissions: Option<Permissions>,
}

#[derive(Deserialize)]
struct Owner {
    login: String,
}

#[derive(Deserialize)]
struct Permissions {
    admin: bool,
}

impl RepositoryAnswer {
    fn is_administered(&self) -> bool {
        self.permissions.as_ref().is_some_and(|permissions| permissions.admin)
    }

    fn into_model(self) -> Repository {
        let Self { id, name, owner, private, default_branch, html_url, clone_url, permissions: _ } = self;
        let default_branch = default_branch.unwrap_or_else(|| "main".to_owned());
        Repository {
            id: RepositoryId(id),
            owner: owner.login,
            name,
            private,
            default_branch,
            html_url,
            clone_url,
        }
    }
}

pub(super) async fn administered(
    client: &Client,
    token: &SecretString,
) -> Result<Vec<Repository>, ForgeError> {
    let mut url = client.path(&["user", "repos"])?;
    url.query_pairs_mut()
        .append_pair("affiliation", "owner,collaborator,organization_member")
        .append_pair("per_page", "100");
    let mut found = Vec::new();
    let mut next = Some(url);
    for _ in 0..PAGE_LIMIT {
        let Some(url) = next else { break };
        let page = client.page::<RepositoryAnswer>(url, token).await?;
        let administered = page.items.into_iter().filter(RepositoryAnswer::is_administered);
        found.extend(administered.map(RepositoryAnswer::into_model));
        next = page.next;
    }
    Ok(found)
}
