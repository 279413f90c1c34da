//! Changes that an admin makes to a repository: its name, its owner, who sees it, its default branch. The id stays,
//! and with it webhooks, keys, and all that was ever pushed; old names lead on to the new one.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::GitHub;
use super::delivery::Occasion;
use super::world::{Delivery, Permission, World};

impl GitHub {
    /// Puts an Enterprise server into private mode, or out of it: whoever is not signed in sees nothing, and git asks
    /// for credentials even where a repository is public. Deploy keys open theirs.
    pub fn set_private_mode(&self, private: bool) {
        self.double.change(|world| world.private_mode = private);
    }

    /// Renames a repository to another name of the same owner, such as `anna/hello` to `anna/world`, and tells
    /// the webhooks (`repository`, `renamed`).
    pub async fn rename_repository(&self, repository: &str, new_name: &str) -> Result<Vec<Delivery>> {
        let (owner, name) = new_name.split_once('/').context("a full name has a slash")?;
        let old = self.repository(repository).with_context(|| format!("no repository {repository}"))?;
        ensure!(old.owner.eq_ignore_ascii_case(owner), "another owner gets it by transfer_repository");
        self.double.change(|world| world.move_repository(old.id, &old.owner, name));
        self.tell_of_repository(new_name, "renamed", json!({"repository": {"name": {"from": old.name}}}))
            .await
    }

    /// Gives a repository to another person or organization under its old name, and tells the webhooks
    /// (`repository`, `transferred`). Its old owner stays as a collaborator who may write.
    pub async fn transfer_repository(&self, repository: &str, new_owner: &str) -> Result<Vec<Delivery>> {
        let old = self.repository(repository).with_context(|| format!("no repository {repository}"))?;
        let kind = self.double.change(|world| {
            let owner = world.account(new_owner).context("nobody is called so: add them first")?;
            let owner = owner.login.clone();
            world.move_repository(old.id, &owner, &old.name);
            world.keep_old_owner(&format!("{owner}/{}", old.name), &old.owner);
            let was_person = world.account(&old.owner).is_some_and(|account| account.is_person());
            anyhow::Ok(if was_person { "user" } else { "organization" })
        })?;
        let from = self.double.shapes(|shapes| shapes.simple_user(&old.owner));
        let new_name = format!("{new_owner}/{}", old.name);
        self.tell_of_repository(&new_name, "transferred", json!({"owner": {"from": {kind: from}}})).await
    }

    /// Hides a repository from all who were not given a permission, or shows it to everybody, and tells the
    /// webhooks (`repository`, `privatized` or `publicized`).
    pub async fn set_private(&self, repository: &str, private: bool) -> Result<Vec<Delivery>> {
        self.double.change(|world| {
            let repository = world.repository_mut(repository).context("no such repository")?;
            repository.private = private;
            anyhow::Ok(())
        })?;
        let action = if private { "privatized" } else { "publicized" };
        self.tell_of_repository(repository, action, Value::Null).await
    }

    /// Makes another branch the one that a clone checks out, and tells the webhooks (`repository`, `edited`).
    pub async fn set_default_branch(&self, repository: &str, branch: &str) -> Result<Vec<Delivery>> {
        let head = format!("refs/heads/{branch}");
        self.double.git(repository).run(&["symbolic-ref", "HEAD", &head]).await?;
        let old = self.double.change(|world| {
            let repository = world.repository_mut(repository).context("no such repository")?;
            anyhow::Ok(std::mem::replace(&mut repository.default_branch, branch.to_owned()))
        })?;
        self.tell_of_repository(repository, "edited", json!({"default_branch": {"from": old}})).await
    }

    async fn tell_of_repository(
        &self,
        repository: &str,
        action: &str,
        changes: Value,
    ) -> Result<Vec<Delivery>> {
        let changes = Some(changes).filter(|changes| !changes.is_null());
        let payload = self.double.shapes(|shapes| shapes.repository_event(repository, action, changes));
        let payload = payload.context("the repository is gone")?;
        let (repository, event) = (repository.to_owned(), "repository".to_owned());
        Ok(self.double.deliver(Occasion { repository, event, payload }).await)
    }
}

impl World {
    /// Gives a repository another full name; all that knows it by its name follows.
    fn move_repository(&mut self, id: u64, owner: &str, name: &str) {
        let Some(repository) = self.repositories.iter_mut().find(|one| one.id == id) else { return };
        let old = repository.full_name();
        owner.clone_into(&mut repository.owner);
        name.clone_into(&mut repository.name);
        let new = repository.full_name();
        for one in &mut self.repositories {
            let pulls = one.pulls.iter_mut().flat_map(|pull| [&mut pull.head, &mut pull.base]);
            let names = pulls.map(|side| &mut side.repository).chain(&mut one.fork_of);
            names.filter(|name| **name == old).for_each(|name| new.clone_into(name));
        }
        self.moved.insert(old.to_lowercase(), id);
    }

    /// After a transfer: who had the repository may still write, who has it now needs no permission, and the
    /// old organization's teams are not its teams any more.
    fn keep_old_owner(&mut self, repository: &str, old_owner: &str) {
        let was_person = self.account(old_owner).is_some_and(|account| account.is_person());
        let Some(repository) = self.repository_mut(repository) else { return };
        let (id, owner) = (repository.id, repository.owner.clone());
        repository.set_collaborator(&owner, None);
        if was_person && !owner.eq_ignore_ascii_case(old_owner) {
            repository.set_collaborator(old_owner, Some(Permission::Push));
        }
        if let Some(organization) = self.organization_mut(old_owner) {
            organization.forget(id);
        }
    }
}
