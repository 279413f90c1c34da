//! Repositories in GitHub's JSON.

use serde_json::{Map, Value, json};

use super::Shapes;
use super::user::{merge, permissions};
use crate::github::world::Repository;

/// The addresses below a repository's own that each answer repeats.
const BELOW: [(&str, &str); 22] = [
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("pulls_url", "/pulls{/number}"),
    ("statuses_url", "/statuses/{sha}"),
    ("tags_url", "/tags"),
    ("trees_url", "/git/trees{/sha}"),
];

impl Shapes<'_> {
    /// A repository as this person sees it; without permissions for nobody.
    pub(in crate::github) fn repository(&self, repository: &Repository, viewer: Option<&str>) -> Value {
        let mut shape = self.identity(repository);
        merge(&mut shape, self.addresses(repository));
        merge(&mut shape, figures(repository));
        if let Some(permission) = viewer.and_then(|login| self.world.permission_of(repository, Some(login))) {
            merge(&mut shape, json!({"permissions": permissions(permission)}));
        }
        shape
    }

    /// A repository as `GET /repos/…` tells of it: with where it was forked from.
    pub(in crate::github) fn full_repository(&self, repository: &Repository, viewer: &str) -> Value {
        let mut shape = self.repository(repository, Some(viewer));
        let parent = repository.fork_of.as_deref().and_then(|parent| self.world.repository(parent));
        if let Some(parent) = parent {
            let parent = self.repository(parent, Some(viewer));
            merge(&mut shape, json!({"parent": parent.clone(), "source": parent}));
        }
        merge(&mut shape, json!({"network_count": 0, "subscribers_count": 1}));
        shape
    }

    fn identity(&self, repository: &Repository) -> Value {
        json!({
            "id": repository.id,
            "node_id": format!("R_{}", repository.id),
            "name": repository.name,
            "full_name": repository.full_name(),
            "private": repository.private,
            "owner": self.simple_user(&repository.owner),
            "description": null,
            "fork": repository.fork_of.is_some(),
            "default_branch": repository.default_branch,
            "visibility": if repository.private { "private" } else { "public" },
            "created_at": repository.created_at,
            "updated_at": repository.created_at,
            "pushed_at": repository.created_at,
        })
    }

    fn addresses(&self, repository: &Repository) -> Value {
        let name = repository.full_name();
        let url = self.api(&format!("/repos/{name}"));
        let host = self.host();
        let web = format!("{}/{name}", self.base);
        let mut addresses = Map::new();
        for (field, below) in BELOW {
            addresses.insert(field.to_owned(), json!(format!("{url}{below}")));
        }
        addresses.insert("url".to_owned(), json!(url));
        addresses.insert("html_url".to_owned(), json!(web));
        addresses.insert("clone_url".to_owned(), json!(format!("{web}.git")));
        addresses.insert("svn_url".to_owned(), json!(web));
        addresses.insert("git_url".to_owned(), json!(format!("git://{host}/{name}.git")));
        addresses.insert("ssh_url".to_owned(), json!(self.ssh_url(&name)));
        Value::Object(addresses)
    }

    /// Address from which a repository is cloned over SSH.
    pub(in crate::github) fn ssh_url(&self, full_name: &str) -> String {
        match &self.world.ssh {
            Some(access) => access.url(full_name),
            None => format!("git@{}:{full_name}.git", without_port(self.host())),
        }
    }

    fn host(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// A repository as a push payload tells of it, where some times are numbers.
    pub(super) fn pushed_repository(&self, repository: &Repository, now: u64) -> Value {
        let mut shape = self.repository(repository, None);
        let mail = self.world.account(&repository.owner).map(|owner| owner.email.clone());
        if let Some(owner) = shape.get_mut("owner") {
            merge(owner, json!({"name": repository.owner, "email": mail}));
        }
        let times = json!({
            "created_at": now,
            "pushed_at": now,
            "stargazers": 0,
            "master_branch": repository.default_branch,
        });
        merge(&mut shape, times);
        shape
    }
}

fn figures(repository: &Repository) -> Value {
    json!({
        "homepage": null,
        "language": null,
        "license": null,
        "mirror_url": null,
        "size": 1,
        "stargazers_count": 0,
        "watchers_count": 0,
        "watchers": 0,
        "forks_count": 0,
        "forks": 0,
        "open_issues_count": 0,
        "open_issues": 0,
        "has_issues": true,
        "has_projects": true,
        "has_downloads": true,
        "has_wiki": true,
        "has_pages": false,
        "has_discussions": false,
        "archived": false,
        "disabled": false,
        "allow_forking": !repository.private,
        "is_template": false,
        "web_commit_signoff_required": false,
        "topics": [],
    })
}

fn without_port(host: &str) -> &str {
    host.split(':').next().unwrap_or(host)
}
